import { defineScript, type Script } from '../client/script.ts';
import type { ScriptContext } from '../store/script-twins.ts';
import type { Argument } from '../store/store.ts';
import type { Rule } from './policy.ts';

/**
 * The one piece of limiting that runs inside Redis, in Lua and in TypeScript: charges several policies at once, all or
 * none. It comes as a function, so that the guard can put it into a script with the key lookup.
 *
 * `gcra` keeps one number per key, the theoretical arrival time (TAT) in microseconds: the moment at which the whole
 * burst is available again. `fixedWindow` keeps `<window>:<count>`; the number of the window stands in the value, not in
 * the key, so that the server's clock decides and all keys are declared. Numbers are written with `%.0f`, because Lua's
 * own form keeps 14 digits and microseconds since 1970 have 16.
 *
 * The reply is flat: 1 or 0 for granted; then for each key the permits left, the microseconds until all are back, and the
 * microseconds until this cost fits (0 now, -1 never).
 */
export const CHARGE_LUA: string = `
local function charge(now, cost, keys, rules)
  local out, writes, granted = {0}, {}, true
  for i = 1, #keys do
    local kind, period, capacity = rules[3 * i - 2], tonumber(rules[3 * i - 1]), tonumber(rules[3 * i])
    local raw = redis.call('GET', keys[i])
    local left, reset, retry = 0, 0, 0
    if kind == 'g' then
      local tat = raw and tonumber(raw) or 0
      if tat < now then tat = now end
      left = math.floor(capacity - (tat - now) / period)
      if cost > capacity then retry = -1
      elseif left < cost then retry = tat + (cost - capacity) * period - now end
      reset = tat - now
      if cost > 0 then
        writes[i] = {string.format('%.0f', tat + cost * period), tat + cost * period - now, cost}
      end
    else
      local window = math.floor(now / period)
      local seen, count = string.match(raw or '', '^(%d+):(%d+)$')
      local used = (tonumber(seen) == window) and tonumber(count) or 0
      left = capacity - used
      if cost > capacity then retry = -1
      elseif left < cost then retry = (window + 1) * period - now end
      if used > 0 or cost > 0 then reset = (window + 1) * period - now end
      if cost > 0 then
        writes[i] = {string.format('%.0f:%.0f', window, used + cost), (window + 1) * period - now, cost}
      end
    end
    if left < 0 then left = 0 end
    if cost > 0 and retry ~= 0 then granted = false end
    out[3 * i - 1], out[3 * i], out[3 * i + 1] = left, reset, retry
  end
  if granted then
    out[1] = 1
    for i = 1, #keys do
      local write = writes[i]
      if write then
        redis.call('SET', keys[i], write[1], 'PX', string.format('%.0f', math.ceil(write[2] / 1000)))
        out[3 * i - 1], out[3 * i] = out[3 * i - 1] - write[3], write[2]
      end
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

/** The twin of `charge` in {@link CHARGE_LUA}. */
export function charge(
  redis: ScriptContext,
  now: number,
  cost: number,
  keys: readonly string[],
  rules: readonly string[],
): number[] {
  const seen = keys.map((key, index) => {
    const [kind, period, capacity] = [rules[3 * index], Number(rules[3 * index + 1]), Number(rules[3 * index + 2])];
    const raw = redis.call('GET', key);
    const text = typeof raw === 'string' ? raw : '';
    const state = kind === 'g' ? gcra(text, now, cost, period, capacity) : fixed(text, now, cost, period, capacity);
    return { key, ...state, retry: cost > capacity ? -1 : state.left < cost ? state.retry : 0 };
  });
  const granted = cost === 0 || seen.every(({ retry }) => retry === 0);
  const out = [granted ? 1 : 0];
  for (const { key, left, reset, retry, value, expiresInUs } of seen) {
    const taken = granted && cost > 0;
    if (taken) redis.call('SET', key, value, 'PX', Math.ceil(expiresInUs / 1000));
    out.push(Math.max(0, left) - (taken ? cost : 0), taken ? expiresInUs : reset, retry);
  }
  return out;
}

function gcra(text: string, now: number, cost: number, period: number, capacity: number) {
  const tat = Math.max(now, /^\d+$/.test(text) ? Number(text) : 0);
  const next = tat + cost * period;
  return {
    left: Math.floor(capacity - (tat - now) / period),
    reset: tat - now,
    retry: tat + (cost - capacity) * period - now,
    value: String(next),
    expiresInUs: next - now,
  };
}

function fixed(text: string, now: number, cost: number, period: number, capacity: number) {
  const window = Math.floor(now / period);
  const [, seen, count] = /^(\d+):(\d+)$/.exec(text) ?? [];
  const used = Number(seen) === window ? Number(count) : 0;
  const endsInUs = (window + 1) * period - now;
  return {
    left: capacity - used,
    reset: used > 0 ? endsInUs : 0,
    retry: endsInUs,
    value: `${window}:${used + cost}`,
    expiresInUs: endsInUs,
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
