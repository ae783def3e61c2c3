import fc from 'fast-check';
import { expect } from 'vitest';
import type { Quota } from '../../lib/client/quota.ts';
import type { Algorithm } from '../../lib/limit/policy.ts';
import { limitRig } from './limit-rig.ts';

/** An algorithm as its promise has it, kept as naively as can be: nothing is remembered but what was taken and when. */
export interface LimitReference {
  readonly capacity: number;
  /** Permits to be had at a moment that is not in the past. Changes nothing. */
  left(at: number): number;
  take(at: number, cost: number): void;
  give(at: number, cost: number): void;
}

export interface ReferenceOptions {
  readonly algorithm: Algorithm;
  readonly quotas: fc.Arbitrary<Quota>;
  readonly reference: (quota: Quota) => LimitReference;
  /** @default true */
  readonly refunds?: boolean | undefined;
}

/** Whole milliseconds, small enough to look for each moment one by one. */
export const smallQuotas: fc.Arbitrary<Quota> = fc.record({
  limit: fc.integer({ min: 1, max: 12 }),
  windowMs: fc.integer({ min: 1, max: 90 }),
});

const HOPELESS_MS = 20_000;

/** Milliseconds until `holds`, found by trying each of them. */
export function firstMs(holds: (ms: number) => boolean): number {
  for (let ms = 0; ms < HOPELESS_MS; ms += 1) if (holds(ms)) return ms;
  throw new Error('that moment does not come');
}

/** Sequences of checks, looks and refunds, at random times: the limiter must answer what the reference says, each number of it. */
export async function answersAsTheReference(options: ReferenceOptions): Promise<void> {
  const { algorithm, quotas, reference, refunds = true } = options;
  const step = fc.record({
    gap: fc.oneof(fc.constant(0), fc.constant(1), fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 250 })),
    act: fc.oneof(
      { weight: 5, arbitrary: fc.constant('take' as const) },
      { weight: 1, arbitrary: fc.constant('peek' as const) },
      { weight: refunds ? 1 : 0, arbitrary: fc.constant('give' as const) },
    ),
    cost: fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, { weight: 2, arbitrary: fc.integer({ min: 0, max: 14 }) }),
  });
  const run = async (quota: Quota, steps: readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[]) => {
    const { clock, take, peek, refund } = limitRig({ algorithm, ...quota });
    const expected = reference(quota);
    for (const { gap, act, cost } of steps) {
      clock.advance(gap);
      const now = clock.now();
      const fits = cost === 0 || expected.left(now) >= cost;
      if (act === 'give') expected.give(now, cost);
      else if (act === 'take' && fits) expected.take(now, cost);
      const never = cost > expected.capacity;
      const result = await { take, peek, give: refund }[act](cost);
      expect(result).toMatchObject({
        allowed: act === 'give' || fits,
        remaining: Math.max(0, expected.left(now)),
        reset: now + firstMs((ms) => expected.left(now + ms) >= expected.capacity),
        retryAfterMs: act === 'give' || fits || never ? undefined : firstMs((ms) => expected.left(now + ms) >= cost),
        basis: 'store',
      });
    }
  };
  await fc.assert(fc.asyncProperty(quotas, fc.array(step, { minLength: 1, maxLength: 40 }), run), { numRuns: 60 });
}
