import { defineScript, type Script } from '../client/script.ts';
import type { ScriptContext } from '../store/script-twins.ts';
import type { Argument } from '../store/store.ts';
import { ACCOUNT_LUA, type Account, type AccountKeeping, type AccountRule } from './account.ts';
import { concurrency } from './algorithms/concurrency.ts';
import { fixedWindow } from './algorithms/fixed-window.ts';
import { gcra } from './algorithms/gcra.ts';
import { slidingLog } from './algorithms/sliding-log.ts';
import { slidingWindow } from './algorithms/sliding-window.ts';
import { tokenBucket } from './algorithms/token-bucket.ts';
import type { Rule } from './policy.ts';

/** By the letter that stands for each of them in scripts and keys. */
const KEEPINGS: Readonly<Record<string, AccountKeeping>> = {
  g: gcra,
  f: fixedWindow,
  s: slidingWindow,
  b: tokenBucket,
  l: slidingLog,
  c: concurrency,
};

/** `take` takes from all accounts or from none, `peek` says what would come of it, `give` gives back. */
export type ChargeMode = 'take' | 'peek' | 'give';

/** The most of what is left that one process may take in advance: others have to live too. */
const LEASE_SHARE = 0.5;

/**
 * The one piece of limiting that runs inside Redis, in Lua and in TypeScript: charges several accounts at once, all or
 * none. It comes as a function, so that the guard can put it into a script with the key lookup.
 *
 * Several checks of the same cost may be charged together: `need` is what they want in all, and as much of it is granted
 * as every account has, in whole checks. An account that is leased may grant more than that, `want`, to be spent later;
 * each account grants its own amount. One grant for all of them would charge some for what others could not give.
 *
 * The reply is flat: 1 or 0 for granted (one check at least); then for each account the permits taken, the permits left,
 * the microseconds until all are back, and the microseconds until one check fits (0 now, -1 never); where not all that is
 * needed was granted, until one more fits.
 */
export const CHARGE_LUA: string = `${ACCOUNT_LUA}
${Object.entries(KEEPINGS)
  .map(([kind, { lua }]) => `open.${kind} = ${lua}`)
  .join('\n')}
local function read_rule(text)
  local kind, period, capacity, refill, want, owed = string.match(text, '^(%l):(%d+):(%d+):(%d+):(%d+):(%d+)$')
  return {kind = kind, period = tonumber(period), capacity = tonumber(capacity), refill = tonumber(refill),
    want = tonumber(want), owed = tonumber(owed)}
end
local function charge(now, mode, cost, need, id, keys, rules)
  local out, waits, puts, least, granted = {0}, {}, {}, need, true
  for i = 1, #keys do
    local rule = rules[i]
    local left, reset, wait, put = open[rule.kind](keys[i], now, rule, id)
    local retry = 0
    if mode == 'give' then left, reset = put(-cost)
    elseif cost > rule.capacity then retry = -1
    elseif cost > 0 then retry = math.max(0, wait(cost)) end
    left = math.max(0, left)
    if retry ~= 0 then granted = false end
    least, waits[i], puts[i] = math.min(least, left), wait, put
    out[4 * i - 2], out[4 * i - 1], out[4 * i], out[4 * i + 1] = 0, left, reset, retry
  end
  if not granted then return out end
  out[1] = 1
  if mode ~= 'take' or cost == 0 then return out end
  local shared = math.floor(least / cost) * cost
  for i = 1, #keys do
    local left, want = out[4 * i - 1], rules[i].want
    local grant = math.min(left, math.max(shared, math.min(want, math.floor(left * ${LEASE_SHARE}))))
    if grant > 0 then
      out[4 * i - 2] = grant
      out[4 * i - 1], out[4 * i] = puts[i](grant)
    end
    if shared < need then out[4 * i + 1] = math.max(0, waits[i](cost)) end
  end
  return out
end
local function clock(given)
  if given ~= '' then return tonumber(given) end
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000000 + tonumber(t[2])
end
`;

export interface ChargeCall {
  readonly mode: ChargeMode;
  readonly cost: number;
  readonly need: number;
  readonly id: string;
}

/** The twin of `charge` in {@link CHARGE_LUA}. */
export function charge(
  redis: ScriptContext,
  now: number,
  { mode, cost, need, id }: ChargeCall,
  keys: readonly string[],
  rules: readonly AccountRule[],
): number[] {
  const accounts = rules.map((rule, index) => toCharge(redis, keys[index] ?? '', now, rule, id));
  let granted = true;
  let least = need;
  const seen = accounts.map(({ rule, account }) => {
    const { left, reset } = mode === 'give' ? account.put(-cost) : account;
    const retry = mode === 'give' ? 0 : cost > rule.capacity ? -1 : cost > 0 ? Math.max(0, account.wait(cost)) : 0;
    if (retry !== 0) granted = false;
    least = Math.min(least, Math.max(0, left));
    return { rule, account, left: Math.max(0, left), reset, retry };
  });
  const taking = granted && mode === 'take' && cost > 0;
  const shared = taking ? Math.floor(least / cost) * cost : 0;
  const out = [granted ? 1 : 0];
  for (const { rule, account, left, reset, retry } of seen) {
    const ahead = Math.min(rule.want, Math.floor(left * LEASE_SHARE));
    const grant = taking ? Math.min(left, Math.max(shared, ahead)) : 0;
    const after = grant > 0 ? account.put(grant) : { left, reset };
    out.push(grant, after.left, after.reset, taking && shared < need ? Math.max(0, account.wait(cost)) : retry);
  }
  return out;
}

interface OpenCharge {
  readonly rule: AccountRule;
  readonly account: Account;
}

function toCharge(redis: ScriptContext, key: string, now: number, rule: AccountRule, id: string): OpenCharge {
  const keeping = KEEPINGS[rule.kind];
  if (!keeping) throw new Error('unknown kind of account');
  return { rule, account: keeping.open({ redis, key, now, rule, id }) };
}

/** The twin of `read_rule`. */
export function readRule(text: string): AccountRule {
  const [kind = '', ...numbers] = text.split(':');
  const [period = 0, capacity = 0, refill = 0, want = 0, owed = 0] = numbers.map(Number);
  return { kind, period, capacity, refill, want, owed };
}

/** Microseconds since 1970: `given`, or the server's clock where that is empty. */
export function scriptClock(redis: ScriptContext, given: string | undefined): number {
  if (given) return Number(given);
  const time = redis.call('TIME');
  const [seconds, micros] = Array.isArray(time) ? time : [];
  return Number(seconds) * 1_000_000 + Number(micros);
}

/** KEYS: one per rule. ARGV: clock, mode, cost, need, id, then the rules. */
export const chargeScript: Script = defineScript({
  name: 'charge',
  lua: `${CHARGE_LUA}
local rules = {}
for i = 1, #KEYS do rules[i] = read_rule(ARGV[5 + i]) end
return charge(clock(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5], KEYS, rules)
`,
  memory: (redis, keys, [now, mode, cost, need, id = '', ...rules]) =>
    charge(
      redis,
      scriptClock(redis, now),
      { mode: asChargeMode(mode), cost: Number(cost), need: Number(need), id },
      keys,
      rules.map(readRule),
    ),
});

function asChargeMode(mode: string | undefined): ChargeMode {
  return mode === 'take' || mode === 'give' ? mode : 'peek';
}

/** A rule as {@link CHARGE_LUA} reads it. */
export function ruleArgument({ kind, periodUs, capacity, limit }: Rule, want = 0, owed = 0): Argument {
  return `${kind}:${periodUs}:${capacity}:${limit}:${want}:${owed}`;
}
