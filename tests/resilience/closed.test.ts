import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../lib/errors.ts';
import { isRefusal } from '../../lib/resilience/circuit.ts';
import { agedBreaker, FAILURE, HOUR_MS, NEUTRAL, SUCCESS } from '../support/aged-breaker.ts';

const NO_TOTALS = { successes: 0, failures: 0, neutral: 0, ignored: 0, refused: 0, opened: 0 };
const closedAt = (epoch: number, rest: object) => ({
  state: 'CLOSED',
  mode: 'AUTO',
  epoch,
  consecutiveFailures: 0,
  probeSuccesses: 0,
  openedAt: undefined,
  openForMs: undefined,
  reopenCount: 0,
  recent: undefined,
  retryAfterMs: undefined,
  lastFailure: undefined,
  totals: NO_TOTALS,
  ...rest,
});

describe('a closed circuit', () => {
  it('is how it begins, with nothing counted', () => {
    const { breaker } = agedBreaker();
    expect(breaker.snapshot()).toEqual(closedAt(0, {}));
    expect(breaker.closed).toBe(true);
  });

  it('stays closed after four failures in a row and opens with exactly the fifth', () => {
    const { breaker, report, clock } = agedBreaker();
    for (let failures = 1; failures <= 4; failures += 1) {
      report(FAILURE);
      expect(breaker.snapshot()).toEqual(
        closedAt(0, {
          consecutiveFailures: failures,
          lastFailure: { kind: 'network', at: clock.now() },
          totals: { ...NO_TOTALS, failures },
        }),
      );
    }
    report(FAILURE);
    expect(breaker.closed).toBe(false);
    expect(breaker.snapshot()).toEqual({
      state: 'OPEN',
      mode: 'AUTO',
      epoch: 1,
      consecutiveFailures: 0,
      probeSuccesses: 0,
      openedAt: clock.now(),
      openForMs: 10_000,
      reopenCount: 0,
      recent: undefined,
      retryAfterMs: 10_000,
      lastFailure: { kind: 'network', at: clock.now() },
      totals: { ...NO_TOTALS, failures: 5, opened: 1 },
    });
  });

  it('forgets failures with one success: four, a success, four more and it takes one more to open', () => {
    const { breaker, report } = agedBreaker();
    report(FAILURE, 4);
    report(SUCCESS);
    expect(breaker.snapshot()).toMatchObject({ state: 'CLOSED', consecutiveFailures: 0 });
    report(FAILURE, 4);
    expect(breaker.snapshot()).toMatchObject({ state: 'CLOSED', consecutiveFailures: 4, epoch: 0 });
    report(FAILURE);
    expect(breaker.snapshot()).toMatchObject({
      state: 'OPEN',
      epoch: 1,
      totals: { ...NO_TOTALS, successes: 1, failures: 9, opened: 1 },
    });
  });

  it('counts failures in a row however far apart they are', () => {
    const { breaker, report, clock } = agedBreaker();
    for (let failures = 0; failures < 5; failures += 1) {
      expect(breaker.snapshot().state).toBe('CLOSED');
      clock.advance(HOUR_MS);
      report(FAILURE);
    }
    expect(breaker.snapshot()).toMatchObject({ state: 'OPEN', openedAt: clock.now(), retryAfterMs: 10_000 });
  });

  it('moves no counter of the rule for a neutral outcome', () => {
    const { breaker, report } = agedBreaker();
    report(FAILURE, 4);
    report(NEUTRAL, 100);
    expect(breaker.snapshot()).toMatchObject({
      state: 'CLOSED',
      epoch: 0,
      consecutiveFailures: 4,
      totals: { ...NO_TOTALS, failures: 4, neutral: 100 },
    });
    report(FAILURE);
    expect(breaker.snapshot().state).toBe('OPEN');
  });

  it('refuses nobody, however many are under way', () => {
    const { breaker } = agedBreaker();
    for (let asked = 0; asked < 1_000; asked += 1) expect(isRefusal(breaker.acquire())).toBe(false);
    expect(breaker.snapshot()).toEqual(closedAt(0, {}));
  });

  it('takes the first report on a permit and none after it', () => {
    const { breaker, permit, report } = agedBreaker();
    report(FAILURE, 3);
    const twice = permit();
    breaker.settle(twice, FAILURE);
    const once = breaker.snapshot();
    breaker.settle(twice, FAILURE);
    breaker.settle(twice, SUCCESS);
    breaker.settle(twice, NEUTRAL);
    expect(breaker.snapshot()).toEqual(once);
    expect(once).toMatchObject({ state: 'CLOSED', consecutiveFailures: 4 });
  });

  it.each([
    ['failure', FAILURE, { failures: 5, opened: 1 }, 'OPEN'],
    ['success', SUCCESS, { failures: 4, successes: 1 }, 'CLOSED'],
  ] as const)('believes a %s that took exactly as long as a request can take', (_, outcome, totals, state) => {
    const { breaker, permit, report, clock } = agedBreaker();
    report(FAILURE, 4);
    const slow = permit();
    clock.advance(3_000);
    breaker.settle(slow, outcome);
    expect(breaker.snapshot()).toMatchObject({ state, totals: { ...NO_TOTALS, ...totals } });
  });

  it.each([
    ['failure', FAILURE],
    ['success', SUCCESS],
  ] as const)('takes a %s that took longer than that for a sign of its own sleep', (_, outcome) => {
    const { breaker, permit, report, clock } = agedBreaker();
    report(FAILURE, 4);
    const slow = permit();
    clock.advance(3_001);
    breaker.settle(slow, outcome);
    expect(breaker.snapshot()).toMatchObject({
      state: 'CLOSED',
      consecutiveFailures: 4,
      totals: { ...NO_TOTALS, failures: 4, neutral: 1 },
    });
  });

  it('is not opened by the failures of requests over which the process was suspended', () => {
    const { breaker, permit, clock } = agedBreaker();
    const permits = Array.from({ length: 50 }, permit);
    clock.suspend(HOUR_MS);
    for (const frozen of permits) breaker.settle(frozen, FAILURE);
    expect(breaker.snapshot()).toEqual(closedAt(0, { totals: { ...NO_TOTALS, neutral: 50 } }));
  });

  it('counts on as before when the wall clock is set back while a request is under way', () => {
    const { breaker, permit, report, clock } = agedBreaker();
    report(FAILURE, 4);
    const slow = permit();
    clock.jumpWall(-HOUR_MS);
    breaker.settle(slow, FAILURE);
    expect(breaker.snapshot()).toMatchObject({ state: 'OPEN', openedAt: clock.now(), retryAfterMs: 10_000 });
  });

  it('is reported without being changed', () => {
    const { breaker, report } = agedBreaker();
    report(FAILURE, 4);
    const before = breaker.snapshot();
    for (let look = 0; look < 10; look += 1) expect(breaker.snapshot()).toEqual(before);
    report(FAILURE);
    expect(before).toMatchObject({ state: 'CLOSED', consecutiveFailures: 4, totals: { failures: 4 } });
  });
});

describe('the settings of a circuit breaker', () => {
  it.each(['failureThreshold', 'successThreshold', 'timeout', 'halfOpenMaxConcurrent', 'maxOpenMs', 'probeLeaseMs'])(
    'must have a %s that is a number of at least 1',
    (option) => {
      for (const value of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
        expect(() => agedBreaker({ [option]: value })).toThrow(ConfigError);
        expect(() => agedBreaker({ [option]: value })).toThrow(
          `breaker.${option} must be a number of at least 1, got ${value}`,
        );
      }
      expect(() => agedBreaker({ [option]: 1 })).not.toThrow();
    },
  );

  it.each(['failureThreshold', 'successThreshold', 'halfOpenMaxConcurrent'])('count in whole numbers: %s', (option) => {
    expect(() => agedBreaker({ [option]: 1.5 })).toThrow(`breaker.${option} must be a whole number, got 1.5`);
    expect(() => agedBreaker({ [option]: 2 })).not.toThrow();
  });

  it('may not call a request frozen before its lease has run out', () => {
    expect(() => agedBreaker({ probeLeaseMs: 1_500, frozenAfterMs: 1_499 })).toThrow('breaker.frozenAfterMs');
    expect(() => agedBreaker({ probeLeaseMs: 1_500, frozenAfterMs: 1_500 })).not.toThrow();
  });

  it('take an explicit undefined for unset', () => {
    const { breaker, report } = agedBreaker({ failureThreshold: undefined, timeout: undefined });
    report(FAILURE, 4);
    expect(breaker.snapshot().state).toBe('CLOSED');
    report(FAILURE);
    expect(breaker.snapshot()).toMatchObject({ state: 'OPEN', retryAfterMs: 10_000 });
  });
});
