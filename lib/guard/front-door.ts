import type { Value } from '../client/call.ts';
import type { KvClient } from '../client/kv-client.ts';
import { defineScript, runScriptWith, type Script } from '../client/script.ts';
import type { KeyDigest } from '../keys/digest.ts';
import { LOOKUP_LUA, lookup } from '../keys/lookup.ts';
import type { ApiKey } from '../keys/record.ts';
import type { Validation, Verifier } from '../keys/verifier.ts';
import { CHARGE_LUA, charge, ruleArguments, scriptClock } from '../limit/charge.ts';
import { type Charge, orThrow } from '../limit/ledger.ts';
import { type Limiter, notAsked } from '../limit/limiter.ts';
import { isQuota, type Quota, withQuota } from '../limit/policy.ts';
import type { LimitResult } from '../limit/result.ts';

/**
 * Who is it, and may they: the key lookup and the charge of every policy in one atomic script, so in one request. A
 * key's own plan is known only after its lookup; the record carries it in a form that the script reads, so that it
 * counts from the first request on. Policies of the key are charged only when the key is valid.
 *
 * KEYS: entry, record, sentinel, then one per policy. ARGV: clock, cost, life of an entry in ms; then per policy its
 * name, 1 if it is the key's, and its three numbers.
 */
const frontDoorScript: Script = defineScript({
  name: 'front-door',
  lua: `${LOOKUP_LUA}${CHARGE_LUA}
local now = clock(ARGV[1])
local status, raw, entry = lookup(KEYS[1], KEYS[2], KEYS[3], math.floor(now / 1000), tonumber(ARGV[3]))
local keys, rules = {}, {}
for i = 4, #KEYS do
  local at = 5 * i - 16
  local by_key = ARGV[at + 1] == '1'
  if not by_key or status == 'active' then
    local kind, period, capacity = ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
    local quota = by_key and type(entry.limits) == 'table' and entry.limits[ARGV[at]]
    if type(quota) == 'table' and type(quota.limit) == 'number' and type(quota.windowMs) == 'number'
      and quota.limit >= 1 and quota.windowMs >= 1 then
      capacity = quota.limit
      if kind == 'g' then
        period = math.ceil(quota.windowMs * 1000 / quota.limit)
        capacity = tonumber(quota.burst) or capacity
      else
        period = quota.windowMs * 1000
      end
    end
    local n = #keys
    keys[n + 1] = KEYS[i]
    rules[3 * n + 1], rules[3 * n + 2], rules[3 * n + 3] = kind, period, capacity
  end
end
return {status, raw or '', charge(now, tonumber(ARGV[2]), keys, rules)}
`,
  memory(redis, keys, [given, cost, ttlMs, ...policies]) {
    const now = scriptClock(redis, given);
    const { status, raw, entry } = lookup(redis, keys, Math.floor(now / 1000), Number(ttlMs));
    const charged: string[] = [];
    const rules: string[] = [];
    keys.slice(3).forEach((key, index) => {
      const [name = '', byKey, kind = '', period = '', capacity = ''] = policies.slice(5 * index, 5 * index + 5);
      if (byKey === '1' && status !== 'active') return;
      const quota = byKey === '1' ? quotaIn(entry, name) : undefined;
      charged.push(key);
      if (!quota) rules.push(kind, period, capacity);
      else if (kind !== 'g') rules.push(kind, String(quota.windowMs * 1000), String(quota.limit));
      else
        rules.push(kind, String(Math.ceil((quota.windowMs * 1000) / quota.limit)), String(quota.burst ?? quota.limit));
    });
    return [status, raw, charge(redis, now, Number(cost), charged, rules)];
  },
});

/** A charge, and whether it goes to the key's account. */
export interface DoorCharge extends Charge {
  readonly byKey: boolean;
}

export interface DoorAnswer {
  readonly validation: Validation;
  readonly limits: LimitResult | undefined;
}

export interface FrontDoor {
  /** One request to Redis; none while the circuit is open. */
  ask(digest: KeyDigest, charges: readonly DoorCharge[]): Promise<DoorAnswer>;
}

export interface FrontDoorOptions {
  readonly kv: KvClient;
  readonly verifier: Verifier<unknown>;
  readonly limiter: Limiter;
  readonly entryTtlMs: number;
}

export function createFrontDoor({ kv, verifier, limiter, entryTtlMs }: FrontDoorOptions): FrontDoor {
  const { ledger, localOnly } = limiter;

  const askRedis = async (digest: KeyDigest, charges: readonly DoorCharge[]): Promise<DoorAnswer> => {
    const query = ledger.epoch.query();
    const keys = [...verifier.lookupKeys(digest), ...ledger.keys(charges)];
    const policies = charges.flatMap(({ rule, byKey }) => [rule.name, byKey ? 1 : 0, ...ruleArguments(rule)]);
    const call = { script: frontDoorScript, keys, args: ['', 1, entryTtlMs, ...policies] };
    const [reply, epoch] = await runScriptWith(kv, call, query);
    if (query.length > 0 && ledger.epoch.learn(epoch)) return askRedis(digest, charges);
    const [status, raw, charged] = asArray(orThrow(reply));
    const validation = verifier.learn(digest, status, raw);
    // A key that Redis finds active was charged, even if this process knows better.
    const active = status === 'active' && validation.status !== 'VALID' ? charges : activeCharges(charges, validation);
    return { validation, limits: active.length > 0 ? ledger.read(active, charged) : undefined };
  };

  /** The charges that apply, counted in this process. */
  const chargeHere = (charges: readonly DoorCharge[], validation: Validation, reason: unknown) => {
    const active = activeCharges(charges, validation);
    return active.length > 0 ? ledger.without(active, 1, reason) : undefined;
  };

  return {
    async ask(digest, charges) {
      try {
        const answer = await askRedis(digest, localOnly ? [] : charges);
        return localOnly ? { ...answer, limits: chargeHere(charges, answer.validation, notAsked()) } : answer;
      } catch (error) {
        const validation = verifier.without(digest, error);
        return { validation, limits: chargeHere(charges, validation, error) };
      }
    },
  };
}

/** All charges, under the key's own numbers, when the key is valid; else those to the address. */
function activeCharges(charges: readonly DoorCharge[], validation: Validation): readonly DoorCharge[] {
  if (validation.status !== 'VALID') return charges.filter(({ byKey }) => !byKey);
  return charges.map((one) => withPlan(one, validation.key));
}

/** `one` under the key's own numbers, as the script applies them. */
function withPlan(one: DoorCharge, key: ApiKey): DoorCharge {
  const quota = one.byKey ? quotaIn(key, one.rule.name) : undefined;
  return quota ? { ...one, rule: withQuota(one.rule, quota) } : one;
}

function quotaIn(record: Partial<Pick<ApiKey, 'limits'>>, policy: string): Quota | undefined {
  const { limits } = record;
  const quota = limits && Object.hasOwn(limits, policy) ? limits[policy] : undefined;
  return isQuota(quota) ? quota : undefined;
}

function asArray(reply: Value | undefined): readonly Value[] {
  return Array.isArray(reply) ? reply : [];
}
