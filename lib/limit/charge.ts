import { defineScript, type Script } from '../client/script.ts';
import type { ScriptContext } from '../store/script-twins.ts';
import type { Argument } from '../store/store.ts';
import type { Rule } from './policy.ts';

/**
 * The one piece of limiting that runs inside Redis, in Lua and in TypeScript: charges several policies at once, all or
 * none. It comes as a function, so that the guard can put it into a script with the key lookup. A negative cost asks
 * whether that much would fit, and takes nothing.
 *
 * `gcra` keeps `<TAT>:<interval>:<capacity>`, times in microseconds. The theoretical arrival time (TAT) is the moment at
 * which the whole burst is available again; the interval is that of one permit when it was written, so that a subject
 * whose plan changes keeps what it has used in permits, not in time. A debt above the capacity of that moment was never
 * granted: the clock has been set back since, and the account counts as lost. `fixedWindow` keeps `<window>:<count>`;
 * the number of the window stands in the value, not in the key, so that the server's clock decides and all keys are
 * declared. Numbers are written with `%.0f`, because Lua's own form keeps 14 digits and microseconds since 1970 have 16.
 *
 * The reply is flat: 1 or 0 for granted; then for each key the permits left, the microseconds until all are back, and the
 * microseconds until this cost fits (0 now, -1 never).
 */
export const CHARGE_LUA: string = `
local function charge(now, cost, keys, rules)
  local take, out, writes, granted = cost > 0, {0}, {}, true
  cost = math.abs(cost)
  for i = 1, #keys do
    local kind, period, capacity = rules[3 * i - 2], tonumber(rules[3 * i - 1]), tonumber(rules[3 * i])
    local first, second, third = string.match(redis.call('GET', keys[i]) or '', '^(%d+):(%d+):?(%d*)$')
    first, second, third = tonumber(first), tonumber(second), tonumber(third)
    local left, reset, retry, lasts
    if kind == 'g' then
      local debt, interval = 0, period
      local most = second and ((third or math.huge) + 1) * second
      if first and first > now and second > 0 and first - now <= most then debt, interval = first - now, second end
      left, reset, retry = math.floor(capacity - debt / interval), debt, debt - (capacity - cost) * interval
      if interval ~= period then debt = math.ceil(debt / interval * period) end
      lasts = debt + cost * period
      writes[i] = {string.format('%.0f:%.0f:%.0f', now + lasts, period, capacity), lasts}
    else
      local window = math.floor(now / period)
      local used = first == window and second or 0
      lasts = (window + 1) * period - now
      left, reset, retry = capacity - used, used > 0 and lasts or 0, used + cost > capacity and lasts or 0
      writes[i] = {string.format('%.0f:%.0f', window, used + cost), lasts}
    end
    if cost == 0 or retry < 0 then retry = 0 end
    if cost > capacity then retry = -1 end
    if retry ~= 0 then granted = false end
    out[3 * i - 1], out[3 * i], out[3 * i + 1] = math.max(0, left), reset, retry
  end
  if granted then
    out[1] = 1
    for i = 1, take and #keys or 0 do
      local value, lasts = writes[i][1], writes[i][2]
      redis.call('SET', keys[i], value, 'PX', string.format('%.0f', math.ceil(lasts / 1000)))
      out[3 * i - 1], out[3 * i] = out[3 * i - 1] - cost, lasts
    end
  end
  return out
end
local function clock(given)
  if given ~= '' then return tonumber(given) end
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000000 + tonumber(t[2])
end
`;

interface Account {
  readonly left: number;
  readonly reset: number;
  /** Microseconds until the cost fits; not above 0 when it fits now. */
  readonly retry: number;
  /** What to write when it is granted, and for how many microseconds. */
  readonly value: string;
  readonly lasts: number;
}

/** The twin of `charge` in {@link CHARGE_LUA}. */
export function charge(
  redis: ScriptContext,
  now: number,
  signedCost: number,
  keys: readonly string[],
  rules: readonly string[],
): number[] {
  const cost = Math.abs(signedCost);
  const seen = keys.map((key, index) => {
    const [kind, period, capacity] = [rules[3 * index], Number(rules[3 * index + 1]), Number(rules[3 * index + 2])];
    const raw = redis.call('GET', key);
    const [, first, second, third] = /^(\d+):(\d+):?(\d*)$/.exec(typeof raw === 'string' ? raw : '') ?? [];
    const stored = { first: Number(first ?? -1), second: Number(second ?? 0), third: third ? Number(third) : Infinity };
    const account = (kind === 'g' ? gcra : fixedWindow)(stored, now, cost, period, capacity);
    return { ...account, key, retry: cost > capacity ? -1 : cost === 0 ? 0 : Math.max(0, account.retry) };
  });
  const granted = seen.every(({ retry }) => retry === 0);
  const taken = granted && signedCost > 0;
  const out = [granted ? 1 : 0];
  for (const { key, left, reset, retry, value, lasts } of seen) {
    if (taken) redis.call('SET', key, value, 'PX', Math.ceil(lasts / 1000));
    out.push(Math.max(0, left) - (taken ? cost : 0), taken ? lasts : reset, retry);
  }
  return out;
}

interface Stored {
  readonly first: number;
  readonly second: number;
  /** Infinity where there is none. */
  readonly third: number;
}

function gcra({ first, second, third }: Stored, now: number, cost: number, period: number, capacity: number): Account {
  const [debt, interval] =
    first > now && second > 0 && first - now <= (third + 1) * second ? [first - now, second] : [0, period];
  const lasts = (interval === period ? debt : Math.ceil((debt / interval) * period)) + cost * period;
  return {
    left: Math.floor(capacity - debt / interval),
    reset: debt,
    retry: debt - (capacity - cost) * interval,
    value: `${now + lasts}:${period}:${capacity}`,
    lasts,
  };
}

function fixedWindow({ first, second }: Stored, now: number, cost: number, period: number, capacity: number): Account {
  const window = Math.floor(now / period);
  const used = first === window ? second : 0;
  const lasts = (window + 1) * period - now;
  return {
    left: capacity - used,
    reset: used > 0 ? lasts : 0,
    retry: used + cost > capacity ? lasts : 0,
    value: `${window}:${used + cost}`,
    lasts,
  };
}

/** Microseconds since 1970: `given`, or the server's clock where that is empty. */
export function scriptClock(redis: ScriptContext, given: string | undefined): number {
  if (given) return Number(given);
  const time = redis.call('TIME');
  const [seconds, micros] = Array.isArray(time) ? time : [];
  return Number(seconds) * 1_000_000 + Number(micros);
}

/** KEYS: one per rule. ARGV: clock, cost, then three per rule. */
export const chargeScript: Script = defineScript({
  name: 'charge',
  lua: `${CHARGE_LUA}
local rules = {}
for i = 3, #ARGV do rules[i - 2] = ARGV[i] end
return charge(clock(ARGV[1]), tonumber(ARGV[2]), KEYS, rules)
`,
  memory: (redis, keys, [now, cost, ...rules]) => charge(redis, scriptClock(redis, now), Number(cost), keys, rules),
});

export function ruleArguments(rule: Rule): Argument[] {
  return [rule.algorithm === 'gcra' ? 'g' : 'f', rule.periodUs, rule.capacity];
}
