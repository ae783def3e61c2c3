import { describe, expect, it } from 'vitest';
import { circuitAt } from '../../../../app/_console/model/circuit.ts';
import { type Life, livesAfter, segmentsOf } from '../../../../app/_console/model/lives.ts';
import { CLOSED, HEALED, metrics, OPENED, openedAt, PROBED, STARTED_AT } from '../../../support/looks.ts';

const AT = STARTED_AT + 100_000;
const life = (parts: Partial<Life> = {}): Life => ({
  startedAt: STARTED_AT,
  seenAt: AT,
  circuit: CLOSED,
  changes: [],
  ...parts,
});
/** What the timeline shows, in seconds since the start. */
const shown = (lives: readonly Life[], fromAt = 0, untilAt = AT) =>
  segmentsOf(lives, fromAt, untilAt).map(({ fromAt: from, toAt, state }) => [
    state,
    (from - STARTED_AT) / 1_000,
    (toAt - STARTED_AT) / 1_000,
  ]);

describe('the timeline of a circuit', () => {
  it('is one state from the beginning on where nothing changed', () => {
    expect(shown([life()])).toEqual([['CLOSED', 0, 100]]);
  });

  it('has a segment for each state between two changes', () => {
    const changes = [
      { ...OPENED, at: STARTED_AT + 20_000 },
      { ...PROBED, at: STARTED_AT + 30_000 },
      { ...HEALED, at: STARTED_AT + 31_000 },
    ];
    expect(shown([life({ changes })])).toEqual([
      ['CLOSED', 0, 20],
      ['OPEN', 20, 30],
      ['HALF_OPEN', 30, 31],
      ['CLOSED', 31, 100],
    ]);
  });

  it('is half open from the end of the open time on, though nobody has asked since', () => {
    const changes = [{ ...OPENED, at: STARTED_AT + 20_000 }];
    const circuit = openedAt(STARTED_AT + 20_000);
    expect(shown([life({ changes, circuit })])).toEqual([
      ['CLOSED', 0, 20],
      ['OPEN', 20, 30],
      ['HALF_OPEN', 30, 100],
    ]);
    const forced = { ...OPENED, at: STARTED_AT + 20_000, openForMs: null };
    expect(shown([life({ changes: [forced] })]).at(-1)).toEqual(['OPEN', 20, 100]);
  });

  it('shows the time that was asked for, and no more', () => {
    const changes = [{ ...OPENED, at: STARTED_AT + 20_000, openForMs: null }];
    expect(shown([life({ changes })], STARTED_AT + 10_000, STARTED_AT + 50_000)).toEqual([
      ['CLOSED', 10, 20],
      ['OPEN', 20, 50],
    ]);
    expect(shown([life({ changes })], STARTED_AT + 20_000, STARTED_AT + 50_000)).toEqual([['OPEN', 20, 50]]);
  });

  it('has a gap between two lives of a process', () => {
    const second = life({ startedAt: STARTED_AT + 60_000 });
    expect(shown([life({ seenAt: STARTED_AT + 40_000 }), second])).toEqual([
      ['CLOSED', 0, 40],
      ['CLOSED', 60, 100],
    ]);
  });
});

describe('what is kept of the lives of a runtime', () => {
  const changesAt = (...seconds: number[]) => seconds.map((second) => ({ ...OPENED, at: STARTED_AT + second * 1_000 }));

  it('is every change, also those that the server has dropped meanwhile', () => {
    const before = livesAfter([], metrics({ transitions: changesAt(1, 2, 3) }), AT, 0);
    const [kept] = livesAfter(before, metrics({ transitions: changesAt(3, 4) }), AT + 1_000, 0);
    expect(kept?.changes).toEqual(changesAt(1, 2, 3, 4));
    expect(kept?.seenAt).toBe(AT + 1_000);
  });

  it('are five minutes, and the change before them, which says how they began', () => {
    const [kept] = livesAfter([], metrics({ transitions: changesAt(1, 2, 3, 4) }), AT, STARTED_AT + 3_000);
    expect(kept?.changes).toEqual(changesAt(2, 3, 4));
    const [old] = livesAfter([], metrics({ transitions: changesAt(1, 2) }), AT, STARTED_AT + 3_000);
    expect(old?.changes).toEqual(changesAt(2));
  });

  it('is a new life with each start, and none that ended too long ago', () => {
    const first = livesAfter([], metrics(), AT, 0);
    const second = livesAfter(first, metrics({ startedAt: AT + 1 }), AT + 2, AT);
    expect(second.map(({ startedAt }) => startedAt)).toEqual([STARTED_AT, AT + 1]);
    expect(livesAfter(second, metrics({ startedAt: AT + 1 }), AT + 3, AT + 1)).toHaveLength(1);
  });
});

describe('a snapshot of a circuit', () => {
  it('is as old as it is: an open circuit becomes half open by itself', () => {
    expect(circuitAt(openedAt(AT), AT + 3_000)).toMatchObject({ state: 'OPEN', probeInMs: 7_000 });
    expect(circuitAt(openedAt(AT), AT + 9_999)).toMatchObject({ state: 'OPEN', probeInMs: 1 });
    expect(circuitAt(openedAt(AT), AT + 10_000)).toMatchObject({ state: 'HALF_OPEN', probeInMs: null });
  });

  it('stays open while it is forced, and says no time', () => {
    const forced = { ...openedAt(AT), mode: 'FORCED_OPEN' as const, openForMs: undefined };
    expect(circuitAt(forced, AT + 1e9)).toMatchObject({ state: 'OPEN', mode: 'FORCED_OPEN', probeInMs: null });
  });
});
