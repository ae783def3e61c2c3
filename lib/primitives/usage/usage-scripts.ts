import { defineScript, type Script } from '../../client/script.ts';

/** Before each key's id, so that none of them is one of the hash's own fields. */
export const KEY_MARK = ':';

/**
 * Adds uses to the hash of a shard and day. KEYS: the hash. ARGV: an epoch for where it has none; its life in ms; fields and
 * what to add to each, in turn. One step, so that no count ever stands without an epoch.
 */
export const useScript: Script = defineScript({
  name: 'usage-use',
  lua: `
redis.call('HSETNX', KEYS[1], 'epoch', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2], 'NX')
redis.call('HINCRBY', KEYS[1], 'changes', 1)
for at = 3, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[at], ARGV[at + 1]) end
return 1
`,
  memory(redis, [hash = ''], [epoch = '', lifeMs = '', ...uses]) {
    redis.call('HSETNX', hash, 'epoch', epoch);
    redis.call('PEXPIRE', hash, lifeMs, 'NX');
    redis.call('HINCRBY', hash, 'changes', 1);
    for (let at = 0; at < uses.length; at += 2) redis.call('HINCRBY', hash, uses[at] ?? '', uses[at + 1] ?? '');
    return 1;
  },
});

/**
 * Which hashes have changed since they were drained last. KEYS: the hashes of a shard. ARGV: 1 for all that there are.
 * Answers their places, from 0.
 */
export const changedScript: Script = defineScript({
  name: 'usage-changed',
  lua: `
local places = {}
for at, key in ipairs(KEYS) do
  local seen = redis.call('HMGET', key, 'changes', 'drained')
  if seen[1] and (ARGV[1] == '1' or seen[1] ~= seen[2]) then places[#places + 1] = at - 1 end
end
return places
`,
  memory(redis, keys, [all = '']) {
    return keys.flatMap((key, place) => {
      const seen = redis.call('HMGET', key, 'changes', 'drained');
      const [changes, drained] = Array.isArray(seen) ? seen : [];
      return typeof changes === 'string' && (all === '1' || changes !== drained) ? [place] : [];
    });
  },
});

/**
 * Notes how much of a hash is in the database. KEYS: the hash. ARGV: the epoch, and its changes by then. Nothing where
 * another epoch has begun, or somebody has got further.
 */
export const drainedScript: Script = defineScript({
  name: 'usage-drained',
  lua: `
local seen = redis.call('HMGET', KEYS[1], 'epoch', 'drained')
if seen[1] ~= ARGV[1] or tonumber(ARGV[2]) <= tonumber(seen[2] or '0') then return 0 end
redis.call('HSET', KEYS[1], 'drained', ARGV[2])
return 1
`,
  memory(redis, [hash = ''], [epoch = '', changes = '']) {
    const seen = redis.call('HMGET', hash, 'epoch', 'drained');
    const [current, drained] = Array.isArray(seen) ? seen : [];
    if (current !== epoch || Number(changes) <= Number(drained ?? '0')) return 0;
    redis.call('HSET', hash, 'drained', changes);
    return 1;
  },
});
