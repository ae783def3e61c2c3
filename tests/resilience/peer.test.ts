import { CircuitState, ConsecutiveBreaker, circuitBreaker, handleAll } from 'cockatiel';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isRefusal } from '../../lib/resilience/circuit.ts';
import { createCircuitBreaker } from '../../lib/resilience/circuit-breaker.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

const OPEN_MS = 10_000;

type Step = { readonly call: 'ok' | 'fail' } | { readonly waitMs: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ call: fc.constant('fail' as const) }) },
  { weight: 2, arbitrary: fc.record({ call: fc.constant('ok' as const) }) },
  { weight: 2, arbitrary: fc.record({ waitMs: fc.constantFrom(1, 4_999, 9_999, 10_000, 10_001) }) },
);

const NAMES: Readonly<Record<number, string>> = {
  [CircuitState.Closed]: 'CLOSED',
  [CircuitState.Open]: 'OPEN',
  [CircuitState.HalfOpen]: 'HALF_OPEN',
};

// The peer reads Date, which is made to follow our clock.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a circuit breaker of others, cockatiel, with one success to close', () => {
  it('lets the same sequential calls through, refuses the same, and is in the same state after each', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const clock = manualClock();
        vi.setSystemTime(clock.now());
        const ours = createCircuitBreaker({ clock, failureThreshold: 5, successThreshold: 1, timeout: OPEN_MS });
        const theirs = circuitBreaker(handleAll, { halfOpenAfter: OPEN_MS, breaker: new ConsecutiveBreaker(5) });
        for (const one of steps) {
          if ('waitMs' in one) {
            clock.advance(one.waitMs);
            vi.setSystemTime(clock.now());
            continue;
          }
          const permit = ours.acquire();
          let called = false;
          await theirs
            .execute(() => {
              called = true;
              if (one.call === 'fail') throw new Error('planned');
            })
            .catch(() => undefined);
          expect(!isRefusal(permit)).toBe(called);
          if (isRefusal(permit)) continue;
          ours.settle(permit, one.call === 'ok' ? { result: 'success' } : { result: 'failure', kind: 'network' });
          expect(ours.snapshot().state).toBe(NAMES[theirs.state]);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
