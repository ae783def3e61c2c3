import { createLru } from '../client/lru.ts';
import { type Clock, elapsedSince, type Instant } from '../clock.ts';
import { createHeldPermits, type Held } from './held-permits.ts';
import type { Charge } from './policy.ts';
import { type Answer, type LimitResult, type PolicyResult, policyResult, summarise, uncounted } from './result.ts';

/** What Redis gave to this process in advance, and what it refused a moment ago. */
export interface Leases {
  /** Notes that `cost` is asked for: what is asked for often is taken in advance. */
  note(charges: readonly Charge[], cost: number): void;
  /** How many permits to hold of each account, by how quickly they have been spent of late. */
  wants(charges: readonly Charge[]): readonly number[];
  /** The answer that needs no request: all of it is held here, or one refusal still stands. Takes what it grants. */
  answer(charges: readonly Charge[], cost: number): LimitResult | undefined;
  /** As `answer`, but only refusals. */
  refusal(charges: readonly Charge[], cost: number): LimitResult | undefined;
  /** Takes in what the store answered to a question of `sentAt`; `spent` permits of each account are gone already. */
  learn(charges: readonly Charge[], cost: number, answer: Answer, sentAt: Instant, spent: number): void;
  /** Permits held of an account. */
  held(charge: Charge): number;
  /**
   * Sets aside what is held for up to `count` checks, so that only the rest has to be asked for: Redis may have nothing left
   * of an account of which enough is held here.
   */
  reserve(charges: readonly Charge[], cost: number, count: number): Reservation;
  /** What is known of an account of which enough is held. */
  known(charge: Charge): PolicyResult;
  /** Whether one of the accounts is nearly spent, and worth a refill before somebody has to wait for it. */
  isLow(charges: readonly Charge[]): boolean;
  /** Accounts of which something is known. */
  readonly size: number;
  /** Forgets these accounts, or all. What they held in advance is lost, never spent twice. */
  forget(charges?: readonly Charge[]): void;
}

export interface Reservation {
  /** What is not held. */
  readonly asked: readonly Charge[];
  /** For how many checks what is held is enough. */
  readonly count: number;
  /** Gives back, once, what only so many checks have spent. */
  settle(spent: number): void;
}

export interface LeaseOptions {
  readonly clock: Clock;
  readonly maxKeys: number;
  /** How long a refusal of an account that is not leased is believed, in milliseconds. */
  readonly refusalTtlMs: number;
}

interface Refusal {
  readonly cost: number;
  readonly sentAt: Instant;
  /** How long it is believed, */
  readonly forMs: number;
  /** and after what time the cost will fit. */
  readonly retryMs: number;
}

interface Holding {
  readonly kind: string;
  readonly periodUs: number;
  readonly capacity: number;
  readonly held: Held;
  refusals: readonly Refusal[];
  /** Exponentially decaying count of permits asked for; its time constant is twice a lease. */
  demand: number;
  notedAt: number;
  granted: number;
  /** The store's last word of what it has left itself. */
  left: number;
  resetUs: number;
  learntAt: number;
}

const MAX_REFUSALS = 4;
const NONE: readonly Refusal[] = [];
/** A refill is worth asking for when less than this share of the last one is left. */
const LOW_WATER = 0.25;

export function createLeases({ clock, maxKeys, refusalTtlMs }: LeaseOptions): Leases {
  const holdings = createLru<Holding>(maxKeys);
  const permits = createHeldPermits(clock);
  /** When accounts were forgotten: a refusal that was asked for before may be out of date. */
  const forgottenAt = createLru<number>(maxKeys);
  let clearedAt = Number.NEGATIVE_INFINITY;

  /** Under other numbers it is another account: what was taken under a plan is not spent under the next. */
  const find = (charge: Charge): Holding | undefined => {
    const { kind, periodUs, capacity } = charge.rule;
    const known = holdings.get(idOf(charge));
    return known?.kind === kind && known.periodUs === periodUs && known.capacity === capacity ? known : undefined;
  };

  const open = (charge: Charge): Holding => {
    const known = find(charge);
    if (known) return known;
    const at = clock.monotonic();
    const { kind, periodUs, capacity } = charge.rule;
    const fresh: Holding = {
      kind,
      periodUs,
      capacity,
      held: [],
      refusals: NONE,
      demand: 0,
      notedAt: at,
      granted: 0,
      left: 0,
      resetUs: 0,
      learntAt: at,
    };
    holdings.set(idOf(charge), fresh);
    return fresh;
  };

  const held: Leases['held'] = (charge) => {
    const holding = charge.rule.leaseMs > 0 ? find(charge) : undefined;
    return holding ? permits.count(holding.held, charge.rule.leaseMs) : 0;
  };

  /** Milliseconds until `cost` fits, at the earliest; 0 when no refusal of it is believed any more. */
  const refusedFor = (charge: Charge, cost: number): number => {
    const { kind, periodUs } = charge.rule;
    let longest = 0;
    for (const refusal of find(charge)?.refusals ?? []) {
      const since = elapsedSince(refusal.sentAt, clock);
      if (cost < refusal.cost || since >= refusal.forMs) continue;
      const moreMs = kind === 'g' ? ((cost - refusal.cost) * periodUs) / 1000 : 0;
      longest = Math.max(longest, refusal.retryMs + moreMs - since);
    }
    return longest;
  };

  const resultOf = (charge: Charge, refusedForMs: number): PolicyResult => {
    const { left, resetUs, learntAt } = open(charge);
    const sinceUs = (clock.monotonic() - learntAt) * 1000;
    const retryUs = refusedForMs === Infinity ? -1 : refusedForMs * 1000;
    const answer = { taken: 0, left, resetUs: Math.max(0, resetUs - sinceUs), retryUs };
    return policyResult(charge.rule, answer, refusedForMs === 0, held(charge));
  };

  const takeHeld = (charges: readonly Charge[], cost: number): LimitResult | undefined => {
    if (cost === 0 || !charges.every((charge) => charge.rule.leaseMs > 0 && held(charge) >= cost)) return undefined;
    for (const charge of charges) permits.take(open(charge).held, cost);
    return summarise(
      charges.map((charge) => resultOf(charge, 0)),
      'lease',
      clock.now(),
    );
  };

  const refusal = (charges: readonly Charge[], cost: number): LimitResult | undefined => {
    const waits = charges.map((charge) => (held(charge) >= cost && cost > 0 ? 0 : refusedFor(charge, cost)));
    if (!waits.some((ms) => ms > 0)) return undefined;
    const policies = charges.map((charge, index) => {
      const ms = waits[index] ?? 0;
      if (ms === 0) return uncounted(charge.rule, true);
      return resultOf(charge, cost > charge.rule.capacity ? Infinity : ms);
    });
    return summarise(policies, 'lease', clock.now());
  };

  return {
    held,
    reserve(charges, cost, wanted) {
      const isHeld = (charge: Charge) => cost > 0 && held(charge) >= cost;
      const enough = charges.filter(isHeld);
      const count = Math.min(wanted, ...enough.map((charge) => Math.floor(held(charge) / cost)));
      const returns = enough.map((charge) => permits.take(open(charge).held, count * cost));
      return {
        asked: charges.filter((charge) => !enough.includes(charge)),
        count,
        settle(spent) {
          for (const giveBack of returns.splice(0)) giveBack((count - spent) * cost);
        },
      };
    },
    note(charges, cost) {
      for (const charge of charges) {
        const { leaseMs } = charge.rule;
        if (leaseMs === 0) continue;
        const holding = open(charge);
        const now = clock.monotonic();
        holding.demand = holding.demand * Math.exp((holding.notedAt - now) / (2 * leaseMs)) + cost;
        holding.notedAt = now;
      }
    },
    wants: (charges) =>
      charges.map((charge) => {
        const { leaseMs } = charge.rule;
        if (leaseMs === 0) return 0;
        const { demand, notedAt } = open(charge);
        const wanted = (demand * Math.exp((notedAt - clock.monotonic()) / (2 * leaseMs))) / 2;
        return Math.min(charge.rule.capacity, Math.ceil(wanted));
      }),
    known: (charge) => resultOf(charge, 0),
    refusal: (charges, cost) => (holdings.size > 0 ? refusal(charges, cost) : undefined),
    answer: (charges, cost) => takeHeld(charges, cost) ?? refusal(charges, cost),
    learn(charges, cost, { accounts }, sentAt, spent) {
      charges.forEach((charge, index) => {
        const account = accounts[index];
        if (!account) return;
        const { rule } = charge;
        const { taken, left, resetUs, retryUs } = account;
        const isRefusal = retryUs > 0 && rule.kind !== 'c';
        if (rule.leaseMs === 0 && !isRefusal) return;
        const holding = open(charge);
        Object.assign(holding, { left, resetUs, learntAt: clock.monotonic() });
        if (rule.leaseMs > 0 && taken > spent) {
          permits.add(holding.held, taken - spent, sentAt);
          holding.granted = taken;
        }
        const retryMs = retryUs / 1000;
        const forMs = Math.min(retryMs, rule.leaseMs || refusalTtlMs);
        if (
          isRefusal &&
          forMs > 0 &&
          sentAt.monotonic > Math.max(clearedAt, forgottenAt.get(idOf(charge)) ?? clearedAt)
        ) {
          const others = holding.refusals.filter((one) => one.cost < cost);
          holding.refusals = [...others, { cost, sentAt, forMs, retryMs }].slice(-MAX_REFUSALS);
        }
      });
    },
    isLow: (charges) =>
      charges.some((charge) => {
        if (charge.rule.leaseMs === 0) return false;
        return held(charge) < LOW_WATER * open(charge).granted;
      }),
    get size() {
      return holdings.size;
    },
    forget(charges) {
      for (const charge of charges ?? []) {
        holdings.delete(idOf(charge));
        forgottenAt.set(idOf(charge), clock.monotonic());
      }
      if (charges) return;
      holdings.clear();
      forgottenAt.clear();
      clearedAt = clock.monotonic();
    },
  };
}

function idOf({ rule, subject }: Charge): string {
  return `${rule.name}:${subject}`;
}
