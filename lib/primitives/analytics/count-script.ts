import { defineScript, type Script } from '../../client/script.ts';

/**
 * Counts. KEYS: the hash; what says that this id has been counted, where that matters. ARGV: field, by, the hash's life in
 * ms, how long the id counts. Answers 1, or 0 where the id has been counted. The id is noted last: what could not be
 * counted has not been.
 */
export const countScript: Script = defineScript({
  name: 'analytics-count',
  lua: `
if KEYS[2] and redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if KEYS[2] then redis.call('SET', KEYS[2], '1', 'PX', ARGV[4]) end
return 1
`,
  memory(redis, [live = '', seen], [field = '', by = '', lifeMs = '', onceMs = '']) {
    if (seen !== undefined && redis.call('EXISTS', seen) === 1) return 0;
    redis.call('HINCRBY', live, field, by);
    redis.call('PEXPIRE', live, lifeMs);
    if (seen !== undefined) redis.call('SET', seen, '1', 'PX', onceMs);
    return 1;
  },
});
