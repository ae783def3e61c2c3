import { defineScript, type Script } from '../../client/script.ts';
import type { Reply } from '../../store/store.ts';

/** The field of a batch that holds its id. No counter has such a name: theirs are JSON arrays. */
export const BATCH_ID = 'batch';

/**
 * What is to be drained next: the batch that is under way already, else a new one of what was counted. KEYS: live, batch.
 * ARGV: an id for a new batch; how many counters it may have. Answers the batch with its id, or nothing. A lost answer loses
 * nothing: whoever asks again gets the same batch, under the same id, until it is acknowledged.
 */
export const grabScript: Script = defineScript({
  name: 'analytics-grab',
  lua: `
local live, batch, most = KEYS[1], KEYS[2], tonumber(ARGV[2])
if redis.call('EXISTS', batch) == 0 then
  local fields = redis.call('HLEN', live)
  if fields == 0 then return {} end
  if fields <= most then
    redis.call('RENAME', live, batch)
    redis.call('PERSIST', batch)
  else
    local cursor, moved = '0', 0
    repeat
      local page = redis.call('HSCAN', live, cursor, 'COUNT', ARGV[2])
      cursor = page[1]
      for at = 1, #page[2], 2 do
        if moved < most then
          redis.call('HSET', batch, page[2][at], page[2][at + 1])
          moved = moved + redis.call('HDEL', live, page[2][at])
        end
      end
    until moved >= most or cursor == '0'
  end
end
redis.call('HSETNX', batch, '${BATCH_ID}', ARGV[1])
return redis.call('HGETALL', batch)
`,
  memory(redis, [live = '', batch = ''], [id = '', mostText = '']) {
    const most = Number(mostText);
    if (redis.call('EXISTS', batch) === 0) {
      const fields = redis.call('HLEN', live);
      if (fields === 0) return [];
      if (Number(fields) <= most) {
        redis.call('RENAME', live, batch);
        redis.call('PERSIST', batch);
      } else {
        const all = listOf(redis.call('HGETALL', live));
        for (let at = 0; at < 2 * most; at += 2) {
          redis.call('HSET', batch, String(all[at]), String(all[at + 1]));
          redis.call('HDEL', live, String(all[at]));
        }
      }
    }
    redis.call('HSETNX', batch, BATCH_ID, id);
    return redis.call('HGETALL', batch);
  },
});

/** Ends a batch that is in the database. KEYS: batch. ARGV: its id: another batch is left alone. Answers 1 if it ended it. */
export const acknowledgeScript: Script = defineScript({
  name: 'analytics-acknowledge',
  lua: `
if redis.call('HGET', KEYS[1], '${BATCH_ID}') ~= ARGV[1] then return 0 end
return redis.call('UNLINK', KEYS[1])
`,
  memory(redis, [batch = ''], [id = '']) {
    if (redis.call('HGET', batch, BATCH_ID) !== id) return 0;
    return redis.call('UNLINK', batch);
  },
});

function listOf(reply: Reply): readonly Reply[] {
  return Array.isArray(reply) ? reply : [];
}
