import type { ScriptContext } from '../store/script-twins.ts';

/** A rule as the charge script reads it: `kind:period:capacity:refill:want:owed`, whole numbers but for the kind. */
export interface AccountRule {
  readonly kind: string;
  /** Microseconds: of one emission (`gcra`), of the window, of one refill, or of a slot's life. */
  readonly period: number;
  /** The most that can be taken at once. */
  readonly capacity: number;
  /** Permits that come back with each refill; `tokenBucket` only. */
  readonly refill: number;
  /** Permits that this process would like to hold in advance. */
  readonly want: number;
  /** Permits that this process has granted by itself while Redis was away, and that are not back yet. */
  readonly owed: number;
}

/** What an account holds. Times are microseconds from the moment at which it was opened. */
export interface Balance {
  /** Permits to be had now. */
  readonly left: number;
  /** Until all of them are back. */
  readonly reset: number;
}

/** One account, opened at one moment. */
export interface Account extends Balance {
  /** Until `cost` permits can be had; not above 0 when they can be had now. */
  wait(cost: number): number;
  /** Takes permits, or with a negative number gives some back, never more than were taken. Answers what it is then. */
  put(units: number): Balance;
}

export interface AccountCall {
  readonly redis: ScriptContext;
  readonly key: string;
  /** Microseconds since 1970. */
  readonly now: number;
  readonly rule: AccountRule;
  /** Names what is taken, where it has to be told from what others take. */
  readonly id: string;
}

/**
 * How one algorithm keeps its accounts, in two languages that must say the same. The Lua is a function
 * `(key, now, rule, id)` that returns `left, reset, wait, put`, where `put` returns `left, reset`.
 */
export interface AccountKeeping {
  readonly lua: string;
  open(call: AccountCall): Account;
}

/** Helpers of the Lua functions; {@link readNumbers} and {@link writeNumbers} are their twins. */
export const ACCOUNT_LUA: string = `
local open = {}
local function whole(number) return string.format('%.0f', number) end
local function read_numbers(key)
  local a, b, c = string.match(redis.call('GET', key) or '', '^(%d+):(%d+):?(%d*)$')
  return tonumber(a), tonumber(b), tonumber(c)
end
local function write_numbers(key, lasts, ...)
  local text = {}
  for i, number in ipairs({...}) do text[i] = whole(number) end
  redis.call('SET', key, table.concat(text, ':'), 'PX', whole(math.ceil(lasts / 1000)))
end
local function with_owed(used, rule)
  return math.max(used, math.min(used + rule.owed, rule.capacity))
end
`;

/** Two or three whole numbers; the third is optional. Numbers are written in full: Lua's own form keeps 14 digits. */
export function readNumbers(
  redis: ScriptContext,
  key: string,
): readonly [first: number, second: number, third: number | undefined] | undefined {
  const raw = redis.call('GET', key);
  const [, first, second, third] = /^(\d+):(\d+):?(\d*)$/.exec(typeof raw === 'string' ? raw : '') ?? [];
  if (first === undefined || second === undefined) return undefined;
  return [Number(first), Number(second), third ? Number(third) : undefined];
}

/** Kept for `lasts` microseconds. */
export function writeNumbers(redis: ScriptContext, key: string, lasts: number, ...numbers: readonly number[]): void {
  redis.call('SET', key, numbers.join(':'), 'PX', Math.ceil(lasts / 1000));
}

/** What was used here while Redis was away is used; no debt above what the account can hold comes of it. */
export function withOwed(used: number, { owed, capacity }: AccountRule): number {
  return Math.max(used, Math.min(used + owed, capacity));
}
