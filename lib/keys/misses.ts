import type { ScriptContext } from '../store/script-twins.ts';

/** How many unknown keys a client may try, and how long it is locked out then. */
export interface ClientMisses {
  /** The one that locks out first. Each one after it does for twice as long as the one before. @default 20 */
  readonly limit?: number | undefined;
  /** All of them are forgotten so long after the last, or after its lockout, but no sooner than that took. @default 60_000 */
  readonly windowMs?: number | undefined;
  /** The first lockout. @default 1_000 */
  readonly lockoutMs?: number | undefined;
  /** The longest. @default 900_000 */
  readonly maxLockoutMs?: number | undefined;
}

/** The numbers of {@link ClientMisses}, as the script takes them. */
export type ClientRule = Required<{ readonly [Name in keyof ClientMisses]: number }>;

/** What a client's account holds: misses, and Unix milliseconds until which it is locked out. */
export interface Misses {
  readonly count: number;
  readonly lockedUntil: number;
}

export const NO_MISSES: Misses = { count: 0, lockedUntil: 0 };

/**
 * The account after one more miss, and how long it is kept: after a lockout as long as that again, so that the next one is
 * longer for whoever goes on.
 */
export function countMiss(misses: Misses, rule: ClientRule, nowMs: number): { misses: Misses; keptMs: number } {
  const count = misses.count + 1;
  const over = count - rule.limit;
  if (over < 0) return { misses: { count, lockedUntil: 0 }, keptMs: rule.windowMs };
  const lockoutMs = Math.min(rule.lockoutMs * 2 ** Math.min(over, 30), rule.maxLockoutMs);
  return { misses: { count, lockedUntil: nowMs + lockoutMs }, keptMs: lockoutMs + Math.max(lockoutMs, rule.windowMs) };
}

/**
 * Lua functions about misses: `miss_lockout(key, rule, now)` how long the client is locked out, `count_miss(key, rule, now)`,
 * `forgive_miss(key)` takes one back that was none; `over_budget(key, rule)` counts a look in the source for all clients
 * together, and says how long there is none left; `refund_budget(key)`.
 */
export const MISSES_LUA: string = `
local function miss_account(key)
  local count, untl = string.match(redis.call('GET', key) or '', '^(%d+):(%d+)$')
  return tonumber(count) or 0, tonumber(untl) or 0
end
local function miss_lockout(key, rule, now_ms)
  local _, untl = miss_account(key)
  local left = untl - now_ms
  return left > tonumber(string.match(rule, '%d+$')) and 0 or math.max(0, left)
end
local function count_miss(key, rule, now_ms)
  local limit, window, lockout, max = string.match(rule, '^(%d+):(%d+):(%d+):(%d+)$')
  local count = miss_account(key) + 1
  local over, untl, kept = count - tonumber(limit), 0, tonumber(window)
  if over >= 0 then
    local ms = math.min(tonumber(lockout) * 2 ^ math.min(over, 30), tonumber(max))
    untl, kept = now_ms + ms, ms + math.max(ms, kept)
  end
  redis.call('SET', key, string.format('%.0f:%.0f', count, untl), 'PX', string.format('%.0f', kept))
end
local function forgive_miss(key)
  local count = miss_account(key)
  if count > 1 then redis.call('SET', key, string.format('%.0f:0', count - 1), 'KEEPTTL') else redis.call('DEL', key) end
end
local function over_budget(key, rule)
  local limit, window = string.match(rule, '^(%d+):(%d+)$')
  local count = redis.call('INCR', key)
  if count == 1 then redis.call('PEXPIRE', key, window) end
  if count <= tonumber(limit) then return 0 end
  local left = redis.call('PTTL', key)
  if left < 0 then redis.call('PEXPIRE', key, window) end
  return math.max(left, 1)
end
local function refund_budget(key)
  if (tonumber(redis.call('GET', key)) or 0) > 0 then redis.call('DECR', key) end
end
`;

/**
 * How long the client of this account is locked out, in milliseconds. What is longer than the longest lockout was written
 * before the clock was set back, and counts as lost.
 */
export function missLockout(redis: ScriptContext, key: string, rule: string, nowMs: number): number {
  const leftMs = missAccount(redis, key).lockedUntil - nowMs;
  return leftMs > Number(rule.split(':')[3]) ? 0 : Math.max(0, leftMs);
}

export function recordMiss(redis: ScriptContext, key: string, rule: string, nowMs: number): void {
  const [limit = 0, windowMs = 0, lockoutMs = 0, maxLockoutMs = 0] = rule.split(':').map(Number);
  const { misses, keptMs } = countMiss(missAccount(redis, key), { limit, windowMs, lockoutMs, maxLockoutMs }, nowMs);
  redis.call('SET', key, `${misses.count}:${misses.lockedUntil}`, 'PX', keptMs);
}

export function forgiveMiss(redis: ScriptContext, key: string): void {
  const { count } = missAccount(redis, key);
  if (count > 1) redis.call('SET', key, `${count - 1}:0`, 'KEEPTTL');
  else redis.call('DEL', key);
}

export function overBudget(redis: ScriptContext, key: string, rule: string): number {
  const [limit = 0, windowMs = 0] = rule.split(':').map(Number);
  const count = Number(redis.call('INCR', key));
  if (count === 1) redis.call('PEXPIRE', key, windowMs);
  if (count <= limit) return 0;
  const left = Number(redis.call('PTTL', key));
  if (left < 0) redis.call('PEXPIRE', key, windowMs);
  return Math.max(left, 1);
}

export function refundBudget(redis: ScriptContext, key: string): void {
  if (Number(redis.call('GET', key) ?? 0) > 0) redis.call('DECR', key);
}

function missAccount(redis: ScriptContext, key: string): Misses {
  const [, count, lockedUntil] = /^(\d+):(\d+)$/.exec(String(redis.call('GET', key) ?? '')) ?? [];
  return count === undefined ? NO_MISSES : { count: Number(count), lockedUntil: Number(lockedUntil) };
}
