import { defineScript, type Script } from '../../client/script.ts';

/** The fields of an entry: which append brought it, and the event as JSON. */
export const BATCH_FIELD = 'b';
export const EVENT_FIELD = 'e';

/**
 * Appends events to a stream. KEYS: the stream. ARGV: the name of the batch; about how many entries the stream may have; its
 * time to live in ms; the events. Answers the id of the last one, and how many there are now. One request, one slot.
 */
export const eventAppend: Script = defineScript({
  name: 'event-append',
  lua: `
local id
for index = 4, #ARGV do
  id = redis.call('XADD', KEYS[1], '*', '${BATCH_FIELD}', ARGV[1], '${EVENT_FIELD}', ARGV[index])
end
redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {id, redis.call('XLEN', KEYS[1])}
`,
  memory(redis, [key = ''], [batch = '', maxLength = '', ttlMs = '', ...events]) {
    let id = '';
    for (const event of events) id = String(redis.call('XADD', key, '*', BATCH_FIELD, batch, EVENT_FIELD, event));
    redis.call('XTRIM', key, 'MAXLEN', '~', maxLength);
    redis.call('PEXPIRE', key, ttlMs);
    return [id, redis.call('XLEN', key)];
  },
});
