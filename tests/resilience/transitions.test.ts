import { describe, expect, it } from 'vitest';
import type { Transition } from '../../lib/events.ts';
import { type CircuitBreaker, isRefusal, type Outcome, type Permit } from '../../lib/resilience/circuit.ts';
import { createCircuitBreaker } from '../../lib/resilience/circuit-breaker.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

const HOUR_MS = 3_600_000;
const SUCCESS: Outcome = { result: 'success' };
const FAILURE: Outcome = { result: 'failure', kind: 'deadline' };

function watched(onTransition?: (breaker: CircuitBreaker, transition: Transition) => void) {
  const clock = manualClock();
  const seen: (Transition & { readonly state: string })[] = [];
  const breaker: CircuitBreaker = createCircuitBreaker({
    clock,
    onTransition: (transition) => {
      seen.push({ ...transition, state: breaker.snapshot().state });
      onTransition?.(breaker, transition);
    },
  });
  clock.advance(HOUR_MS);
  const permit = (): Permit => {
    const answer = breaker.acquire();
    if (isRefusal(answer)) throw new Error('refused');
    return answer;
  };
  const trip = () => {
    for (let failures = 0; failures < 5; failures += 1) breaker.settle(permit(), FAILURE);
  };
  return { clock, breaker, seen, permit, trip };
}

describe('the listener of a circuit breaker', () => {
  it('is told of each change once, with its reason, and finds the new state in force', () => {
    const { clock, breaker, seen, permit, trip } = watched();
    trip();
    clock.advance(10_000);
    expect(seen).toHaveLength(1);
    breaker.settle(permit(), SUCCESS);
    breaker.settle(permit(), SUCCESS);
    expect(seen).toEqual([
      { from: 'CLOSED', to: 'OPEN', mode: 'AUTO', reason: 'deadline', openForMs: 10_000, state: 'OPEN' },
      { from: 'OPEN', to: 'HALF_OPEN', mode: 'AUTO', reason: undefined, openForMs: undefined, state: 'HALF_OPEN' },
      { from: 'HALF_OPEN', to: 'CLOSED', mode: 'AUTO', reason: undefined, openForMs: undefined, state: 'CLOSED' },
    ]);
  });

  it('is told that a probe was lost', () => {
    const { clock, breaker, seen, permit, trip } = watched();
    trip();
    clock.advance(10_000);
    permit();
    clock.advance(1_500);
    breaker.acquire();
    expect(seen.slice(2)).toEqual([
      { from: 'HALF_OPEN', to: 'OPEN', mode: 'AUTO', reason: 'probe-lost', openForMs: 10_000, state: 'OPEN' },
    ]);
  });

  it('is told nothing by a look at the state', () => {
    const { clock, breaker, seen, trip } = watched();
    trip();
    clock.advance(10_000);
    for (let look = 0; look < 5; look += 1) expect(breaker.snapshot().state).toBe('HALF_OPEN');
    expect(seen).toHaveLength(1);
  });

  it('may throw: nobody but itself notices', () => {
    const { clock, breaker, seen, permit, trip } = watched(() => {
      throw new Error('broken listener');
    });
    expect(trip).not.toThrow();
    expect(breaker.snapshot()).toMatchObject({ state: 'OPEN', epoch: 1, totals: { opened: 1 } });
    clock.advance(10_000);
    breaker.settle(permit(), SUCCESS);
    expect(() => breaker.settle(permit(), SUCCESS)).not.toThrow();
    expect(breaker.snapshot()).toMatchObject({ state: 'CLOSED', epoch: 3 });
    expect(() => breaker.reset()).not.toThrow();
    expect(breaker.snapshot()).toMatchObject({ state: 'CLOSED', epoch: 4 });
    expect(seen).toHaveLength(3);
  });

  it('may ask for a permit itself and gets what anybody would get', () => {
    const answers: unknown[] = [];
    const { clock, breaker, permit, trip } = watched((self) => answers.push(self.acquire()));
    trip();
    expect(answers).toEqual([{ refused: true, retryAfterMs: 10_000 }]);
    clock.advance(10_000);
    // The listener takes the only place before the caller, whose own call started the change.
    expect(isRefusal(breaker.acquire())).toBe(true);
    expect(answers[1]).toMatchObject({ epoch: 2 });
    breaker.settle(answers[1] as Permit, SUCCESS);
    breaker.settle(permit(), SUCCESS);
    expect(answers[2]).toMatchObject({ epoch: 3 });
    expect(breaker.snapshot()).toMatchObject({ state: 'CLOSED', epoch: 3, consecutiveFailures: 0 });
  });

  it('may reset the circuit that has just opened', () => {
    const { breaker, seen, trip } = watched((self, { to }) => {
      if (to === 'OPEN') self.reset();
    });
    trip();
    expect(seen.map(({ from, to }) => `${from} ${to}`)).toEqual(['CLOSED OPEN', 'OPEN CLOSED']);
    expect(breaker.snapshot()).toMatchObject({ state: 'CLOSED', epoch: 2, consecutiveFailures: 0 });
    expect(breaker.closed).toBe(true);
  });
});

describe('a reset', () => {
  it('starts a new epoch: nothing that is under way counts any more', () => {
    const { breaker, permit, seen } = watched();
    const early = Array.from({ length: 10 }, permit);
    for (const one of early.splice(0, 4)) breaker.settle(one, FAILURE);
    breaker.reset();
    expect(breaker.snapshot()).toMatchObject({ state: 'CLOSED', epoch: 1, consecutiveFailures: 0 });
    // Nothing has changed that a listener could want to know.
    expect(seen).toEqual([]);
    for (const one of early) breaker.settle(one, FAILURE);
    expect(breaker.snapshot()).toMatchObject({
      state: 'CLOSED',
      epoch: 1,
      consecutiveFailures: 0,
      totals: { failures: 4, ignored: 6 },
    });
  });

  it('closes an open circuit at once', () => {
    const { breaker, permit, trip, seen } = watched();
    trip();
    breaker.reset();
    expect(seen.at(-1)).toMatchObject({ from: 'OPEN', to: 'CLOSED', reason: 'manual', state: 'CLOSED' });
    expect(breaker.snapshot()).toMatchObject({
      state: 'CLOSED',
      epoch: 2,
      openedAt: undefined,
      retryAfterMs: undefined,
    });
    expect(permit()).toMatchObject({ epoch: 2 });
  });

  it('closes a half-open circuit and forgets its probes', () => {
    const { clock, breaker, permit, trip } = watched();
    trip();
    clock.advance(10_000);
    const probe = permit();
    breaker.reset();
    breaker.settle(probe, FAILURE);
    clock.advance(HOUR_MS);
    expect(breaker.snapshot()).toMatchObject({
      state: 'CLOSED',
      epoch: 3,
      totals: { failures: 5, ignored: 1, opened: 1 },
    });
  });

  it('gives an epoch of its own, also when the state that was due had not been entered yet', () => {
    const { clock, breaker, trip, seen } = watched();
    trip();
    clock.advance(10_000);
    const due = breaker.snapshot();
    breaker.reset();
    expect(due).toMatchObject({ state: 'HALF_OPEN', epoch: 2 });
    expect(breaker.snapshot()).toMatchObject({ state: 'CLOSED', epoch: 3 });
    expect(seen.map(({ to }) => to)).toEqual(['OPEN', 'HALF_OPEN', 'CLOSED']);
  });
});
