import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import type { LimitResult } from '../../lib/limit/result.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { type ExactAnswer, exactGcra } from '../support/exact-gcra.ts';

const quotas = fc.record({
  limit: fc.integer({ min: 1, max: 500 }),
  windowMs: fc.integer({ min: 1, max: 100_000 }),
  burst: fc.integer({ min: 1, max: 30 }),
});

/** Checks that are made in one turn, some time after those before them. */
const turns = (cost: fc.Arbitrary<number>) =>
  fc.array(
    fc.record({ gapMs: fc.oneof(fc.nat(5), fc.nat(3_000)), costs: fc.array(cost, { minLength: 1, maxLength: 6 }) }),
    {
      minLength: 1,
      maxLength: 15,
    },
  );

interface Turn {
  readonly gapMs: number;
  readonly costs: readonly number[];
}

/** Plays both, and hands over what each has said of every check. */
async function beside(
  quota: { limit: number; windowMs: number; burst: number },
  sequence: readonly Turn[],
  compare: (told: LimitResult | undefined, exact: ExactAnswer) => void,
): Promise<void> {
  const clock = manualClock();
  const kv = createKv({ store: memoryStore({ clock }), clock });
  const limiter = createLimiter({ kv, policies: [{ name: 'p', ...quota }] });
  const reference = exactGcra(quota);
  for (const { gapMs, costs } of sequence) {
    clock.advance(gapMs);
    // Checks of one cost are charged together: those of the cost that came first, then those of the next.
    const inOrder = [...new Set(costs)].flatMap((cost) => costs.filter((other) => other === cost));
    const results = await Promise.all(inOrder.map((cost) => limiter.check({ p: 'a' }, { cost })));
    for (const [index, cost] of inOrder.entries()) compare(results[index], reference(clock.now(), cost));
  }
}

describe('gcra without leases', () => {
  it('says of every check what an exact GCRA says, also of many in one turn', async () => {
    await fc.assert(
      fc.asyncProperty(quotas, turns(fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 32 }))), (quota, sequence) =>
        beside(quota, sequence, (told, exact) => {
          expect(told?.allowed).toBe(exact.allowed);
          // What a refusal of a moment ago says may be out of date, but only to the cautious side.
          if (told?.basis === 'store') {
            expect(told).toMatchObject({ remaining: exact.remaining, retryAfterMs: exact.retryAfterMs });
          } else if (exact.retryAfterMs === undefined) {
            expect(told?.retryAfterMs).toBeUndefined();
          } else {
            expect(told?.retryAfterMs).toBeLessThanOrEqual(exact.retryAfterMs);
            expect(told?.retryAfterMs).toBeGreaterThan(0);
          }
        }),
      ),
      { numRuns: 250 },
    );
  });

  it('says exactly when a check fits, also without asking, where all cost the same', async () => {
    await fc.assert(
      fc.asyncProperty(quotas, fc.integer({ min: 1, max: 5 }), turns(fc.constant(1)), (quota, cost, sequence) =>
        beside(
          quota,
          sequence.map(({ gapMs, costs }) => ({ gapMs, costs: costs.map(() => cost) })),
          (told, { allowed, retryAfterMs }) => expect(told).toMatchObject({ allowed, retryAfterMs }),
        ),
      ),
      { numRuns: 250 },
    );
  });
});
