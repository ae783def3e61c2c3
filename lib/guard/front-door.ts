import type { Value } from '../client/call.ts';
import type { KvClient } from '../client/kv-client.ts';
import { defineScript, runScriptWith, type Script } from '../client/script.ts';
import { isKvError } from '../errors.ts';
import type { KeyDigest } from '../keys/digest.ts';
import { LOOKUP_LUA, lookup } from '../keys/lookup.ts';
import type { ApiKey } from '../keys/record.ts';
import type { Validation, Verifier } from '../keys/verifier.ts';
import { CHARGE_LUA, charge, ruleArguments, scriptClock } from '../limit/charge.ts';
import { type Charge, orThrow } from '../limit/ledger.ts';
import { type Limiter, notAsked } from '../limit/limiter.ts';
import { isQuota, QUOTA_LUA, type Quota, withQuota } from '../limit/policy.ts';
import { type LimitResult, summarise } from '../limit/result.ts';

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
  lua: `${LOOKUP_LUA}${CHARGE_LUA}${QUOTA_LUA}
local now = clock(ARGV[1])
local status, raw, entry = lookup(KEYS[1], KEYS[2], KEYS[3], math.floor(now / 1000), tonumber(ARGV[3]))
local keys, rules = {}, {}
for i = 4, #KEYS do
  local at = 5 * i - 16
  local by_key = ARGV[at + 1] == '1'
  if not by_key or status == 'active' then
    local kind, period, capacity = ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
    if by_key and type(entry.limits) == 'table' then
      period, capacity = with_quota(entry.limits[ARGV[at]], kind, period, capacity)
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
  /** One request to Redis; none while the circuit is open; a second one where the account of a limit cannot be read. */
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
    const query = charges.length > 0 ? ledger.epoch.query() : undefined;
    const keys = [...verifier.lookupKeys(digest), ...ledger.keys(charges)];
    const policies = charges.flatMap(({ rule, byKey }) => [rule.name, byKey ? 1 : 0, ...ruleArguments(rule)]);
    const call = { script: frontDoorScript, keys, args: ['', 1, entryTtlMs, ...policies] };
    const [reply, epoch] = await runScriptWith(kv, call, query?.commands ?? []);
    if (query?.learn(epoch)) return askRedis(digest, charges);
    const [status, raw, charged] = asArray(orThrow(reply));
    const validation = verifier.learn(digest, status, raw);
    return { validation, limits: countedBy(status, charged, charges, validation) };
  };

  const countedBy = (
    status: Value | undefined,
    reply: Value | undefined,
    charges: readonly DoorCharge[],
    validation: Validation,
  ): LimitResult | undefined => {
    const active = activeCharges(charges, validation);
    // A key that Redis finds active was charged, even if this process knows better.
    const there = status !== 'active' ? active.filter(isByAddress) : validation.status === 'VALID' ? active : charges;
    const limits = there.length > 0 ? ledger.read(there, reply) : undefined;
    // A key that passes on an old answer, because its record cannot be read, is counted here. Not all or none.
    const left = status === 'active' ? [] : active.filter((charge) => !isByAddress(charge));
    if (left.length === 0 || limits?.allowed === false) return limits;
    const here = ledger.here(left, 1);
    return summarise([...(limits?.policies ?? []), ...here.policies], here.basis, kv.clock.now());
  };

  /** The key from Redis, its limits in this process, because of `reason`. */
  const askForKey = async (digest: KeyDigest, charges: readonly DoorCharge[], reason: unknown): Promise<DoorAnswer> => {
    const { validation } = await askRedis(digest, []);
    return { validation, limits: chargeHere(charges, validation, reason) };
  };

  /** The charges that apply, counted in this process. */
  const chargeHere = (charges: readonly DoorCharge[], validation: Validation, reason: unknown) => {
    const active = activeCharges(charges, validation);
    return active.length > 0 ? ledger.without(active, 1, reason) : undefined;
  };

  const askWithLimits = async (digest: KeyDigest, charges: readonly DoorCharge[]): Promise<DoorAnswer> => {
    try {
      return await askRedis(digest, charges);
    } catch (error) {
      // One command of the script was refused: an account of something else must not keep a valid key out.
      if (charges.length > 0 && isKvError(error) && error.code === 'COMMAND') return askForKey(digest, charges, error);
      throw error;
    }
  };

  return {
    async ask(digest, charges) {
      try {
        return await (localOnly ? askForKey(digest, charges, notAsked()) : askWithLimits(digest, charges));
      } catch (error) {
        const validation = verifier.without(digest, error);
        return { validation, limits: chargeHere(charges, validation, localOnly ? notAsked() : error) };
      }
    },
  };
}

/** All charges, under the key's own numbers, when the key is valid; else those to the address. */
function activeCharges(charges: readonly DoorCharge[], validation: Validation): readonly DoorCharge[] {
  if (validation.status !== 'VALID') return charges.filter(isByAddress);
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

function isByAddress({ byKey }: DoorCharge): boolean {
  return !byKey;
}

function asArray(reply: Value | undefined): readonly Value[] {
  return Array.isArray(reply) ? reply : [];
}
