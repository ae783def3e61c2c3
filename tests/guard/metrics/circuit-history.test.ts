import { describe, expect, it } from 'vitest';
import type { CircuitStateName, Transition } from '../../../lib/events.ts';
import { createCircuitHistory } from '../../../lib/guard/metrics/circuit-history.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';

const change = (from: CircuitStateName, to: CircuitStateName): Transition => ({
  from,
  to,
  mode: 'AUTO',
  reason: to === 'OPEN' ? 'network' : undefined,
  openForMs: to === 'OPEN' ? 10_000 : undefined,
});

describe('the history of a circuit', () => {
  it('counts the time from when it opens until it is closed, half open included', () => {
    const clock = manualClock();
    const history = createCircuitHistory(clock);
    const circuit = history.watch('CLOSED');
    clock.advance(5_000);
    circuit.changed(change('CLOSED', 'OPEN'));
    expect(history.openMs()).toBe(0);
    clock.advance(10_000);
    expect(history.openMs()).toBe(10_000);
    circuit.changed(change('OPEN', 'HALF_OPEN'));
    clock.advance(1_000);
    circuit.changed(change('HALF_OPEN', 'CLOSED'));
    clock.advance(60_000);
    expect(history.openMs()).toBe(11_000);
  });

  it('is not moved by a wall clock that jumps', () => {
    const clock = manualClock();
    const history = createCircuitHistory(clock);
    history.watch('OPEN');
    clock.jumpWall(-86_400_000);
    clock.advance(1_000);
    expect(history.openMs()).toBe(1_000);
  });

  it('keeps the last 36 changes, the oldest first', () => {
    const clock = manualClock();
    const history = createCircuitHistory(clock);
    const circuit = history.watch('CLOSED');
    const begunAt = clock.now();
    for (let index = 0; index < 40; index += 1) {
      clock.advance(1);
      circuit.changed(index % 2 === 0 ? change('CLOSED', 'OPEN') : change('OPEN', 'CLOSED'));
    }
    expect(history.changes()).toHaveLength(36);
    expect(history.changes()[0]).toEqual({
      ...{ at: begunAt + 5, from: 'CLOSED', to: 'OPEN', mode: 'AUTO', reason: 'network', openForMs: 10_000 },
    });
    expect(history.changes().at(-1)).toMatchObject({ at: begunAt + 40, reason: null, openForMs: null });
  });

  it('adds up several circuits, and counts none that is watched no more', () => {
    const clock = manualClock();
    const history = createCircuitHistory(clock);
    const circuits = [history.watch('OPEN'), history.watch('HALF_OPEN')];
    clock.advance(1_000);
    expect(history.openMs()).toBe(2_000);
    for (const circuit of circuits) circuit.end();
    clock.advance(1_000);
    expect(history.openMs()).toBe(2_000);
  });
});
