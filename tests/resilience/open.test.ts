import { describe, expect, it } from 'vitest';
import { isRefusal, type Outcome } from '../../lib/resilience/circuit.ts';
import { type CircuitBreakerOptions, createCircuitBreaker } from '../../lib/resilience/circuit-breaker.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { agedBreaker, FAILURE, HOUR_MS } from '../support/aged-breaker.ts';

/** Opened by `trip` in a process that is an hour old. `early` are permits from before that are still out. */
function opened(trip: Outcome = FAILURE, options: Partial<CircuitBreakerOptions> = {}) {
  const { clock, breaker, permit } = agedBreaker(options);
  const first = permit();
  const early = Array.from({ length: 9 }, permit);
  for (const settled of early.splice(0, 4)) breaker.settle(settled, FAILURE);
  breaker.settle(first, trip);
  return { clock, breaker, early, openedAt: clock.now() };
}

describe('an open circuit', () => {
  it('tells nobody to come back in the past, though time goes on while it is asked', () => {
    const clock = manualClock();
    const ticking = {
      ...clock,
      monotonic: () => {
        clock.advance(7);
        return clock.monotonic();
      },
    };
    const breaker = createCircuitBreaker({ clock: ticking, failureThreshold: 1, timeout: 100 });
    const first = breaker.acquire();
    if (!isRefusal(first)) breaker.settle(first, FAILURE);
    const waits: number[] = [];
    for (let asked = breaker.acquire(); isRefusal(asked); asked = breaker.acquire()) waits.push(asked.retryAfterMs);
    expect(waits.length).toBeGreaterThan(2);
    expect(waits.filter((wait) => wait < 1)).toEqual([]);
  });

  it('refuses at once, and says how long that will last', () => {
    const { clock, breaker, openedAt } = opened();
    expect(breaker.acquire()).toEqual({ refused: true, retryAfterMs: 10_000 });
    clock.advance(2_500);
    expect(breaker.acquire()).toEqual({ refused: true, retryAfterMs: 7_500 });
    expect(breaker.snapshot()).toEqual({
      state: 'OPEN',
      mode: 'AUTO',
      epoch: 1,
      consecutiveFailures: 0,
      probeSuccesses: 0,
      openedAt,
      openForMs: 10_000,
      reopenCount: 0,
      recent: undefined,
      retryAfterMs: 7_500,
      lastFailure: { kind: 'network', at: openedAt },
      totals: { successes: 0, failures: 5, neutral: 0, ignored: 0, refused: 2, opened: 1 },
    });
  });

  it('refuses at 9,999 ms and lets one request through at 10,000 ms, though its process is old', () => {
    const { clock, breaker } = opened();
    clock.advance(9_999);
    expect(breaker.acquire()).toEqual({ refused: true, retryAfterMs: 1 });
    expect(breaker.snapshot()).toMatchObject({ state: 'OPEN', epoch: 1, retryAfterMs: 1 });
    clock.advance(1);
    expect(breaker.snapshot()).toMatchObject({ state: 'HALF_OPEN', epoch: 2, retryAfterMs: undefined });
    expect(breaker.acquire()).toMatchObject({ epoch: 2 });
    expect(breaker.snapshot()).toMatchObject({ state: 'HALF_OPEN', epoch: 2, retryAfterMs: 1_500 });
  });

  it('stays open for as long as it is told to by option', () => {
    const { clock, breaker } = opened(FAILURE, { timeout: 250 });
    clock.advance(249);
    expect(breaker.acquire()).toEqual({ refused: true, retryAfterMs: 1 });
    clock.advance(1);
    expect(isRefusal(breaker.acquire())).toBe(false);
  });

  it.each([
    ['late failures', FAILURE],
    ['late successes', { result: 'success' }],
    ['late neutral results', { result: 'neutral' }],
  ] as const)('is not moved by %s from before it opened', (_, outcome) => {
    const { clock, breaker, early } = opened();
    clock.advance(500);
    const before = breaker.snapshot();
    for (const permit of early) breaker.settle(permit, outcome);
    expect(early).toHaveLength(5);
    expect(breaker.snapshot()).toEqual({ ...before, totals: { ...before.totals, ignored: 5 } });
    clock.advance(9_499);
    expect(breaker.acquire()).toEqual({ refused: true, retryAfterMs: 1 });
  });

  it.each([
    [9_999, 10_000],
    [10_001, 10_001],
    [300_000, 300_000],
    [300_001, 300_000],
    [Number.POSITIVE_INFINITY, 300_000],
    [Number.NaN, 10_000],
    [-5, 10_000],
  ])('that a server holds open with a Retry-After of %d ms lasts %d ms', (retryAfterMs, openForMs) => {
    const { clock, breaker } = opened({ result: 'failure', kind: 'http', retryAfterMs });
    expect(breaker.snapshot()).toMatchObject({ state: 'OPEN', retryAfterMs: openForMs });
    clock.advance(openForMs - 1);
    expect(breaker.acquire()).toEqual({ refused: true, retryAfterMs: 1 });
    clock.advance(1);
    expect(isRefusal(breaker.acquire())).toBe(false);
  });

  it('stays open its full time when the wall clock is set back an hour', () => {
    const { clock, breaker } = opened();
    clock.jumpWall(-HOUR_MS);
    clock.advance(9_999);
    expect(breaker.acquire()).toEqual({ refused: true, retryAfterMs: 1 });
    clock.advance(1);
    expect(isRefusal(breaker.acquire())).toBe(false);
  });

  it('lets one early probe through, not more, when the wall clock is set forward an hour', () => {
    const { clock, breaker } = opened();
    clock.jumpWall(HOUR_MS);
    const probe = breaker.acquire();
    if (isRefusal(probe)) throw new Error('refused');
    expect(breaker.acquire()).toEqual({ refused: true, retryAfterMs: 1_500 });
    breaker.settle(probe, FAILURE);
    expect(breaker.snapshot()).toMatchObject({ state: 'OPEN', epoch: 3, openedAt: clock.now(), retryAfterMs: 10_000 });
    clock.advance(9_999);
    expect(breaker.acquire()).toEqual({ refused: true, retryAfterMs: 1 });
  });

  it('counts the time that the process slept through', () => {
    const { clock, breaker } = opened();
    clock.suspend(9_999);
    expect(breaker.acquire()).toEqual({ refused: true, retryAfterMs: 1 });
    clock.suspend(1);
    expect(isRefusal(breaker.acquire())).toBe(false);
  });

  it('is reported half-open when its time is up, which changes nothing until somebody asks', () => {
    const { clock, breaker } = opened();
    clock.advance(10_000);
    const seen = breaker.snapshot();
    expect(breaker.snapshot()).toEqual(seen);
    expect(seen).toMatchObject({ state: 'HALF_OPEN', epoch: 2, totals: { refused: 0 } });
    expect(breaker.closed).toBe(false);
    clock.jumpWall(-HOUR_MS);
    clock.advance(HOUR_MS);
    expect(breaker.snapshot()).toEqual(seen);
    expect(breaker.acquire()).toMatchObject({ epoch: 2 });
  });
});
