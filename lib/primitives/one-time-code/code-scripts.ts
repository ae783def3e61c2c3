import { defineScript, type Script } from '../../client/script.ts';
import type { ScriptContext } from '../../store/script-twins.ts';

/*
 * Of an account: its code (a hash of `digest` and `tries`), its wrong answers (a number), its wait for another code, and
 * the grant: in which attempt the last code was verified. Each ends by its own time to live, so that no script needs a
 * clock. A count that cannot be read counts as full.
 */

/** For so long an attempt whose answer was lost may be made again. */
export const GRANT_MS = 60_000;

/**
 * Puts a code in the place of the last. KEYS: code, failures, cooldown, grant. ARGV: the digest, its life in ms, failures
 * that lock, the cooldown in ms. Answers `issued`, or `locked` or `cooldown` and for how long, in ms. One request, one slot.
 */
export const issueScript: Script = defineScript({
  name: 'one-time-code-issue',
  lua: `
local failures = tonumber(string.match(redis.call('GET', KEYS[2]) or '0', '^%d+$') or '')
if not failures or failures >= tonumber(ARGV[3]) then return {'locked', redis.call('PTTL', KEYS[2])} end
local waits = redis.call('PTTL', KEYS[3])
if waits > 0 then return {'cooldown', waits} end
redis.call('DEL', KEYS[1], KEYS[4])
redis.call('HSET', KEYS[1], 'digest', ARGV[1], 'tries', 0)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if tonumber(ARGV[4]) > 0 then redis.call('SET', KEYS[3], 1, 'PX', ARGV[4]) end
return {'issued', 0}
`,
  memory(
    redis,
    [code = '', failures = '', cooldown = '', grant = ''],
    [digest = '', lifeMs = '', most = '', cooldownMs = ''],
  ) {
    if (isLocked(redis, failures, most)) return ['locked', redis.call('PTTL', failures)];
    const waits = Number(redis.call('PTTL', cooldown));
    if (waits > 0) return ['cooldown', waits];
    redis.call('DEL', code, grant);
    redis.call('HSET', code, 'digest', digest, 'tries', 0);
    redis.call('PEXPIRE', code, lifeMs);
    if (Number(cooldownMs) > 0) redis.call('SET', cooldown, 1, 'PX', cooldownMs);
    return ['issued', 0];
  },
});

/**
 * Compares an answer with the code, and counts it if it is wrong. KEYS: code, failures, grant. ARGV: the digest of the
 * answer, tries of a code, failures that lock, how long failures count in ms, the grant of the attempt or `''`. Answers
 * `verified`, `expired`, `wrong` and how many tries are left, or `locked` and for how long in ms. One request, one slot;
 * never to be run twice for one answer.
 *
 * Any other answer ends a grant: who would guess one, uncounted, has one guess.
 */
export const verifyScript: Script = defineScript({
  name: 'one-time-code-verify',
  lua: `
local failures = tonumber(string.match(redis.call('GET', KEYS[2]) or '0', '^%d+$') or '')
if not failures or failures >= tonumber(ARGV[3]) then return {'locked', redis.call('PTTL', KEYS[2])} end
local digest = redis.call('HGET', KEYS[1], 'digest')
if not digest then
  if redis.call('GET', KEYS[3]) == ARGV[5] then return {'verified', 0} end
  redis.call('DEL', KEYS[3])
  return {'expired', 0}
end
if digest == ARGV[1] then
  redis.call('DEL', KEYS[1], KEYS[2])
  if ARGV[5] ~= '' then redis.call('SET', KEYS[3], ARGV[5], 'PX', ${GRANT_MS}) end
  return {'verified', 0}
end
local tries = redis.call('HINCRBY', KEYS[1], 'tries', 1)
failures = redis.call('INCR', KEYS[2])
if failures == 1 then redis.call('PEXPIRE', KEYS[2], ARGV[4]) end
local left = math.max(0, math.min(tonumber(ARGV[2]) - tries, tonumber(ARGV[3]) - failures))
if left == 0 then redis.call('DEL', KEYS[1]) end
return {'wrong', left}
`,
  memory(
    redis,
    [code = '', failures = '', granted = ''],
    [answer = '', maxTries = '', most = '', windowMs = '', grant = ''],
  ) {
    if (isLocked(redis, failures, most)) return ['locked', redis.call('PTTL', failures)];
    const digest = redis.call('HGET', code, 'digest');
    if (digest === null) {
      if (redis.call('GET', granted) === grant) return ['verified', 0];
      redis.call('DEL', granted);
      return ['expired', 0];
    }
    if (digest === answer) {
      redis.call('DEL', code, failures);
      if (grant !== '') redis.call('SET', granted, grant, 'PX', GRANT_MS);
      return ['verified', 0];
    }
    const tries = Number(redis.call('HINCRBY', code, 'tries', 1));
    const failed = Number(redis.call('INCR', failures));
    if (failed === 1) redis.call('PEXPIRE', failures, windowMs);
    const left = Math.max(0, Math.min(Number(maxTries) - tries, Number(most) - failed));
    if (left === 0) redis.call('DEL', code);
    return ['wrong', left];
  },
});

function isLocked(redis: ScriptContext, failures: string, most: string): boolean {
  const count = /^\d+$/.exec(String(redis.call('GET', failures) ?? 0))?.[0];
  return count === undefined || Number(count) >= Number(most);
}
