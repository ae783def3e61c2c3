import type { Quota } from '../client/quota.ts';
import { defineScript, type Script } from '../client/script.ts';
import { LOOKUP_ARGS, LOOKUP_LUA, lookup, lookupKeyCount, takeBack } from '../keys/lookup.ts';
import type { ApiKey } from '../keys/record.ts';
import { USAGE_TTL_MS } from '../keys/usage.ts';
import type { AccountRule } from '../limit/account.ts';
import { CHARGE_LUA, charge, readRule, scriptClock } from '../limit/charge.ts';
import { isQuota, numbersOf, QUOTA_LUA } from '../limit/policy.ts';
import type { ScriptContext } from '../store/script-twins.ts';

/**
 * Who is it, and may they: the key lookup and the charge of every policy in one atomic script, so in one request. A
 * key's own plan is known only after its lookup; the record carries it in a form that the script reads, so that it
 * counts from the first request on. Policies of the key are charged only when the key is valid. A key that is not going to
 * be looked for elsewhere, because a limit refuses its request, was no miss.
 *
 * KEYS: those of the lookup; where uses are counted the counter of the day for each digest; then one for each policy.
 *
 * ARGV:
 * - 1: the clock, or `''` for that of Redis;
 * - 2 to 9: those of the lookup;
 * - 10: cost;
 * - 11: 1 to check the day's quota and to count the use, 0 only to check, 2 only to count, `''` for neither;
 * - 12: the day;
 * - then for each policy its name, 1 if it is charged to the key, and its rule.
 *
 * Answers status and text of the lookup; what the charge answers, or `''` where the key's day is used up; and the uses of
 * that day, -1 where none are counted, -2 where something else stands in the counter's place: that must keep no valid key
 * out.
 */
export const frontDoorScript: Script = defineScript({
  name: 'front-door',
  lua: `${LOOKUP_LUA}${CHARGE_LUA}${QUOTA_LUA}
local function carried(entry, day)
  local from = type(entry.carried) == 'table' and entry.carried
  return from and from.day == day and type(from.count) == 'number' and from.count or 0
end
local now, cost = clock(ARGV[1]), tonumber(ARGV[10])
local digests = tonumber(ARGV[3])
local first = 4 + 2 * digests
local status, text, entry, place = lookup(math.floor(now / 1000))
local counter, used
if ARGV[11] ~= '' then
  if status == 'active' then
    counter = KEYS[first + place - 1]
    used = redis.pcall('GET', counter) or '0'
    if type(used) == 'string' and string.match(used, '^%d+$') and #used < 16 then
      used = tonumber(used) + carried(entry, ARGV[12])
      if ARGV[11] ~= '2' and type(entry.dailyQuota) == 'number' and used >= entry.dailyQuota then return {status, text, '', used} end
    elseif type(used) == 'string' or string.find(used.err, '^WRONGTYPE') then
      counter, used = nil, -2
    else
      return used
    end
  end
  first = first + digests
end
local keys, rules = {}, {}
for i = first, #KEYS do
  local at = 3 * (i - first) + 13
  local by_key = ARGV[at + 1] == '1'
  if not by_key or status == 'active' then
    local rule = read_rule(ARGV[at + 2])
    if by_key and type(entry.limits) == 'table' then apply_quota(rule, entry.limits[ARGV[at]]) end
    keys[#keys + 1], rules[#rules + 1] = KEYS[i], rule
  end
end
local charged = charge(now, 'take', cost, cost, '', keys, rules)
if status == 'ask' and charged[1] ~= 1 and string.find(text, '^1') then take_back() end
if counter and charged[1] == 1 and ARGV[11] ~= '0' then
  if redis.call('INCR', counter) == 1 then redis.call('PEXPIRE', counter, '${USAGE_TTL_MS}') end
  used = used + 1
end
return {status, text or '', charged, used or -1}
`,
  memory(redis, keys, args) {
    const now = scriptClock(redis, args[0]);
    const { status, text, entry, place } = lookup(redis, keys, args, Math.floor(now / 1000));
    const [costText, counting = '', day = '', ...policies] = args.slice(LOOKUP_ARGS);
    const cost = Number(costText);
    const digests = Number(args[2]);
    const counters = counting === '' ? [] : keys.slice(lookupKeyCount(digests), lookupKeyCount(digests) + digests);
    const counter = status === 'active' ? counters[place - 1] : undefined;
    let used = counter === undefined ? -1 : usesIn(redis, counter);
    if (used >= 0) {
      used += carriedIn(entry, day);
      if (counting !== '2' && typeof entry.dailyQuota === 'number' && used >= entry.dailyQuota)
        return [status, text, '', used];
    }
    const charged: string[] = [];
    const rules: AccountRule[] = [];
    keys.slice(lookupKeyCount(digests) + counters.length).forEach((key, index) => {
      const [name = '', byKey, ruleText = ''] = policies.slice(3 * index, 3 * index + 3);
      if (byKey === '1' && status !== 'active') return;
      const rule = readRule(ruleText);
      charged.push(key);
      const plan = byKey === '1' ? quotaIn(entry, name, rule.kind) : undefined;
      rules.push(plan ? withNumbers(rule, plan) : rule);
    });
    const answer = charge(redis, now, { mode: 'take', cost, need: cost, id: '' }, charged, rules);
    if (status === 'ask' && answer[0] !== 1 && text.startsWith('1')) takeBack(redis, keys, args);
    if (counter !== undefined && used >= 0 && answer[0] === 1 && counting !== '0') {
      if (redis.call('INCR', counter) === 1) redis.call('PEXPIRE', counter, USAGE_TTL_MS);
      used += 1;
    }
    return [status, text, answer, used];
  },
});

/** The numbers that a key's record has for a policy; `undefined` where it has none, or none that a rule can be made of. */
export function quotaIn(record: Partial<Pick<ApiKey, 'limits'>>, policy: string, kind: string): Quota | undefined {
  const { limits } = record;
  const quota = limits && Object.hasOwn(limits, policy) ? limits[policy] : undefined;
  return isQuota(quota, kind) ? quota : undefined;
}

function withNumbers(rule: AccountRule, quota: Quota): AccountRule {
  const { periodUs, capacity } = numbersOf(rule.kind, quota);
  return { ...rule, period: periodUs, capacity, refill: quota.limit };
}

/** The uses in a counter; -2 when it is none. */
function usesIn(redis: ScriptContext, counter: string): number {
  if (redis.call('TYPE', counter) === 'none') return 0;
  if (redis.call('TYPE', counter) !== 'string') return -2;
  const text = String(redis.call('GET', counter));
  return /^\d{1,15}$/.test(text) ? Number(text) : -2;
}

/** What a key had used of its day's quota when it was put in the place of another. */
function carriedIn({ carried }: Readonly<Record<string, unknown>>, day: string): number {
  const from = typeof carried === 'object' ? (carried as { day?: unknown; count?: unknown } | null) : null;
  return from?.day === day && typeof from.count === 'number' ? from.count : 0;
}
