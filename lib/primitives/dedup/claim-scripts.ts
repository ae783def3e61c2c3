import { defineScript, type Script } from '../../client/script.ts';

/**
 * A claim is a hash: `owner` the digest of its owner's token, `work` the fingerprint of what it is for, `done` once it is
 * finished, `result` what came of it, if anything. All scripts have it as their one key, and answer words.
 */

/**
 * Takes a claim, or says why not. ARGV: owner, processingMs, fingerprint. Who has it already gets it again, so that a lost
 * answer costs nothing.
 */
export const claimScript: Script = defineScript({
  name: 'dedup-claim',
  lua: `
local held = redis.call('HMGET', KEYS[1], 'owner', 'work', 'done', 'result')
if not held[1] then
  redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'work', ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return {'claimed'}
end
if held[2] ~= ARGV[3] then return {'mismatch'} end
if held[3] then
  if held[4] then return {'duplicate', held[4]} end
  return {'duplicate'}
end
if held[1] == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return {'claimed'}
end
return {'in-progress', redis.call('PTTL', KEYS[1])}
`,
  memory(redis, [key = ''], [claimer = '', processingMs = '', fingerprint = '']) {
    const [owner, work, done, result] = fieldsOf(redis.call('HMGET', key, 'owner', 'work', 'done', 'result'));
    if (owner === null) {
      redis.call('HSET', key, 'owner', claimer, 'work', fingerprint);
      redis.call('PEXPIRE', key, processingMs);
      return ['claimed'];
    }
    if (work !== fingerprint) return ['mismatch'];
    if (done !== null) return typeof result === 'string' ? ['duplicate', result] : ['duplicate'];
    if (owner === claimer) {
      redis.call('PEXPIRE', key, processingMs);
      return ['claimed'];
    }
    return ['in-progress', Number(redis.call('PTTL', key))];
  },
});

/** Stores what came of a claim, unless it is somebody else's by now. ARGV: owner, retentionMs, fingerprint, the result if any. */
export const finishScript: Script = defineScript({
  name: 'dedup-finish',
  lua: `
local owner = redis.call('HGET', KEYS[1], 'owner')
if owner and owner ~= ARGV[1] then return 'lost' end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'work', ARGV[3], 'done', '1')
if ARGV[4] then redis.call('HSET', KEYS[1], 'result', ARGV[4]) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 'finished'
`,
  memory(redis, [key = ''], [claimer = '', retentionMs = '', fingerprint = '', result]) {
    const owner = redis.call('HGET', key, 'owner');
    if (owner !== null && owner !== claimer) return 'lost';
    redis.call('HSET', key, 'owner', claimer, 'work', fingerprint, 'done', '1');
    if (result !== undefined) redis.call('HSET', key, 'result', result);
    redis.call('PEXPIRE', key, retentionMs);
    return 'finished';
  },
});

/** Gives up a claim that is not finished. ARGV: owner. */
export const failScript: Script = defineScript({
  name: 'dedup-fail',
  lua: `
local held = redis.call('HMGET', KEYS[1], 'owner', 'done')
if held[1] ~= ARGV[1] or held[2] then return 'lost' end
redis.call('DEL', KEYS[1])
return 'freed'
`,
  memory(redis, [key = ''], [claimer = '']) {
    const [owner, done] = fieldsOf(redis.call('HMGET', key, 'owner', 'done'));
    if (owner !== claimer || done !== null) return 'lost';
    redis.call('DEL', key);
    return 'freed';
  },
});

/** Keeps a claim that is not finished. ARGV: owner, processingMs. */
export const extendScript: Script = defineScript({
  name: 'dedup-extend',
  lua: `
local held = redis.call('HMGET', KEYS[1], 'owner', 'done')
if held[1] ~= ARGV[1] or held[2] then return 'lost' end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 'extended'
`,
  memory(redis, [key = ''], [claimer = '', processingMs = '']) {
    const [owner, done] = fieldsOf(redis.call('HMGET', key, 'owner', 'done'));
    if (owner !== claimer || done !== null) return 'lost';
    redis.call('PEXPIRE', key, processingMs);
    return 'extended';
  },
});

function fieldsOf(reply: unknown): readonly (string | null)[] {
  return Array.isArray(reply) ? reply.map((field: unknown) => (typeof field === 'string' ? field : null)) : [];
}
