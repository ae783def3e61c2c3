import type { Result, Value } from '../client/call.ts';
import type { KvClient } from '../client/kv-client.ts';
import { boundPart } from '../client/redis-keys.ts';
import { elapsedSince, type Instant, instant } from '../clock.ts';
import { ConfigError, isKvError, isUnavailable } from '../errors.ts';
import type { Argument } from '../store/store.ts';
import { type ChargeCall, type ChargeMode, readRule, ruleArgument } from './charge.ts';
import { createDebts } from './debts.ts';
import { createEpoch, type Epoch } from './epoch.ts';
import type { Leases } from './leases.ts';
import { createLocalAccounts } from './local-accounts.ts';
import type { Charge, Rule } from './policy.ts';
import {
  type AccountAnswer,
  type Answer,
  type Basis,
  type LimitResult,
  policyResult,
  readAnswer,
  summarise,
  uncounted,
} from './result.ts';

/** What a check answers while Redis is away: by the count of this process, yes, or no. */
export type OnUnavailable = 'local' | 'allow' | 'deny';

export interface LedgerOptions {
  readonly kv: KvClient;
  readonly onUnavailable: OnUnavailable;
  /** Accounts kept in this process while Redis is away. */
  readonly maxLocalKeys: number;
  /** Among how many processes a limit is divided while Redis is away. */
  readonly expectedProcesses: number;
  /** Forgotten when all limits are cleared. */
  readonly leases: Leases;
}

/** How long Redis has to answer without fail before limits are said to be back: it may refuse one request of two. */
const SETTLED_MS = 5_000;

/** Accounts of limits: their keys, the reading of what Redis answers, and the count kept here while Redis is away. */
export interface Ledger {
  readonly epoch: Epoch;
  /** Keys of the charges in the current epoch. */
  keys(charges: readonly Charge[]): readonly string[];
  /** Puts charges into one request. Close it when that is over. */
  bill(charges: readonly Charge[], wants?: readonly number[] | undefined, mode?: ChargeMode): Bill;
  /** Redis has granted these permits to a check that no longer waited, and was counted here. */
  grantedLate(charges: readonly Charge[], permits: number): void;
  /** The result of one check; without an answer that can be read, that of `here`. */
  conclude(charges: readonly Charge[], answer: Answer | undefined, call: ChargeCall): LimitResult;
  /** The answer without Redis, for an `error` that says that it is away or that it cannot read a key; others are thrown. */
  fallBack(charges: readonly Charge[], call: ChargeCall, error: unknown): LimitResult;
  /** The answer without Redis, as configured. */
  here(charges: readonly Charge[], call: ChargeCall): LimitResult;
  /** Forgets what was counted here; all of it without `charges`. */
  forgetLocal(charges?: readonly Charge[]): void;
}

/** Charges of one request. */
export interface Bill {
  /** The charges as the script reads them, with what each of them would hold in advance, and owes. */
  readonly rules: readonly Argument[];
  /** What the script answered, about some of them at least. `undefined`, and an event, where it cannot be read. */
  read(charges: readonly Charge[], reply: Value | undefined): Answer | undefined;
  /** What Redis has not said that it was charged is still owed. */
  close(): void;
}

export function createLedger({ kv, onUnavailable, maxLocalKeys, expectedProcesses, leases }: LedgerOptions): Ledger {
  const epoch = createEpoch(kv, () => {
    leases.forget();
    debts.allUnpaid();
  });
  const local = createLocalAccounts(kv.clock, maxLocalKeys);
  let failedAt: Instant | undefined;

  const localKey = ({ rule, subject }: Charge) => `${rule.name}:${rule.kind}:${subject}`;
  const localRule = ({ rule }: Charge) => readRule(String(ruleArgument(divided(rule, expectedProcesses))));
  const debts = createDebts({ clock: kv.clock, local, maxKeys: maxLocalKeys, longestMs: kv.requestTimeoutMs });

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

  const bill: Ledger['bill'] = (charges, wants = [], mode = 'take') => {
    const by = Symbol('bill');
    const carrying: string[] = [];
    /** Permits granted here that are not back yet: Redis has not heard of them. */
    const owed = (charge: Charge): number => {
      // What is owed goes with what is taken, or it would be written twice.
      if (local.size === 0 || mode === 'give') return 0;
      const key = localKey(charge);
      if (mode === 'peek') return debts.owed(key);
      carrying.push(key);
      return debts.carry(key, by);
    };
    return {
      rules: charges.map((charge, index) => ruleArgument(charge.rule, wants[index] ?? 0, owed(charge))),
      read(answered, reply) {
        markBack();
        const answer = readAnswer(reply, answered.length);
        if (!answer) notifyUnreadable('unexpected reply of the script');
        if (carrying.length > 0) {
          answered.forEach((charge, index) => {
            if (answer?.accounts[index]?.taken) debts.paid(localKey(charge), by);
          });
        }
        return answer;
      },
      close() {
        for (const key of carrying) debts.unpaid(key, by);
      },
    };
  };

  const byPolicy = (charges: readonly Charge[], allowed: boolean) =>
    summarise(
      charges.map(({ rule }) => uncounted(rule, allowed)),
      'policy',
      kv.clock.now(),
    );

  const resultOf = (charges: readonly Charge[], { accounts }: Answer, basis: Basis) =>
    summarise(policiesOf(charges, accounts), basis, kv.clock.now());

  const here: Ledger['here'] = (charges, call) => {
    if (onUnavailable !== 'local') return byPolicy(charges, onUnavailable === 'allow');
    const reply = local.charge(call, charges.map(localKey), charges.map(localRule));
    const answer = readAnswer(reply, charges.length);
    return answer ? resultOf(charges, answer, 'local') : byPolicy(charges, true);
  };

  const conclude: Ledger['conclude'] = (charges, answer, call) =>
    answer ? resultOf(charges, answer, 'store') : here(charges, call);

  const fallBack: Ledger['fallBack'] = (charges, call, error) => {
    if (isUnavailable(error)) markAway(error.code);
    else if (isKvError(error) && error.code === 'COMMAND') notifyUnreadable(error.replyCode);
    else throw error;
    return here(charges, call);
  };

  return {
    epoch,
    here,
    conclude,
    keys: (charges) =>
      // Another algorithm keeps another account: it could not read this one.
      charges.map(({ rule, subject }) =>
        epoch.key(rule.kind === 'g' ? rule.name : `${rule.name}.${rule.kind}`, subject),
      ),
    bill,
    grantedLate(charges, permits) {
      if (local.size > 0) for (const charge of charges) debts.forgive(localKey(charge), permits);
    },
    fallBack,
    forgetLocal(charges) {
      if (charges) for (const charge of charges) local.forget(localKey(charge));
      else local.clear();
    },
  };
}

function policiesOf(charges: readonly Charge[], accounts: readonly AccountAnswer[]) {
  return charges.map(({ rule }, index) => {
    const account = accounts[index] ?? { taken: 0, left: 0, resetUs: 0, retryUs: 0 };
    return policyResult(rule, account, account.retryUs === 0);
  });
}

/** One process's part of a rule. At least one permit: a limit is not an outage. */
function divided(rule: Rule, processes: number): Rule {
  if (processes === 1) return rule;
  const part = (permits: number) => Math.max(1, Math.floor(permits / processes));
  const periodUs = rule.kind === 'g' ? rule.periodUs * processes : rule.periodUs;
  return { ...rule, limit: part(rule.limit), capacity: part(rule.capacity), periodUs };
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
