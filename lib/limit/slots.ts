import type { CallOptions } from '../client/call.ts';
import { randomBase62 } from '../client/crypto.ts';
import type { Clock } from '../clock.ts';
import type { Ask } from './asking.ts';
import type { ChargeCall } from './charge.ts';
import { isOverdue, untilCallerLeaves } from './leaving.ts';
import type { Ledger } from './ledger.ts';
import type { Charge } from './policy.ts';
import type { LimitResult } from './result.ts';

/** Slots of `concurrency` policies, beside whatever else is charged with them. */
export interface Slots {
  take(charges: readonly Charge[], cost: number, options: CallOptions): Promise<LimitResult>;
  /** As {@link Ledger.fallBack}; slots granted in this process are given back to it. */
  fallBack(charges: readonly Charge[], cost: number, error: unknown): LimitResult;
}

export interface SlotOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly ask: Ask;
  readonly ledger: Ledger;
}

/** Each grant has an id of its own, by which its slots are told from others; so these checks are not charged together. */
export function createSlots({ clock, timeoutMs: longestMs, ask, ledger }: SlotOptions): Slots {
  const called = (cost: number): ChargeCall => ({ mode: 'take', cost, need: cost, id: randomBase62(20) });

  const withRelease = (result: LimitResult, charges: readonly Charge[], { cost, id }: ChargeCall): LimitResult => {
    const slots = charges.filter(({ rule }) => rule.kind === 'c');
    if (!result.allowed || cost === 0 || slots.length === 0 || result.basis === 'policy') return result;
    const giving: ChargeCall = { mode: 'give', cost, need: 0, id };
    const giveBack = async (): Promise<boolean> => {
      if (result.basis === 'local') return ledger.here(slots, giving).allowed;
      try {
        return (await ask(slots, giving)) !== undefined;
      } catch {
        return false;
      }
    };
    let released: Promise<boolean> | undefined;
    const release = () => {
      released ??= giveBack();
      return released;
    };
    return { ...result, release };
  };

  return {
    take(charges, cost, options) {
      const call = called(cost);
      return untilCallerLeaves({ clock, longestMs, ...options }, async (left) => {
        const result = withRelease(ledger.conclude(charges, await ask(charges, call), call), charges, call);
        // Nobody else can: it would be held to its end.
        if (left.aborted) void result.release?.();
        if (isOverdue(left) && result.allowed && result.basis === 'store') ledger.grantedLate(charges, cost);
        return result;
      });
    },
    fallBack(charges, cost, error) {
      const call = called(cost);
      return withRelease(ledger.fallBack(charges, call, error), charges, call);
    },
  };
}
