import type { Result, Value } from '../client/call.ts';
import { boundPart } from '../client/keys.ts';
import type { KvClient } from '../client/kv-client.ts';
import { elapsedSince, type Instant, instant } from '../clock.ts';
import { ConfigError, isKvError, isUnavailable } from '../errors.ts';
import type { Argument } from '../store/store.ts';
import { ruleArguments } from './charge.ts';
import { createEpoch, type Epoch } from './epoch.ts';
import { createLocalAccounts } from './local-accounts.ts';
import type { Rule } from './policy.ts';
import { type LimitResult, readCharge, summarise, uncounted } from './result.ts';

export type OnUnavailable = 'local' | 'allow' | 'deny';

/** What is to be charged: a rule, and whose account. */
export interface Charge {
  readonly rule: Rule;
  /** Bounded and safe to stand in a key. */
  readonly subject: string;
}

export interface LedgerOptions {
  readonly kv: KvClient;
  readonly onUnavailable: OnUnavailable;
  /** Accounts kept in this process while Redis is away. */
  readonly maxLocalKeys: number;
}

/** How long Redis has to answer without fail before limits are said to be back: it may refuse one request of two. */
const SETTLED_MS = 5_000;

/** Accounts of limits: their keys, the reading of what Redis answers, and the count kept here while Redis is away. */
export interface Ledger {
  readonly epoch: Epoch;
  /** Keys of the charges in the current epoch. */
  keys(charges: readonly Charge[]): readonly string[];
  /** A result from what the script answered. */
  read(charges: readonly Charge[], reply: Value | undefined): LimitResult;
  /** The answer without Redis, for an `error` that says that it is away or that it cannot read a key; others are thrown. */
  without(charges: readonly Charge[], cost: number, error: unknown): LimitResult;
  /** The answer without Redis, as configured. */
  here(charges: readonly Charge[], cost: number): LimitResult;
  /** Forgets what was counted here; all of it without `charges`. */
  forgetLocal(charges?: readonly Charge[]): void;
}

export function createLedger({ kv, onUnavailable, maxLocalKeys }: LedgerOptions): Ledger {
  const epoch = createEpoch(kv);
  const local = createLocalAccounts(kv.clock, maxLocalKeys);
  let failedAt: Instant | undefined;

  const localKey = ({ rule, subject }: Charge) => `${rule.name}:${subject}`;

  const markAway = (reason: string) => {
    const isNews = failedAt === undefined;
    failedAt = instant(kv.clock);
    if (isNews) kv.notify({ type: 'fallback', at: kv.clock.now(), feature: 'limit', reason });
  };

  /** A probe that succeeds is no recovery: until the circuit is closed, everybody else still counts here. */
  const markBack = () => {
    if (!failedAt || elapsedSince(failedAt, kv.clock) < SETTLED_MS || kv.circuit.state().state !== 'CLOSED') return;
    failedAt = undefined;
    kv.notify({ type: 'recovered', at: kv.clock.now(), feature: 'limit' });
  };

  const notifyUnreadable = (problem: string) =>
    kv.notify({ type: 'unreadable', at: kv.clock.now(), feature: 'limit', problem });

  const chargeHere = (charges: readonly Charge[], cost: number): Value =>
    local.charge(charges.map(localKey), cost, charges.flatMap(({ rule }) => ruleArguments(rule)).map(String));

  const conclude = (charges: readonly Charge[], reply: Value | undefined, basis: 'store' | 'local'): LimitResult => {
    const rules = charges.map(({ rule }) => rule);
    const policies = readCharge(reply, rules);
    if (policies) return summarise(policies, basis, kv.clock.now());
    notifyUnreadable('unexpected reply of the script');
    return summarise(uncounted(rules, onUnavailable !== 'deny'), 'policy', kv.clock.now());
  };

  const here: Ledger['here'] = (charges, cost) => {
    if (onUnavailable === 'local') return conclude(charges, chargeHere(charges, cost), 'local');
    const rules = charges.map(({ rule }) => rule);
    return summarise(uncounted(rules, onUnavailable === 'allow'), 'policy', kv.clock.now());
  };

  return {
    epoch,
    here,
    keys: (charges) => charges.map(({ rule, subject }) => epoch.key(rule.name, subject)),
    read(charges, reply) {
      markBack();
      return conclude(charges, reply, 'store');
    },
    without(charges, cost, error) {
      if (isUnavailable(error)) markAway(error.code);
      else if (isKvError(error) && error.code === 'COMMAND') notifyUnreadable(error.replyCode);
      else throw error;
      return here(charges, cost);
    },
    forgetLocal(charges) {
      if (charges) for (const charge of charges) local.forget(localKey(charge));
      else local.clear();
    },
  };
}

/** ARGV of the charge script, on the server's clock. */
export function scriptArguments(charges: readonly Charge[], cost: number): Argument[] {
  return ['', cost, ...charges.flatMap(({ rule }) => ruleArguments(rule))];
}

/** A subject from outside, in a form that can stand in a key. */
export function toSubject(subject: string): string | Promise<string> {
  if (subject === '') throw new ConfigError('subject', 'must not be empty');
  return boundPart(subject);
}

/** A script's error reply, thrown; its value otherwise. */
export function orThrow(result: Result | undefined): Value | undefined {
  if (result instanceof Error) throw result;
  return result;
}
