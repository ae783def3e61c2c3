import { defineScript, type Script } from '../../client/script.ts';
import { DAY_MS } from '../../clock.ts';
import type { ScriptContext } from '../../store/script-twins.ts';

/**
 * How long the last fence is kept after it was given, beyond the lock's own life. The clock of Redis alone makes the next
 * one greater: this is for the case that it was set back.
 */
const FENCE_LIFE_MS = DAY_MS;

/** From here on a number does not tell its neighbours apart: what stands there is damage. */
const FENCE_BOUND = Number.MAX_SAFE_INTEGER;

/** What stands under the name of a lock: the digest of its holder's token, and the fence that this was given. */
const HOLDER_LUA = `
local function holder()
  local held = redis.call('GET', KEYS[1])
  if not held then return nil end
  local token, fence = string.match(held, '^([%w_-]+):(%d+)$')
  return token or '', fence
end
local function prolong(ms)
  if redis.call('PTTL', KEYS[1]) < tonumber(ms) then redis.call('PEXPIRE', KEYS[1], ms) end
end
`;

/**
 * Gives a lock to a token. KEYS: the lock; its last fence, in the same slot. ARGV: the token; the life in ms. Answers
 * `[1, fence]`, or `[0, ms]` until the end of another's. Asked again with the token that has it, it gives the same fence and
 * a whole life anew. The fence is above the last one and not below the clock of Redis in microseconds: with milliseconds
 * those who take turns quickly would run ahead of the clock, and fall back behind themselves where Redis loses the last one.
 */
export const acquireScript: Script = defineScript({
  name: 'lock-acquire',
  lua: `${HOLDER_LUA}
local token, fence = holder()
if token == ARGV[1] then
  prolong(ARGV[2])
  return {1, fence}
end
if token then return {0, redis.call('PTTL', KEYS[1])} end
local last = tonumber(string.match(redis.call('GET', KEYS[2]) or '', '^%d+$') or '0')
if last >= ${FENCE_BOUND} then last = 0 end
local time = redis.call('TIME')
fence = string.format('%.0f', math.max(last + 1, tonumber(time[1]) * 1000000 + tonumber(time[2])))
redis.call('SET', KEYS[1], ARGV[1] .. ':' .. fence, 'PX', ARGV[2])
redis.call('SET', KEYS[2], fence, 'PX', string.format('%.0f', ${FENCE_LIFE_MS} + tonumber(ARGV[2])))
return {1, fence}
`,
  memory(redis, [key = '', fenceKey = ''], [token = '', lifeMs = '']) {
    const held = holderOf(redis, key);
    if (held?.token === token) {
      prolong(redis, key, lifeMs);
      return [1, held.fence];
    }
    if (held) return [0, redis.call('PTTL', key)];
    const noted = Number(/^\d+$/.exec(String(redis.call('GET', fenceKey) ?? ''))?.[0] ?? 0);
    const last = noted >= FENCE_BOUND ? 0 : noted;
    const fence = String(Math.max(last + 1, microsecondsOf(redis.call('TIME'))));
    redis.call('SET', key, `${token}:${fence}`, 'PX', lifeMs);
    redis.call('SET', fenceKey, fence, 'PX', FENCE_LIFE_MS + Number(lifeMs));
    return [1, fence];
  },
});

/**
 * Gives the holder a whole life anew, never a shorter one than is left: requests may pass each other. KEYS: the lock. ARGV:
 * the token; the life in ms. Answers 1, or 0 where the token does not hold it any more: what was lost is not given again.
 */
export const extendScript: Script = defineScript({
  name: 'lock-extend',
  lua: `${HOLDER_LUA}
if holder() ~= ARGV[1] then return 0 end
prolong(ARGV[2])
return 1
`,
  memory(redis, [key = ''], [token = '', lifeMs = '']) {
    if (holderOf(redis, key)?.token !== token) return 0;
    prolong(redis, key, lifeMs);
    return 1;
  },
});

/** Ends a lock, if this token holds it. KEYS: the lock. ARGV: the token. Answers 1, or 0 where it does not. */
export const releaseScript: Script = defineScript({
  name: 'lock-release',
  lua: `${HOLDER_LUA}
if holder() ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`,
  memory: (redis, [key = ''], [token = '']) => (holderOf(redis, key)?.token === token ? redis.call('DEL', key) : 0),
});

interface Holder {
  /** `''` for what no lock has written: held, by nobody who could be asked. */
  readonly token: string;
  readonly fence: string;
}

/** The twin of `holder` in {@link HOLDER_LUA}. */
function holderOf(redis: ScriptContext, key: string): Holder | undefined {
  const held = redis.call('GET', key);
  if (held === null) return undefined;
  const [, token = '', fence = ''] = /^([\w-]+):(\d+)$/.exec(String(held)) ?? [];
  return { token, fence };
}

/** The twin of `prolong` in {@link HOLDER_LUA}. */
function prolong(redis: ScriptContext, key: string, lifeMs: string): void {
  if (Number(redis.call('PTTL', key)) < Number(lifeMs)) redis.call('PEXPIRE', key, lifeMs);
}

function microsecondsOf(time: unknown): number {
  const [seconds = 0, micros = 0] = Array.isArray(time) ? time.map(Number) : [];
  return seconds * 1_000_000 + micros;
}
