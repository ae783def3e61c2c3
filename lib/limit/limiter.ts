import type { CallOptions } from '../client/call.ts';
import type { KvClient } from '../client/kv-client.ts';
import { runScriptWith } from '../client/script.ts';
import { ConfigError, StoreError } from '../errors.ts';
import { chargeScript } from './charge.ts';
import {
  type Charge,
  createLedger,
  type Ledger,
  type OnUnavailable,
  orThrow,
  scriptArguments,
  toSubject,
} from './ledger.ts';
import { compileRule, type Policy, type Quota, type Rule, withQuota } from './policy.ts';
import type { LimitResult } from './result.ts';

export interface LimiterOptions {
  readonly kv: KvClient;
  readonly policies: readonly Policy[];
  /**
   * While Redis is away: `local` counts in this process against the same policies; `allow` and `deny` do not count.
   * @default 'local'
   */
  readonly onUnavailable?: OnUnavailable | undefined;
  /** Do not ask Redis at all and count in this process: the switch for an emergency. @default false */
  readonly localOnly?: boolean | undefined;
  /** Subjects counted in this process while Redis is away; beyond it the longest unused are forgotten. @default 100_000 */
  readonly maxLocalKeys?: number | undefined;
}

/** Whose account of which policy: `{ ip: '203.0.113.7', key: 'k_1' }`. Never a raw API key. */
export type Subjects = Readonly<Record<string, string>>;

export interface CheckOptions extends CallOptions {
  /** Permits to take from each policy; a whole number from 0. @default 1 */
  readonly cost?: number | undefined;
  /** Other numbers for this subject, by policy name: its plan. */
  readonly quotas?: Readonly<Record<string, Quota>> | undefined;
}

export interface Limiter {
  /**
   * Takes `cost` permits from every policy in `subjects`, or from none. One request to Redis, shared with whatever else
   * leaves in the same tick. With Redis away, or a key that holds something else, see `onUnavailable`.
   *
   * @throws ConfigError for an unknown policy, an empty subject or a cost that is none.
   */
  check(subjects: Subjects, options?: CheckOptions): Promise<LimitResult>;
  /** What `check` would answer, taking nothing; `remaining` is what is left now. */
  peek(subjects: Subjects, options?: CheckOptions): Promise<LimitResult>;
  /** Gives these subjects everything back. One request. @throws when Redis is away */
  reset(subjects: Subjects): Promise<void>;
  /** Gives everybody everything back: at once here, within a second in other processes. One request. @throws when Redis is away */
  clear(): Promise<void>;
  /** The rule of a policy, and the accounts beneath; for composing a check with other work in one request. */
  readonly rules: ReadonlyMap<string, Rule>;
  readonly ledger: Ledger;
  readonly localOnly: boolean;
}

/** @throws ConfigError naming the policy and the option. */
export function createLimiter(options: LimiterOptions): Limiter {
  const { kv, policies, onUnavailable = 'local', maxLocalKeys = 100_000, localOnly = false } = options;
  const rules = new Map<string, Rule>();
  for (const policy of policies) {
    if (rules.has(policy.name)) throw new ConfigError('policies', `name ${policy.name} more than once`);
    rules.set(policy.name, compileRule(policy));
  }
  const ledger = createLedger({ kv, onUnavailable: localOnly ? 'local' : onUnavailable, maxLocalKeys });

  const toCharges = async (subjects: Subjects, quotas: CheckOptions['quotas'] = {}): Promise<readonly Charge[]> => {
    const charges: Charge[] = [];
    for (const [name, subject] of Object.entries(subjects)) {
      const rule = rules.get(name);
      if (!rule) throw new ConfigError('subjects', `name a policy that does not exist: ${name}`);
      const quota = Object.hasOwn(quotas, name) ? quotas[name] : undefined;
      charges.push({ rule: quota ? withQuota(rule, quota) : rule, subject: await toSubject(subject) });
    }
    if (charges.length === 0) throw new ConfigError('subjects', 'must name at least one policy');
    return charges;
  };

  const ask = async (charges: readonly Charge[], cost: number, call: CallOptions): Promise<LimitResult> => {
    if (localOnly) throw notAsked();
    const query = ledger.epoch.query();
    const args = scriptArguments(charges, cost);
    const script = { script: chargeScript, keys: ledger.keys(charges), args };
    const [reply, epoch] = await runScriptWith(kv, script, query.commands, call);
    if (query.learn(epoch)) return ask(charges, cost, call);
    return ledger.read(charges, orThrow(reply));
  };

  const erase = async (charges: readonly Charge[]): Promise<void> => {
    const query = ledger.epoch.query();
    const [reply, epoch] = await kv.execute([['DEL', ...ledger.keys(charges)], ...query.commands]);
    orThrow(reply);
    if (query.learn(epoch)) await erase(charges);
  };

  const count = async (subjects: Subjects, sign: 1 | -1, { cost = 1, quotas, ...call }: CheckOptions = {}) => {
    if (!Number.isSafeInteger(cost) || cost < 0) {
      throw new ConfigError('cost', `must be a whole number of at least 0, got ${cost}`);
    }
    const charges = await toCharges(subjects, quotas);
    try {
      return await ask(charges, sign * cost, call);
    } catch (error) {
      return ledger.without(charges, sign * cost, error);
    }
  };

  return {
    rules,
    ledger,
    localOnly,
    check: (subjects, checkOptions) => count(subjects, 1, checkOptions),
    peek: (subjects, peekOptions) => count(subjects, -1, peekOptions),
    async reset(subjects) {
      const charges = await toCharges(subjects);
      ledger.forgetLocal(charges);
      if (!localOnly) await erase(charges);
    },
    async clear() {
      ledger.forgetLocal();
      if (!localOnly) await ledger.epoch.raise();
    },
  };
}

/** Why a limiter that works locally has no answer from Redis. */
export function notAsked(): StoreError {
  return new StoreError('local', 'Limits are configured not to ask the store', { mayHaveRun: false });
}
