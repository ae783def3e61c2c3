import type { Finding } from '../keys/question.ts';
import type { ApiKey } from '../keys/record.ts';
import type { ChargeCall } from '../limit/charge.ts';
import { type Charge, withQuota } from '../limit/policy.ts';
import { quotaIn } from './front-door-script.ts';

/** A charge, and whether it goes to the key's account. */
export interface DoorCharge extends Charge {
  readonly byKey: boolean;
}

/** Permits that a request takes. */
export const COST = 1;
export const TAKE: ChargeCall = { mode: 'take', cost: COST, need: COST, id: '' };

/** All charges, under the key's own numbers, when the key is valid; else those to the address. */
export function activeCharges(charges: readonly DoorCharge[], validation: Finding<unknown>): readonly DoorCharge[] {
  if (validation.status !== 'VALID') return charges.filter(isByAddress);
  return charges.map((one) => withPlan(one, validation.key));
}

/** `one` under the key's own numbers, as the script applies them. */
function withPlan(one: DoorCharge, key: ApiKey): DoorCharge {
  const quota = one.byKey ? quotaIn(key, one.rule.name, one.rule.kind) : undefined;
  return quota ? { ...one, rule: withQuota(one.rule, quota) } : one;
}

export function isByAddress({ byKey }: DoorCharge): boolean {
  return !byKey;
}
