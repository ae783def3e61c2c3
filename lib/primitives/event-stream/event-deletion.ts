import { defineScript, type Script } from '../../client/script.ts';
import { BATCH_FIELD } from './event-append.ts';

/**
 * Deletes entries of a stream, as long as they are those of the batch that they are named with: once a stream was lost, or
 * the clock of Redis set back, others may have come under their ids. KEYS: the stream. ARGV: ids and batches in turn.
 * Answers how many have gone. One request, one slot.
 */
export const eventDeletion: Script = defineScript({
  name: 'event-deletion',
  lua: `
local deleted = 0
for index = 1, #ARGV, 2 do
  local entry = redis.call('XRANGE', KEYS[1], ARGV[index], ARGV[index])[1]
  if entry and entry[2][1] == '${BATCH_FIELD}' and entry[2][2] == ARGV[index + 1] then
    deleted = deleted + redis.call('XDEL', KEYS[1], ARGV[index])
  end
end
return deleted
`,
  memory(redis, [key = ''], named) {
    let deleted = 0;
    for (let index = 0; index < named.length; index += 2) {
      const [id = '', batch] = named.slice(index, index + 2);
      const [first, found] = fieldsOf(redis.call('XRANGE', key, id, id));
      if (first === BATCH_FIELD && found === batch) deleted += Number(redis.call('XDEL', key, id));
    }
    return deleted;
  },
});

/** Of the one entry of an answer to XRANGE. */
function fieldsOf(reply: unknown): readonly unknown[] {
  const [entry]: readonly unknown[] = Array.isArray(reply) ? reply : [];
  const [, fields]: readonly unknown[] = Array.isArray(entry) ? entry : [];
  return Array.isArray(fields) ? fields : [];
}
