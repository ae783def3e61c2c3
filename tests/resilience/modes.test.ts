import { describe, expect, it } from 'vitest';
import type { Transition } from '../../lib/events.ts';
import { isRefusal, type Outcome } from '../../lib/resilience/circuit.ts';
import type { CircuitBreakerOptions } from '../../lib/resilience/circuit-breaker.ts';
import { agedBreaker, HOUR_MS, SUCCESS } from '../support/aged-breaker.ts';

const FAILURE: Outcome = { result: 'failure', kind: 'network', retryAfterMs: 60_000 };

function aged(options: Partial<CircuitBreakerOptions> = {}) {
  const seen: Transition[] = [];
  return { seen, ...agedBreaker({ onTransition: (one) => seen.push(one), ...options }) };
}

describe('a circuit forced open', () => {
  it('refuses for as long as nobody releases it', () => {
    const { clock, breaker, seen } = aged();
    breaker.force('FORCED_OPEN');
    clock.advance(1_000 * HOUR_MS);
    clock.suspend(1_000 * HOUR_MS);
    expect(breaker.acquire()).toEqual({ refused: true, retryAfterMs: 10_000 });
    expect(breaker.closed).toBe(false);
    expect(breaker.snapshot()).toMatchObject({ state: 'OPEN', mode: 'FORCED_OPEN', epoch: 1, openForMs: undefined });
    // Nobody's failures have opened it.
    expect(breaker.snapshot().totals.opened).toBe(0);
    breaker.release();
    expect(isRefusal(breaker.acquire())).toBe(false);
    expect(breaker.snapshot()).toMatchObject({ state: 'CLOSED', mode: 'AUTO', epoch: 2 });
    expect(seen).toEqual([
      { from: 'CLOSED', to: 'OPEN', mode: 'FORCED_OPEN', reason: 'manual', openForMs: undefined },
      { from: 'OPEN', to: 'CLOSED', mode: 'AUTO', reason: 'manual', openForMs: undefined },
    ]);
  });

  it('hears nothing of what was under way, before and after', () => {
    const { breaker, permit } = aged({ failureThreshold: 1 });
    const early = permit();
    const late = permit();
    breaker.force('FORCED_OPEN');
    breaker.settle(early, SUCCESS);
    breaker.release();
    breaker.settle(late, FAILURE);
    expect(breaker.snapshot()).toMatchObject({ state: 'CLOSED', epoch: 2, totals: { ignored: 2, failures: 0 } });
  });
});

describe('a disabled circuit', () => {
  it('lets everything through and counts nothing', () => {
    const { breaker, report, seen } = aged();
    breaker.force('DISABLED');
    report(FAILURE, 100);
    report(SUCCESS, 10);
    expect(breaker.closed).toBe(true);
    expect(breaker.snapshot()).toMatchObject({
      state: 'CLOSED',
      mode: 'DISABLED',
      consecutiveFailures: 0,
      lastFailure: undefined,
      totals: { failures: 0, successes: 0, ignored: 110 },
    });
    expect(seen).toEqual([{ from: 'CLOSED', to: 'CLOSED', mode: 'DISABLED', reason: 'manual', openForMs: undefined }]);
  });
});

describe('a circuit that only measures', () => {
  it('lets everything through and counts all the same', () => {
    const failureRate = { windowMs: 10_000, minimumCalls: 2, threshold: 0.5 };
    const { breaker, report } = aged({ failureRate });
    breaker.force('METRICS_ONLY');
    report(FAILURE, 100);
    expect(breaker.snapshot()).toMatchObject({
      state: 'CLOSED',
      mode: 'METRICS_ONLY',
      consecutiveFailures: 100,
      recent: { calls: 100, failures: 100 },
      totals: { failures: 100, opened: 0 },
    });
    breaker.release();
    expect(breaker.snapshot()).toMatchObject({ mode: 'AUTO', consecutiveFailures: 0, recent: { calls: 0 } });
    report(FAILURE);
    expect(breaker.snapshot().state).toBe('CLOSED');
    report(FAILURE);
    expect(breaker.snapshot()).toMatchObject({ state: 'OPEN', openForMs: 60_000 });
  });
});

describe('a mode', () => {
  it('ends an outage when it is entered, and its own end closes the circuit', () => {
    const { breaker, report } = aged();
    report(FAILURE, 5);
    breaker.force('DISABLED');
    expect(breaker.snapshot()).toMatchObject({ state: 'CLOSED', epoch: 2 });
    breaker.force('FORCED_OPEN');
    breaker.force('METRICS_ONLY');
    breaker.release();
    expect(breaker.snapshot()).toMatchObject({ state: 'CLOSED', mode: 'AUTO', epoch: 5 });
  });

  it('entered again, and a release of nothing, change nothing', () => {
    const { breaker, seen } = aged();
    breaker.release();
    expect(breaker.snapshot().epoch).toBe(0);
    breaker.force('METRICS_ONLY');
    breaker.force('METRICS_ONLY');
    expect(breaker.snapshot().epoch).toBe(1);
    expect(seen).toHaveLength(1);
  });

  it('is left by a reset', () => {
    const { breaker, seen } = aged();
    breaker.force('FORCED_OPEN');
    breaker.reset();
    expect(breaker.snapshot()).toMatchObject({ state: 'CLOSED', mode: 'AUTO', epoch: 2 });
    expect(seen).toHaveLength(2);
  });

  it.each(['AUTO', 'open', ''])('must be one of the three: not %j', (mode) => {
    const { breaker } = aged();
    expect(() => breaker.force(mode as 'DISABLED')).toThrow('mode must be FORCED_OPEN, DISABLED or METRICS_ONLY');
  });
});

describe('a restored circuit', () => {
  /** A process whose circuit opened `ago` ms ago, as its snapshot comes out of JSON. */
  const elsewhere = (ago: number, outcome: Outcome = { result: 'failure', kind: 'http' }) => {
    const { clock, breaker, report } = aged();
    report(outcome, 5);
    clock.advance(ago);
    return { clock, snapshot: JSON.parse(JSON.stringify(breaker.snapshot())) as Readonly<Record<string, unknown>> };
  };

  it('stays open for what was left of its time, and for no more', () => {
    const { snapshot } = elsewhere(4_000);
    const { clock, breaker, permit, seen } = aged();
    clock.advance(4_000);
    const early = permit();
    expect(breaker.restore(snapshot)).toBe(true);
    expect(seen).toEqual([{ from: 'CLOSED', to: 'OPEN', mode: 'AUTO', reason: 'restored', openForMs: 10_000 }]);
    expect(breaker.snapshot()).toMatchObject({
      state: 'OPEN',
      epoch: 1,
      openedAt: snapshot.openedAt,
      retryAfterMs: 6_000,
      lastFailure: { kind: 'http', at: snapshot.openedAt },
      totals: { failures: 0, opened: 0 },
    });
    breaker.settle(early, SUCCESS);
    clock.advance(5_999);
    expect(breaker.acquire()).toEqual({ refused: true, retryAfterMs: 1 });
    clock.advance(1);
    expect(isRefusal(breaker.acquire())).toBe(false);
  });

  it('has its probes to send when its time was over', () => {
    const { breaker } = aged();
    breaker.restore(elsewhere(9_999).snapshot);
    const { breaker: older, clock } = aged();
    const { snapshot } = elsewhere(0);
    clock.advance(HOUR_MS);
    older.restore(snapshot);
    expect(older.snapshot()).toMatchObject({ state: 'HALF_OPEN', retryAfterMs: undefined });
  });

  it.each([HOUR_MS, Number.MAX_VALUE])('does not believe that it will open in %d ms', (ahead) => {
    const { snapshot } = elsewhere(0);
    const { clock, breaker } = aged();
    expect(breaker.restore({ ...snapshot, openedAt: clock.now() + ahead })).toBe(true);
    expect(breaker.snapshot()).toMatchObject({ state: 'OPEN', openedAt: clock.now(), retryAfterMs: 10_000 });
    clock.jumpWall(-HOUR_MS);
    clock.advance(10_000);
    expect(isRefusal(breaker.acquire())).toBe(false);
  });

  it('is open for no longer than it could open for by itself', () => {
    const { snapshot } = elsewhere(0);
    const { breaker } = aged({ maxOpenMs: 20_000 });
    breaker.restore({ ...snapshot, openForMs: 1e300 });
    expect(breaker.snapshot()).toMatchObject({ openForMs: 20_000 });
    const { breaker: patient } = aged({ openBackoff: { maxMs: 400_000, jitter: 0.5 }, random: () => 0 });
    patient.restore({ ...snapshot, openForMs: 1e300 });
    expect(patient.snapshot()).toMatchObject({ openForMs: 600_000 });
  });

  it('whose time was nothing has its probes to send', () => {
    const { breaker, clock } = aged();
    expect(breaker.restore({ state: 'OPEN', openedAt: clock.now(), openForMs: 0 })).toBe(true);
    expect(breaker.snapshot()).toMatchObject({ state: 'HALF_OPEN', retryAfterMs: undefined });
  });

  it.each(['CLOSED', 'HALF_OPEN'])('hears nothing of what was under way before it was restored as %s', (state) => {
    const { breaker, permit } = aged({ failureThreshold: 1 });
    const early = permit();
    expect(breaker.restore({ state })).toBe(true);
    expect(breaker.snapshot()).toMatchObject({ state, mode: 'AUTO', epoch: 1 });
    breaker.settle(early, FAILURE);
    expect(breaker.snapshot()).toMatchObject({ state, totals: { ignored: 1, failures: 0 } });
  });

  it('carries on with its failures in a row, but is opened by none but its own', () => {
    const { breaker, report } = aged();
    breaker.restore({ state: 'CLOSED', mode: 'AUTO', consecutiveFailures: 99 });
    expect(breaker.snapshot()).toMatchObject({ state: 'CLOSED', consecutiveFailures: 4 });
    report({ result: 'failure', kind: 'network' });
    expect(breaker.snapshot().state).toBe('OPEN');
  });

  it('carries on with its good probes and its count of openings', () => {
    const { breaker, permit } = aged({ successThreshold: 3, openBackoff: { jitter: 0 } });
    breaker.restore({ state: 'HALF_OPEN', probeSuccesses: 7, reopenCount: 1 });
    expect(breaker.snapshot()).toMatchObject({ state: 'HALF_OPEN', probeSuccesses: 2, reopenCount: 1 });
    breaker.settle(permit(), { result: 'failure', kind: 'network' });
    expect(breaker.snapshot()).toMatchObject({ state: 'OPEN', reopenCount: 2, openForMs: 40_000 });
  });

  it.each(['FORCED_OPEN', 'DISABLED', 'METRICS_ONLY'] as const)('keeps the mode %s', (mode) => {
    const one = aged();
    one.breaker.force(mode);
    const two = aged();
    expect(two.breaker.restore(JSON.parse(JSON.stringify(one.breaker.snapshot())))).toBe(true);
    expect(two.breaker.snapshot()).toMatchObject({ mode, state: mode === 'FORCED_OPEN' ? 'OPEN' : 'CLOSED' });
  });

  it.each([
    undefined,
    null,
    'OPEN',
    {},
    { state: 'AJAR' },
    { state: 'OPEN' },
    { state: 'OPEN', openedAt: null, openForMs: 5 },
    { state: 'OPEN', openedAt: 5, openForMs: Number.NaN },
    { state: 'OPEN', openedAt: 5, openForMs: -1 },
    { state: 'OPEN', openedAt: 5, openForMs: '5' },
    { state: 'OPEN', openedAt: '5', openForMs: 5 },
    { state: 'OPEN', openedAt: Number.POSITIVE_INFINITY, openForMs: 5 },
    { state: 'CLOSED', mode: 'OFF' },
  ])('is not made of %j', (given) => {
    const { breaker, seen } = aged();
    const before = breaker.snapshot();
    expect(breaker.restore(given)).toBe(false);
    expect(breaker.snapshot()).toEqual(before);
    expect(seen).toEqual([]);
  });

  it('takes only sound parts of what is half a snapshot', () => {
    const { breaker, clock } = aged();
    const lastFailure = { kind: 'probe-lost', at: clock.now() + HOUR_MS };
    expect(breaker.restore({ state: 'CLOSED', consecutiveFailures: -3, lastFailure })).toBe(true);
    expect(breaker.snapshot()).toMatchObject({ consecutiveFailures: 0, lastFailure: { at: clock.now() } });
    const nothing = [
      null,
      'slow',
      { kind: 'secret', at: 1 },
      { kind: 'slow', at: '1' },
      { kind: 'slow', at: Number.NaN },
    ];
    for (const unsound of nothing) {
      expect(breaker.restore({ state: 'CLOSED', lastFailure: unsound, consecutiveFailures: '3' })).toBe(true);
      expect(breaker.snapshot()).toMatchObject({ consecutiveFailures: 0, lastFailure: { kind: 'probe-lost' } });
    }
  });
});
