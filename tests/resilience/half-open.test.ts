import { describe, expect, it } from 'vitest';
import { isRefusal, type Permit } from '../../lib/resilience/circuit.ts';
import type { CircuitBreakerOptions } from '../../lib/resilience/circuit-breaker.ts';
import { agedBreaker, FAILURE, HOUR_MS, NEUTRAL, SUCCESS } from '../support/aged-breaker.ts';

/** An old process whose circuit has been open for its full time and has not been asked since. */
function halfOpen(options: Partial<CircuitBreakerOptions> = {}) {
  const { report, ...aged } = agedBreaker(options);
  report(FAILURE, 5);
  aged.clock.advance(10_000);
  return aged;
}

describe('a half-open circuit', () => {
  it('lets exactly one of a hundred through, and tells the others when to come back', () => {
    const { breaker } = halfOpen();
    const answers = Array.from({ length: 100 }, () => breaker.acquire());
    expect(answers.map(isRefusal)).toEqual([false, ...Array.from({ length: 99 }, () => true)]);
    expect(answers.slice(1)).toEqual(Array.from({ length: 99 }, () => ({ refused: true, retryAfterMs: 1_500 })));
    expect(breaker.snapshot()).toMatchObject({
      state: 'HALF_OPEN',
      epoch: 2,
      probeSuccesses: 0,
      totals: { refused: 99 },
    });
  });

  it('closes with the second successful probe, with all counters at zero', () => {
    const { breaker, permit } = halfOpen();
    breaker.settle(permit(), SUCCESS);
    expect(breaker.snapshot()).toMatchObject({
      state: 'HALF_OPEN',
      epoch: 2,
      probeSuccesses: 1,
      retryAfterMs: undefined,
    });
    expect(breaker.closed).toBe(false);
    breaker.settle(permit(), SUCCESS);
    expect(breaker.closed).toBe(true);
    expect(breaker.snapshot()).toMatchObject({
      state: 'CLOSED',
      epoch: 3,
      consecutiveFailures: 0,
      probeSuccesses: 0,
      openedAt: undefined,
      retryAfterMs: undefined,
      totals: { successes: 2, failures: 5, neutral: 0, ignored: 0, refused: 0, opened: 1 },
    });
  });

  it('waits for its second probe as long as it takes', () => {
    const { clock, breaker, permit } = halfOpen();
    breaker.settle(permit(), SUCCESS);
    clock.advance(HOUR_MS);
    expect(breaker.snapshot()).toMatchObject({ state: 'HALF_OPEN', epoch: 2, probeSuccesses: 1 });
    breaker.settle(permit(), SUCCESS);
    expect(breaker.snapshot()).toMatchObject({ state: 'CLOSED', epoch: 3 });
  });

  it('opens again for its full time with the first failed probe', () => {
    const { clock, breaker, permit } = halfOpen();
    const probe = permit();
    clock.advance(1_499);
    breaker.settle(probe, FAILURE);
    expect(breaker.snapshot()).toMatchObject({ state: 'OPEN', epoch: 3, openedAt: clock.now(), retryAfterMs: 10_000 });
    clock.advance(9_999);
    expect(breaker.acquire()).toEqual({ refused: true, retryAfterMs: 1 });
    clock.advance(1);
    expect(breaker.acquire()).toMatchObject({ epoch: 4 });
  });

  it('opens again for its full time when a good probe is followed by a bad one, and forgets the good one', () => {
    const { clock, breaker, permit } = halfOpen();
    breaker.settle(permit(), SUCCESS);
    breaker.settle(permit(), FAILURE);
    expect(breaker.snapshot()).toMatchObject({ state: 'OPEN', epoch: 3, probeSuccesses: 0, retryAfterMs: 10_000 });
    clock.advance(10_000);
    expect(breaker.snapshot()).toMatchObject({ state: 'HALF_OPEN', epoch: 4, probeSuccesses: 0 });
    breaker.settle(permit(), SUCCESS);
    expect(breaker.snapshot()).toMatchObject({ state: 'HALF_OPEN', epoch: 4, probeSuccesses: 1 });
  });

  it("holds open for a probe's Retry-After", () => {
    const { breaker, permit } = halfOpen();
    breaker.settle(permit(), { result: 'failure', kind: 'http', retryAfterMs: 60_000 });
    expect(breaker.snapshot()).toMatchObject({ state: 'OPEN', retryAfterMs: 60_000 });
  });

  it('gives the place of an abandoned probe to the next request and counts nothing', () => {
    const { breaker, permit } = halfOpen();
    for (let abandoned = 1; abandoned <= 20; abandoned += 1) {
      const probe = permit();
      expect(isRefusal(breaker.acquire())).toBe(true);
      breaker.settle(probe, NEUTRAL);
      expect(breaker.snapshot()).toMatchObject({
        state: 'HALF_OPEN',
        epoch: 2,
        probeSuccesses: 0,
        retryAfterMs: undefined,
        totals: { successes: 0, failures: 5, neutral: abandoned, ignored: 0, refused: abandoned },
      });
    }
  });

  it('ignores every result from before it opened', () => {
    const { clock, breaker, permit } = halfOpen();
    breaker.reset();
    const early = Array.from({ length: 9 }, permit);
    for (const one of early.splice(0, 5)) breaker.settle(one, FAILURE);
    clock.advance(10_000);
    const probe = permit();
    const before = breaker.snapshot();
    for (const [index, one] of early.entries())
      breaker.settle(one, [SUCCESS, SUCCESS, FAILURE, NEUTRAL][index] ?? SUCCESS);
    expect(breaker.snapshot()).toEqual({ ...before, totals: { ...before.totals, ignored: 4 } });
    breaker.settle(probe, SUCCESS);
    expect(breaker.snapshot()).toMatchObject({ state: 'HALF_OPEN', probeSuccesses: 1 });
  });

  it('lets as many probes out at a time as it is told to, never more than can count', () => {
    const { breaker, permit } = halfOpen({ halfOpenMaxConcurrent: 5, successThreshold: 3 });
    const probes = [permit(), permit(), permit()];
    expect(isRefusal(breaker.acquire())).toBe(true);
    breaker.settle(probes[0] as Permit, SUCCESS);
    expect(isRefusal(breaker.acquire())).toBe(true);
    breaker.settle(probes[1] as Permit, NEUTRAL);
    const replacement = permit();
    expect(isRefusal(breaker.acquire())).toBe(true);
    breaker.settle(replacement, SUCCESS);
    breaker.settle(probes[2] as Permit, SUCCESS);
    expect(breaker.snapshot()).toMatchObject({ state: 'CLOSED', epoch: 3 });
  });

  it('is to be asked again when the lease of its oldest probe has run out', () => {
    const { clock, breaker, permit } = halfOpen({ halfOpenMaxConcurrent: 2 });
    permit();
    clock.advance(400);
    permit();
    expect(breaker.acquire()).toEqual({ refused: true, retryAfterMs: 1_100 });
  });

  it('ignores the probes that come back after one of them has opened it', () => {
    const { breaker, permit } = halfOpen({ halfOpenMaxConcurrent: 2 });
    const [bad, good] = [permit(), permit()];
    breaker.settle(bad, FAILURE);
    breaker.settle(good, SUCCESS);
    expect(breaker.snapshot()).toMatchObject({
      state: 'OPEN',
      epoch: 3,
      totals: { successes: 0, ignored: 1, opened: 2 },
    });
  });
});

describe('a probe that hangs', () => {
  it('keeps its place until its lease has run out, and then counts as a failure of that moment', () => {
    const { clock, breaker, permit } = halfOpen();
    permit();
    const leaseEndsAt = clock.now() + 1_500;
    clock.advance(1_499);
    expect(breaker.acquire()).toEqual({ refused: true, retryAfterMs: 1 });
    expect(breaker.snapshot()).toMatchObject({ state: 'HALF_OPEN', epoch: 2 });
    clock.advance(1);
    expect(breaker.acquire()).toEqual({ refused: true, retryAfterMs: 10_000 });
    expect(breaker.snapshot()).toMatchObject({
      state: 'OPEN',
      epoch: 3,
      openedAt: leaseEndsAt,
      retryAfterMs: 10_000,
      lastFailure: { kind: 'probe-lost', at: leaseEndsAt },
      totals: { failures: 6, opened: 2 },
    });
  });

  it.each([
    ['another request', 'acquire'],
    ['its own late success', 'success'],
    ['its own late failure', 'failure'],
    ['its own late abort', 'neutral'],
    ['a look at the state', 'snapshot'],
  ] as const)('has failed at the end of its lease when %s comes first', (_, first) => {
    const { clock, breaker, permit } = halfOpen();
    const probe = permit();
    const leaseEndsAt = clock.now() + 1_500;
    clock.advance(2_300);
    if (first === 'acquire') expect(isRefusal(breaker.acquire())).toBe(true);
    else if (first === 'success') breaker.settle(probe, SUCCESS);
    else if (first === 'failure') breaker.settle(probe, FAILURE);
    else if (first === 'neutral') breaker.settle(probe, NEUTRAL);
    expect(breaker.snapshot()).toMatchObject({ state: 'OPEN', epoch: 3, openedAt: leaseEndsAt, retryAfterMs: 9_200 });
    breaker.settle(probe, SUCCESS);
    clock.advance(9_199);
    expect(breaker.acquire()).toEqual({ refused: true, retryAfterMs: 1 });
    clock.advance(1);
    expect(breaker.acquire()).toMatchObject({ epoch: 4 });
  });

  it('cannot wedge the circuit, however often it happens', () => {
    const { clock, breaker, permit } = halfOpen();
    for (let round = 1; round <= 50; round += 1) {
      permit();
      clock.advance(1_500);
      expect(isRefusal(breaker.acquire())).toBe(true);
      expect(breaker.snapshot()).toMatchObject({ state: 'OPEN', epoch: 1 + 2 * round, totals: { opened: 1 + round } });
      clock.advance(10_000);
    }
    breaker.settle(permit(), SUCCESS);
    breaker.settle(permit(), SUCCESS);
    expect(breaker.snapshot().state).toBe('CLOSED');
  });

  it('is past its failure and half-open again where the circuit opens for less than it was away', () => {
    const { clock, breaker, permit } = halfOpen({ timeout: 100 });
    const probe = permit();
    clock.advance(1_600);
    expect(breaker.snapshot()).toMatchObject({ state: 'HALF_OPEN', epoch: 4, probeSuccesses: 0 });
    breaker.settle(probe, SUCCESS);
    expect(breaker.snapshot()).toMatchObject({
      state: 'HALF_OPEN',
      epoch: 4,
      probeSuccesses: 0,
      totals: { ignored: 1 },
    });
  });
});

describe('a probe over which the process stood still', () => {
  const settleFirst = 'its own result';
  const acquireFirst = 'another request';

  it.each([
    [settleFirst, SUCCESS],
    [settleFirst, FAILURE],
    [acquireFirst, SUCCESS],
    [acquireFirst, FAILURE],
  ] as const)('says nothing and loses its place, when %s comes first (%o)', (first, outcome) => {
    const { clock, breaker, permit } = halfOpen();
    const probe = permit();
    clock.suspend(HOUR_MS);
    if (first === settleFirst) {
      breaker.settle(probe, outcome);
      permit();
    } else {
      permit();
      breaker.settle(probe, outcome);
    }
    expect(isRefusal(breaker.acquire())).toBe(true);
    expect(breaker.snapshot()).toMatchObject({
      state: 'HALF_OPEN',
      epoch: 2,
      probeSuccesses: 0,
      retryAfterMs: 1_500,
      totals: { successes: 0, failures: 5, neutral: 1, ignored: 0, refused: 1, opened: 1 },
    });
  });

  it('is told from one that hangs by the time that passed: at 3,000 ms it hung, at 3,001 ms it slept', () => {
    const hung = halfOpen();
    hung.permit();
    hung.clock.advance(3_000);
    expect(hung.breaker.snapshot()).toMatchObject({ state: 'OPEN', epoch: 3, retryAfterMs: 8_500 });
    const slept = halfOpen();
    slept.permit();
    slept.clock.advance(3_001);
    expect(slept.breaker.snapshot()).toMatchObject({ state: 'HALF_OPEN', epoch: 2, retryAfterMs: undefined });
  });

  it('has lost its place for good, also when the wall clock that was set forward is set back', () => {
    const { clock, breaker, permit } = halfOpen();
    permit();
    clock.jumpWall(HOUR_MS);
    const next = permit();
    clock.jumpWall(-HOUR_MS);
    clock.advance(1_499);
    breaker.settle(next, SUCCESS);
    clock.advance(1);
    expect(breaker.snapshot()).toMatchObject({ state: 'HALF_OPEN', epoch: 2, probeSuccesses: 1 });
    breaker.settle(permit(), SUCCESS);
    expect(breaker.snapshot()).toMatchObject({ state: 'CLOSED' });
  });

  it('is what a wall clock that is set forward an hour looks like: the circuit stays half-open', () => {
    const { clock, breaker, permit } = halfOpen();
    const probe = permit();
    clock.jumpWall(HOUR_MS);
    breaker.settle(probe, FAILURE);
    expect(breaker.snapshot()).toMatchObject({ state: 'HALF_OPEN', epoch: 2, totals: { failures: 5, neutral: 1 } });
  });

  it('is not what a wall clock that is set back an hour looks like', () => {
    const { clock, breaker, permit } = halfOpen();
    const probe = permit();
    clock.jumpWall(-HOUR_MS);
    clock.advance(1_499);
    expect(isRefusal(breaker.acquire())).toBe(true);
    breaker.settle(probe, SUCCESS);
    expect(breaker.snapshot()).toMatchObject({ state: 'HALF_OPEN', epoch: 2, probeSuccesses: 1 });
  });
});
