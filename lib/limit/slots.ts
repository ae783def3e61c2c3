import type { CallOptions } from '../client/call.ts';
import { randomBase62 } from '../client/crypto.ts';
import type { Ask } from './asking.ts';
import type { ChargeCall } from './charge.ts';
import type { Ledger } from './ledger.ts';
import type { Charge } from './policy.ts';
import type { LimitResult } from './result.ts';

/** Slots of `concurrency` policies, beside whatever else is charged with them. */
export interface Slots {
  take(charges: readonly Charge[], cost: number, options: CallOptions): Promise<LimitResult>;
  /** The answer without Redis; see {@link Ledger.without}. */
  without(charges: readonly Charge[], cost: number, error: unknown): LimitResult;
}

/** Each grant has an id of its own, by which its slots are told from others; so these checks are not charged together. */
export function createSlots(ask: Ask, ledger: Ledger): Slots {
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
    async take(charges, cost, options) {
      const call = called(cost);
      return withRelease(ledger.conclude(charges, await ask(charges, call, options), 'store'), charges, call);
    },
    without(charges, cost, error) {
      const call = called(cost);
      return withRelease(ledger.without(charges, call, error), charges, call);
    },
  };
}
