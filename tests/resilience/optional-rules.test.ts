import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../lib/errors.ts';
import { isRefusal, type Outcome } from '../../lib/resilience/circuit.ts';
import type { CircuitBreakerOptions } from '../../lib/resilience/circuit-breaker.ts';
import { agedBreaker, FAILURE, HOUR_MS, SUCCESS } from '../support/aged-breaker.ts';

const askedFor = (retryAfterMs: number): Outcome => ({ result: 'failure', kind: 'http', retryAfterMs });

function aged(options: Partial<CircuitBreakerOptions> = {}) {
  const breakerAndClock = agedBreaker(options);
  const { breaker, clock, report } = breakerAndClock;
  const openTimes = (count: number) => {
    report(FAILURE, 5);
    const times: (number | undefined)[] = [];
    for (let time = 0; time < count; time += 1) {
      const { openForMs = 0 } = breaker.snapshot();
      times.push(openForMs);
      clock.advance(openForMs - 1);
      expect(isRefusal(breaker.acquire())).toBe(true);
      clock.advance(1);
      report(FAILURE);
    }
    return times;
  };
  return { ...breakerAndClock, openTimes };
}

describe('open time', () => {
  it('is the same each time unless told otherwise', () => {
    expect(aged().openTimes(4)).toEqual([10_000, 10_000, 10_000, 10_000]);
  });

  it('grows with each failed probe up to its bound', () => {
    const { breaker, openTimes } = aged({ openBackoff: { factor: 3, maxMs: 60_000, jitter: 0 } });
    expect(openTimes(4)).toEqual([10_000, 30_000, 60_000, 60_000]);
    expect(breaker.snapshot()).toMatchObject({ state: 'OPEN', reopenCount: 4 });
  });

  it('starts over once the circuit was closed', () => {
    const { clock, breaker, report, openTimes } = aged({ openBackoff: { jitter: 0 } });
    expect(openTimes(2)).toEqual([10_000, 20_000]);
    clock.advance(40_000);
    report(SUCCESS, 2);
    expect(breaker.snapshot()).toMatchObject({ state: 'CLOSED', reopenCount: 0 });
    report(FAILURE, 5);
    expect(breaker.snapshot()).toMatchObject({ openForMs: 10_000, reopenCount: 0 });
  });

  it('grows for a lost probe as for a failed one', () => {
    const { clock, breaker, permit, report } = aged({ openBackoff: { jitter: 0 } });
    report(FAILURE, 5);
    clock.advance(10_000);
    permit();
    clock.advance(1_500);
    expect(breaker.snapshot()).toMatchObject({ state: 'OPEN', openForMs: 20_000, retryAfterMs: 20_000 });
  });

  it('is spread upwards by the jitter, drawn once per opening', () => {
    const drawn = [0.5, 0, 1, Number.NaN, 7, 0, 0];
    const { breaker, openTimes } = aged({
      openBackoff: { factor: 1, jitter: 0.4 },
      random: () => drawn.shift() ?? 0,
    });
    expect(openTimes(5)).toEqual([12_000, 10_000, 14_000, 10_000, 14_000]);
    for (let look = 0; look < 5; look += 1) expect(breaker.snapshot().retryAfterMs).toBe(10_000);
  });

  it('of a probe that is lost is shown as it will be', () => {
    let draws = 0;
    const { clock, breaker, permit, report } = aged({
      openBackoff: { jitter: 1 },
      random: () => {
        draws += 1;
        return draws / 7;
      },
    });
    report(FAILURE, 5);
    clock.advance(20_000.25);
    permit();
    clock.advance(1_500.5);
    const seen = breaker.snapshot();
    expect(breaker.snapshot()).toEqual(seen);
    expect(isRefusal(breaker.acquire())).toBe(true);
    expect(breaker.snapshot()).toEqual({ ...seen, totals: { ...seen.totals, refused: 1 } });
  });

  it.each([
    ['factor', { factor: 0.5 }],
    ['factor', { factor: Number.POSITIVE_INFINITY }],
    ['maxMs', { maxMs: 9_999 }],
    ['maxMs', { maxMs: Number.NaN }],
    ['jitter', { jitter: -0.1 }],
    ['jitter', { jitter: 1.1 }],
  ])('is refused with a wrong %s', (option, openBackoff) => {
    expect(() => aged({ openBackoff, random: () => 0 })).toThrow(`breaker.openBackoff.${option} must be a number`);
  });

  it('may end its growth where it begins', () => {
    expect(aged({ openBackoff: { maxMs: 10_000, jitter: 0 } }).openTimes(2)).toEqual([10_000, 10_000]);
  });

  it('is refused a jitter without chance', () => {
    expect(() => aged({ openBackoff: {} })).toThrow('breaker.random');
  });
});

describe('a Retry-After heard while the circuit is closed', () => {
  it('holds it open when it opens for another reason, as long as it lasts', () => {
    const { clock, breaker, report } = aged();
    report(askedFor(30_000));
    clock.advance(12_000);
    report(FAILURE, 4);
    expect(breaker.snapshot()).toMatchObject({ state: 'OPEN', openForMs: 18_000, openedAt: clock.now() });
  });

  it('is forgotten when it has passed', () => {
    const { clock, breaker, report } = aged();
    report(askedFor(30_000));
    clock.advance(30_000);
    report(FAILURE, 4);
    expect(breaker.snapshot()).toMatchObject({ state: 'OPEN', openForMs: 10_000 });
  });

  it('is not shortened by a later, shorter one', () => {
    const { clock, breaker, report } = aged();
    report(askedFor(60_000));
    clock.advance(1_000);
    report(askedFor(20_000), 4);
    expect(breaker.snapshot()).toMatchObject({ state: 'OPEN', openForMs: 59_000 });
  });

  it('is capped, and a wall clock set back does not prolong it', () => {
    const { clock, breaker, report } = aged();
    report(askedFor(Number.MAX_VALUE));
    clock.jumpWall(-HOUR_MS);
    clock.advance(100_000);
    report(FAILURE, 4);
    expect(breaker.snapshot()).toMatchObject({ state: 'OPEN', openForMs: 200_000 });
  });

  it('does not outlast the epoch it was heard in', () => {
    const { breaker, report } = aged();
    report(askedFor(30_000));
    breaker.reset();
    report(FAILURE, 5);
    expect(breaker.snapshot()).toMatchObject({ state: 'OPEN', openForMs: 10_000 });
  });
});

describe('the failure rate', () => {
  const failureRate = { windowMs: 10_000, minimumCalls: 10, threshold: 0.5 };

  it('opens a circuit that flaps, which failures in a row never do', () => {
    const plain = aged();
    const rated = aged({ failureRate });
    for (let call = 0; call < 4; call += 1) {
      for (const { report } of [plain, rated]) {
        report(SUCCESS);
        report(FAILURE);
      }
    }
    rated.report(SUCCESS);
    expect(rated.breaker.snapshot()).toMatchObject({ state: 'CLOSED', recent: { calls: 9, failures: 4 } });
    rated.report(FAILURE);
    expect(rated.breaker.snapshot()).toMatchObject({ state: 'OPEN', recent: undefined });
    plain.report(FAILURE);
    expect(plain.breaker.snapshot()).toMatchObject({ state: 'CLOSED', consecutiveFailures: 2 });
  });

  it('needs its minimum of calls, and is not opened by a success', () => {
    const { breaker, report } = aged({ failureRate, failureThreshold: 100 });
    report(FAILURE, 9);
    report(SUCCESS, 3);
    expect(breaker.snapshot()).toMatchObject({ state: 'CLOSED', recent: { calls: 12, failures: 9 } });
    report(FAILURE);
    expect(breaker.snapshot().state).toBe('OPEN');
  });

  it('opens it at its threshold, not below', () => {
    const { breaker, report } = aged({ failureRate, failureThreshold: 100 });
    report(SUCCESS, 7);
    report(FAILURE, 6);
    expect(breaker.snapshot()).toMatchObject({ state: 'CLOSED', recent: { calls: 13, failures: 6 } });
    report(FAILURE);
    expect(breaker.snapshot()).toMatchObject({ state: 'OPEN', totals: { failures: 7 } });
  });

  it.each(['advance', 'suspend'] as const)('does not combine what an hour lies between (%s)', (how) => {
    const { clock, breaker, report } = aged({ failureRate, failureThreshold: 100 });
    report(FAILURE, 9);
    clock[how](HOUR_MS);
    report(FAILURE);
    expect(breaker.snapshot()).toMatchObject({ state: 'CLOSED', recent: { calls: 1, failures: 1 } });
  });

  it('counts no neutral result, and begins anew when the circuit closes', () => {
    const { clock, breaker, report } = aged({ failureRate });
    report({ result: 'neutral' }, 50);
    report(SUCCESS, 5);
    report(FAILURE, 5);
    expect(breaker.snapshot().state).toBe('OPEN');
    clock.advance(10_000);
    report(SUCCESS, 2);
    expect(breaker.snapshot()).toMatchObject({ state: 'CLOSED', recent: { calls: 0, failures: 0 } });
  });

  it.each([
    ['windowMs', 9],
    ['windowMs', Number.NaN],
    ['minimumCalls', 0],
    ['minimumCalls', 1.5],
    ['threshold', 0],
    ['threshold', 1.01],
    ['threshold', Number.NaN],
  ])('is refused with %s %d', (option, value) => {
    expect(() => aged({ failureRate: { [option]: value } })).toThrow(ConfigError);
    expect(() => aged({ failureRate: { [option]: value } })).toThrow(`breaker.failureRate.${option} must be a`);
  });

  it('may have the least window and minimum, and the largest threshold', () => {
    const { breaker, report } = aged({ failureRate: { windowMs: 10, minimumCalls: 1, threshold: 1 } });
    report(FAILURE);
    expect(breaker.snapshot().state).toBe('OPEN');
  });
});

describe('a slow call', () => {
  it('counts as a failure of its own kind beyond its limit, not at it', () => {
    const { clock, breaker, permit } = aged({ slowCall: { ms: 300 } });
    for (const ms of [300, 301, 301]) {
      const one = permit();
      clock.advance(ms);
      breaker.settle(one, SUCCESS);
    }
    expect(breaker.snapshot()).toMatchObject({
      consecutiveFailures: 2,
      lastFailure: { kind: 'slow', at: clock.now() },
      totals: { successes: 1, failures: 2 },
    });
  });

  it('opens the circuit, and as a probe opens it again', () => {
    const { clock, breaker, permit } = aged({ slowCall: { ms: 300 } });
    const slow = () => {
      const one = permit();
      clock.advance(301);
      breaker.settle(one, SUCCESS);
    };
    for (let call = 0; call < 5; call += 1) slow();
    expect(breaker.snapshot()).toMatchObject({ state: 'OPEN', epoch: 1 });
    clock.advance(10_000);
    slow();
    expect(breaker.snapshot()).toMatchObject({ state: 'OPEN', epoch: 3 });
  });

  it('is not made of a wall clock that jumps, nor of a process that slept', () => {
    const { clock, breaker, permit } = aged({ slowCall: { ms: 300 } });
    const one = permit();
    clock.jumpWall(2_000);
    breaker.settle(one, SUCCESS);
    const two = permit();
    clock.suspend(HOUR_MS);
    breaker.settle(two, SUCCESS);
    expect(breaker.snapshot().totals).toMatchObject({ successes: 1, neutral: 1, failures: 0 });
  });

  it('is refused with a limit below 1 ms', () => {
    expect(() => aged({ slowCall: { ms: 0 } })).toThrow('breaker.slowCall.ms');
  });
});
