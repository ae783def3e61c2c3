import { ConfigError, DeadlineError, StoreError } from '../errors.ts';
import { withDeadline } from '../resilience/deadline.ts';
import { createAsk } from './asking.ts';
import { createChargePool } from './charge-pool.ts';
import { eraseAccounts } from './erasure.ts';
import { createLeases } from './leases.ts';
import { createLedger, toSubject } from './ledger.ts';
import {
  type CheckOptions,
  type Limiter,
  type LimiterOptions,
  resolveLimiterOptions,
  type Subjects,
} from './limiter-options.ts';
import { type Charge, type CompiledPolicy, compilePolicy, type Plan, type QuotaOf, withPlan } from './policy.ts';
import type { LimitResult } from './result.ts';
import { createSlots } from './slots.ts';
import { waitUntilReady } from './wait.ts';

export type { CheckOptions, Limiter, LimiterOptions, Subjects, WaitOptions } from './limiter-options.ts';

/** @throws ConfigError naming the policy and the option. */
export function createLimiter(options: LimiterOptions): Limiter {
  const { kv, onUnavailable, localOnly, prefetch, maxLocalKeys, expectedProcesses, refusalTtlMs } =
    resolveLimiterOptions(options);
  const policies = new Map<string, CompiledPolicy>();
  for (const policy of options.policies) {
    if (policies.has(policy.name)) throw new ConfigError('policies', `name ${policy.name} more than once`);
    policies.set(policy.name, compilePolicy(policy));
  }
  const { clock, sharesPromises, requestTimeoutMs: timeoutMs } = kv;
  const leases = createLeases({ clock, maxKeys: maxLocalKeys, refusalTtlMs });
  const away = localOnly ? 'local' : onUnavailable;
  const ledger = createLedger({ kv, onUnavailable: away, maxLocalKeys, expectedProcesses, leases });
  const ask = createAsk(kv, ledger);
  const pool = createChargePool({ clock, sharesPromises, timeoutMs, ask, ledger, leases });
  const slots = createSlots({ clock, timeoutMs, ask, ledger });

  const chargeOf: Limiter['chargeOf'] = (name, subject, given) => {
    const policy = policies.get(name);
    if (!policy) throw new ConfigError('subjects', `name a policy that does not exist: ${name}`);
    const bounded = toSubject(subject);
    if (typeof bounded !== 'string' || (!given && policy.quotaOf)) return chargeLater(policy, subject, bounded, given);
    return { rule: given ? withPlan(policy.rule, given) : policy.rule, subject: bounded };
  };

  /** A charge whose subject is hashed, or whose plan is asked for, first. */
  const chargeLater = async (
    { rule, quotaOf }: CompiledPolicy,
    subject: string,
    bounded: string | Promise<string>,
    given: Plan | undefined,
  ): Promise<Charge> => {
    const plan = given ?? (quotaOf && (await planOf(quotaOf, subject)));
    return { rule: plan || quotaOf ? withPlan(rule, plan) : rule, subject: await bounded };
  };

  /** Plans may stand in a database: nobody waits for that without an end. */
  const planOf = (quotaOf: QuotaOf, subject: string): Promise<Plan> => {
    const expired = () => new DeadlineError(timeoutMs, false);
    const controller = new AbortController();
    return withDeadline({ clock, timeoutMs, controller, expired }, async () => quotaOf(subject));
  };

  const toCharges = async (subjects: Subjects, { quotas = {} }: CheckOptions): Promise<readonly Charge[]> => {
    const charges: Charge[] = [];
    for (const [name, subject] of Object.entries(subjects)) {
      charges.push(await chargeOf(name, subject, Object.hasOwn(quotas, name) ? quotas[name] : undefined));
    }
    if (charges.length === 0) throw new ConfigError('subjects', 'must name at least one policy');
    return charges;
  };

  const charge = (charges: readonly Charge[], cost: number, call: CheckOptions): Promise<LimitResult> => {
    if (localOnly) throw notAsked();
    if (charges.some(({ rule }) => rule.kind === 'c')) return slots.take(charges, cost, call);
    return pool.join(charges, cost, call);
  };

  const held: Limiter['held'] = (charges, cost) => {
    leases.note(charges, cost);
    const known = leases.answer(charges, cost);
    const pending = prefetch && known?.allowed && leases.isLow(charges) ? pool.prefetch(charges) : undefined;
    return known && pending ? { ...known, pending } : known;
  };

  const check: Limiter['check'] = async (subjects, checkOptions = {}) => {
    const cost = costOf(checkOptions);
    const charges = await toCharges(subjects, checkOptions);
    const known = held(charges, cost);
    if (known) return known;
    try {
      return await charge(charges, cost, checkOptions);
    } catch (error) {
      return slots.fallBack(charges, cost, error);
    }
  };

  return {
    policies,
    ledger,
    leases,
    localOnly,
    chargeOf,
    held,
    check,
    blockUntilReady: (subjects, waitOptions) => waitUntilReady(clock, () => check(subjects, waitOptions), waitOptions),
    async peek(subjects, peekOptions = {}) {
      const cost = costOf(peekOptions);
      const charges = await toCharges(subjects, peekOptions);
      const call = { mode: 'peek', cost, need: cost, id: '' } as const;
      try {
        if (localOnly) throw notAsked();
        return ledger.conclude(charges, await ask(charges, call, peekOptions), call);
      } catch (error) {
        return ledger.fallBack(charges, call, error);
      }
    },
    async refund(subjects, refundOptions = {}) {
      const cost = costOf(refundOptions);
      const charges = await toCharges(subjects, refundOptions);
      for (const { rule } of charges) {
        if (rule.leaseMs > 0 || rule.kind === 'c') {
          throw new ConfigError('subjects', `name a policy without refunds: ${rule.name}`);
        }
      }
      const call = { mode: 'give', cost, need: 0, id: '' } as const;
      try {
        if (localOnly) return ledger.here(charges, call);
        return ledger.conclude(charges, await ask(charges, call, refundOptions), call);
      } finally {
        // Not before: a refusal that is learnt meanwhile is out of date.
        leases.forget(charges);
      }
    },
    async reset(subjects, resetOptions = {}) {
      const charges = await toCharges(subjects, resetOptions);
      ledger.forgetLocal(charges);
      leases.forget(charges);
      if (!localOnly) await eraseAccounts(kv, ledger, charges);
      // Again: a refusal that was learnt meanwhile is out of date.
      leases.forget(charges);
    },
    async clear() {
      ledger.forgetLocal();
      leases.forget();
      if (!localOnly) await ledger.epoch.raise();
    },
  };
}

function costOf({ cost = 1 }: CheckOptions): number {
  if (Number.isSafeInteger(cost) && cost >= 0) return cost;
  throw new ConfigError('cost', `must be a whole number of at least 0, got ${cost}`);
}

/** Why a limiter that works locally has no answer from Redis. */
export function notAsked(): StoreError {
  return new StoreError('local', 'Limits are configured not to ask the store', { mayHaveRun: false });
}
