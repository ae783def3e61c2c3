import { defineScript, type Script } from '../client/script.ts';
import { LOOKUP_LUA, lookup } from '../keys/lookup.ts';
import type { ApiKey } from '../keys/record.ts';
import type { AccountRule } from '../limit/account.ts';
import { CHARGE_LUA, charge, readRule, scriptClock } from '../limit/charge.ts';
import { isQuota, numbersOf, QUOTA_LUA, type Quota } from '../limit/policy.ts';

/**
 * Who is it, and may they: the key lookup and the charge of every policy in one atomic script, so in one request. A
 * key's own plan is known only after its lookup; the record carries it in a form that the script reads, so that it
 * counts from the first request on. Policies of the key are charged only when the key is valid.
 *
 * KEYS: entry, record, sentinel, then one per policy. ARGV: clock, cost, life of an entry in ms; then per policy its
 * name, 1 if it is the key's, and its rule.
 */
export const frontDoorScript: Script = defineScript({
  name: 'front-door',
  lua: `${LOOKUP_LUA}${CHARGE_LUA}${QUOTA_LUA}
local now, cost = clock(ARGV[1]), tonumber(ARGV[2])
local status, raw, entry = lookup(KEYS[1], KEYS[2], KEYS[3], math.floor(now / 1000), tonumber(ARGV[3]))
local keys, rules = {}, {}
for i = 4, #KEYS do
  local at = 3 * i - 8
  local by_key = ARGV[at + 1] == '1'
  if not by_key or status == 'active' then
    local rule = read_rule(ARGV[at + 2])
    if by_key and type(entry.limits) == 'table' then apply_quota(rule, entry.limits[ARGV[at]]) end
    keys[#keys + 1], rules[#rules + 1] = KEYS[i], rule
  end
end
return {status, raw or '', charge(now, 'take', cost, cost, '', keys, rules)}
`,
  memory(redis, keys, [given, costText, ttlMs, ...policies]) {
    const now = scriptClock(redis, given);
    const cost = Number(costText);
    const { status, raw, entry } = lookup(redis, keys, Math.floor(now / 1000), Number(ttlMs));
    const charged: string[] = [];
    const rules: AccountRule[] = [];
    keys.slice(3).forEach((key, index) => {
      const [name = '', byKey, text = ''] = policies.slice(3 * index, 3 * index + 3);
      if (byKey === '1' && status !== 'active') return;
      const rule = readRule(text);
      charged.push(key);
      const quota = byKey === '1' ? quotaIn(entry, name, rule.kind) : undefined;
      rules.push(quota ? withNumbers(rule, quota) : rule);
    });
    return [status, raw, charge(redis, now, { mode: 'take', cost, need: cost, id: '' }, charged, rules)];
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
