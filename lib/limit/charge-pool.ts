import type { CallOptions } from '../client/call.ts';
import { type Clock, elapsedSince, type Instant, instant } from '../clock.ts';
import type { Ask } from './asking.ts';
import type { ChargeCall } from './charge.ts';
import type { Leases } from './leases.ts';
import { isOverdue, untilCallerLeaves } from './leaving.ts';
import type { Ledger } from './ledger.ts';
import type { Charge } from './policy.ts';
import { type Answer, type LimitResult, policyResult, summarise } from './result.ts';

/** Charges the same accounts once for all checks that want it at the same time. */
export interface ChargePool {
  /**
   * The result of one check. Checks of the same cost on the same accounts, made in one turn, are one charge. Where permits
   * are held in advance there is one charge under way at a time, and the others wait for what it brings, in order.
   */
  join(charges: readonly Charge[], cost: number, options: CallOptions): Promise<LimitResult>;
  /** Takes permits in advance for leased accounts, with nobody waiting. `undefined` when a charge is under way. */
  prefetch(charges: readonly Charge[]): Promise<void> | undefined;
  /** Queues with somebody in them, or a charge under way. */
  readonly size: number;
}

export interface ChargePoolOptions {
  readonly clock: Clock;
  /** Without it every check is a charge of its own. */
  readonly sharesPromises: boolean;
  readonly timeoutMs: number;
  readonly ask: Ask;
  readonly ledger: Ledger;
  readonly leases: Leases;
}

interface Waiter {
  readonly resolve: (result: LimitResult) => void;
  readonly reject: (error: unknown) => void;
  /** Aborted when nobody waits for the result any more. */
  readonly left?: AbortSignal;
  /** Once, and asks again. */
  wasRefused?: boolean;
}

/** Checks of one cost on the same accounts. */
interface Queue {
  readonly charges: readonly Charge[];
  readonly cost: number;
  readonly isLeased: boolean;
  readonly waiting: Waiter[];
  underWay: number;
  askedAt: Instant;
  isDue: boolean;
}

/** Of the longest that a charge can take, how often that: then it will never come back. */
const LOST_AFTER = 3;

export function createChargePool({
  clock,
  sharesPromises,
  timeoutMs: longestMs,
  ask,
  ledger,
  leases,
}: ChargePoolOptions): ChargePool {
  const queues = new Map<string, Queue>();

  const open = (charges: readonly Charge[], cost: number): readonly [id: string, queue: Queue] => {
    const id = `${cost} ${charges.map(accountId).join(' ')}`;
    const known = queues.get(id);
    if (known) return [id, known];
    const isLeased = charges.some(({ rule }) => rule.leaseMs > 0);
    const queue: Queue = { charges, cost, isLeased, waiting: [], underWay: 0, askedAt: instant(clock), isDue: false };
    if (sharesPromises) queues.set(id, queue);
    return [id, queue];
  };

  /** Runtimes end promises with the request that made them: a charge that has not come back for so long never will. */
  const isBusy = ({ underWay, askedAt }: Queue): boolean =>
    underWay > 0 && elapsedSince(askedAt, clock) < LOST_AFTER * longestMs;

  const begin = (queue: Queue): Instant => {
    queue.underWay += 1;
    queue.askedAt = instant(clock);
    return queue.askedAt;
  };

  /** Serves from what is held; asks for the rest. */
  const turn = (id: string, queue: Queue): void => {
    const { charges, cost, isLeased, waiting } = queue;
    while (isLeased && waiting.length > 0) {
      const held = leases.answer(charges, cost);
      if (!held) break;
      waiting.shift()?.resolve(held);
    }
    if (waiting.length > 0 && !(isLeased && isBusy(queue))) void send(id, queue);
    // A queue of the same name may have been opened since.
    if (waiting.length === 0 && queue.underWay === 0 && queues.get(id) === queue) queues.delete(id);
  };

  /** One charge for those who wait, or for as many of them as what is held of one of the accounts is enough. */
  const send = async (id: string, queue: Queue): Promise<void> => {
    const { charges, cost } = queue;
    const { asked, count, settle } = leases.reserve(charges, cost, queue.waiting.length);
    const waiters = queue.waiting.splice(0, count);
    let served = 0;
    const sentAt = begin(queue);
    try {
      const call = { mode: 'take', cost, need: cost * count, id: '' } as const;
      const answer = await ask(asked, call, { wants: queue.isLeased ? leases.wants(asked) : undefined });
      if (answer) {
        served = servedBy(answer, cost, count);
        leases.learn(asked, cost, answer, sentAt, served * cost);
        const late = waiters.slice(0, served).filter(({ left }) => isOverdue(left));
        // All of them: what was held in advance has been charged to Redis before.
        if (late.length > 0) ledger.grantedLate(charges, late.length * cost);
      }
      // Before anybody is told what is left.
      settle(served);
      const refused = waiters.filter((waiter, index) => {
        const mayAsk = index >= served && !waiter.wasRefused && !waiter.left?.aborted;
        const isWaiting = mayAsk && answer && isHeldMeanwhile(asked, answer, cost);
        if (!isWaiting) waiter.resolve(resultOf(queue, asked, answer, served, index));
        return isWaiting;
      });
      for (const waiter of refused) waiter.wasRefused = true;
      queue.waiting.unshift(...refused);
    } catch (error) {
      for (const { reject } of waiters) reject(error);
    } finally {
      settle(served);
      queue.underWay -= 1;
      turn(id, queue);
    }
  };

  /** Whether enough of every account that refuses has come in since it was asked: for another check, or in advance. */
  const isHeldMeanwhile = (asked: readonly Charge[], { accounts }: Answer, cost: number): boolean =>
    asked
      .filter((_, at) => accounts[at]?.retryUs !== 0)
      .every((charge) => charge.rule.leaseMs > 0 && leases.held(charge) >= cost);

  /** The result of the check at `index` of those that an answer is to. */
  const resultOf = (
    { charges, cost }: Queue,
    asked: readonly Charge[],
    answer: Answer | undefined,
    served: number,
    index: number,
  ): LimitResult => {
    const isServed = index < served;
    const policies = charges.map((charge) => {
      const account = answer?.accounts[asked.indexOf(charge)];
      if (!account) return leases.known(charge);
      // As if they had been asked one after the other.
      const later = isServed && charge.rule.leaseMs === 0 ? (served - 1 - index) * cost : 0;
      return policyResult(charge.rule, account, isServed || account.retryUs === 0, leases.held(charge) + later);
    });
    const isRefused = policies.some(({ allowed }) => !allowed);
    // An answer that neither grants nor refuses is none.
    return answer && isRefused !== isServed
      ? summarise(policies, 'store', clock.now())
      : ledger.here(charges, called(cost));
  };

  const enqueue = (charges: readonly Charge[], cost: number, waiter: Waiter): Queue => {
    const [id, queue] = open(charges, cost);
    queue.waiting.push(waiter);
    if (!queue.isDue) {
      queue.isDue = true;
      queueMicrotask(() => {
        queue.isDue = false;
        turn(id, queue);
      });
    }
    return queue;
  };

  return {
    join(charges, cost, { signal, timeoutMs = longestMs }) {
      const isBounded = signal !== undefined || timeoutMs < longestMs || charges.some(({ rule }) => rule.leaseMs > 0);
      if (!isBounded) return new Promise((resolve, reject) => enqueue(charges, cost, { resolve, reject }));
      return untilCallerLeaves(
        { clock, longestMs, signal, timeoutMs },
        (left) =>
          new Promise((resolve, reject) => {
            const waiter: Waiter = { resolve, reject, left };
            const queue = enqueue(charges, cost, waiter);
            left.addEventListener('abort', () => {
              const at = queue.waiting.indexOf(waiter);
              if (at >= 0) queue.waiting.splice(at, 1);
            });
          }),
      );
    },
    prefetch(charges) {
      const leased = charges.filter(({ rule }) => rule.leaseMs > 0);
      const [id, queue] = open(leased, 1);
      if (isBusy(queue)) return undefined;
      const refill = async () => {
        const sentAt = begin(queue);
        try {
          const call = { mode: 'take', cost: 1, need: 0, id: '' } as const;
          const answer = await ask(leased, call, { wants: leases.wants(leased) });
          if (answer) leases.learn(leased, 1, answer, sentAt, 0);
        } catch {
          // Who needs permits will ask, and hear of it.
        } finally {
          queue.underWay -= 1;
          turn(id, queue);
        }
      };
      return refill();
    },
    get size() {
      return queues.size;
    },
  };
}

function called(cost: number): ChargeCall {
  return { mode: 'take', cost, need: cost, id: '' };
}

/** With the length of the subject: otherwise one could be written that looks like two accounts. */
function accountId({ rule, subject }: Charge): string {
  const { name, kind, periodUs, capacity, limit, leaseMs } = rule;
  return `${name}:${kind}:${periodUs}:${capacity}:${limit}:${leaseMs}:${subject.length}:${subject}`;
}

/** How many of `count` checks were granted. */
function servedBy({ granted, accounts }: Answer, cost: number, count: number): number {
  if (!granted) return 0;
  if (cost === 0) return count;
  return Math.min(count, ...accounts.map(({ taken }) => Math.floor(taken / cost)));
}
