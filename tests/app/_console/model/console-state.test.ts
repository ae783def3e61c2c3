import { describe, expect, it } from 'vitest';
import {
  afterHistory,
  afterLook,
  EMPTY_STATE,
  MAX_LOOKS,
  withHappening,
} from '../../../../app/_console/model/console-state.ts';
import { look, metrics, OPENED, openedAt, STARTED_AT } from '../../../support/looks.ts';

const AT = STARTED_AT + 1_000_000;
const looks = (count: number, fromAt = AT) => Array.from({ length: count }, (_, at) => look(fromAt + at * 1_000));

describe('what the page knows', () => {
  it('is five minutes, a look a second', () => {
    const state = looks(MAX_LOOKS + 10).reduce(afterLook, EMPTY_STATE);
    expect(state.points).toHaveLength(MAX_LOOKS);
    expect(state.points[0]?.at).toBe(AT + 10_000);
    expect(state.points.at(-1)?.at).toBe(state.look?.at);
  });

  it('is five minutes, also where looks have not come for longer than that', () => {
    const state = [...looks(20), look(AT + 619_000), look(AT + 620_000)].reduce(afterLook, EMPTY_STATE);
    expect(state.points.map(({ at }) => at)).toEqual([AT + 619_000, AT + 620_000]);
    const slow = Array.from({ length: 3 }, (_, at) => look(AT + at * 150_000)).reduce(afterLook, EMPTY_STATE);
    expect(slow.points.map(({ at }) => at)).toEqual([AT + 150_000, AT + 300_000]);
  });

  it('begins anew when the clock of the server is set back, and keeps its log', () => {
    const state = withHappening(looks(20).reduce(afterLook, EMPTY_STATE), { at: AT, text: 'said', tone: 'plain' });
    const end = AT + 19_000;
    expect(afterLook(state, look(end - 9_999))).toBe(state);
    const behind = afterLook(state, look(end - 10_000, { decisions: { allowed: 5 } }));
    expect(behind.look?.at).toBe(end - 10_000);
    expect(behind.points).toMatchObject([{ at: end - 10_000, rates: null }]);
    expect(behind.log.map(({ text }) => text)).toEqual(['said']);
  });

  it('goes on over a process that begins again, with a gap and a line that says so', () => {
    const state = looks(20).reduce(afterLook, EMPTY_STATE);
    const startedAt = AT + 25_000;
    const again = afterHistory(state, [look(startedAt + 500, { startedAt, id: 'next' })]);
    expect(again.points).toHaveLength(21);
    expect(again.points.at(-1)?.rates).toBeNull();
    expect(again.handler).toHaveLength(2);
    expect(again.log).toMatchObject([{ at: startedAt, text: 'The process began again, and counts from 0.' }]);
  });

  it('says that another process answers, where that ran before', () => {
    const state = looks(20).reduce(afterLook, EMPTY_STATE);
    const other = { startedAt: STARTED_AT - 86_400_000, id: 'other' };
    const text = 'Another process answers from now on, with counts of its own.';
    expect(afterHistory(state, [look(AT + 10_000, other), look(AT + 20_000, other)]).log).toMatchObject([{ text }]);
    expect(afterLook(state, look(AT + 20_000, other)).log).toMatchObject([{ text }]);
    expect(afterHistory(state, looks(20)).log).toEqual([]);
  });

  it('does not grow with time', () => {
    const state = looks(2_000).reduce(afterLook, EMPTY_STATE);
    expect(state.points).toHaveLength(MAX_LOOKS);
    expect(state.recent.length).toBeLessThan(20);
    expect(state.handler).toHaveLength(1);
    const told = Array.from({ length: 500 }, (_, at) => ({ at, text: `line ${at}`, tone: 'plain' as const }));
    expect(told.reduce(withHappening, state).log).toHaveLength(100);
  });

  it('leaves the state alone for a look that is not later', () => {
    const state = afterLook(EMPTY_STATE, look(AT));
    expect(afterLook(state, look(AT))).toBe(state);
    expect(afterLook(state, look(AT - 1))).toBe(state);
    expect(afterLook(state, look(AT + 1))).not.toBe(state);
  });

  it('shows a look between two at once, and makes no point of it', () => {
    const state = afterLook(EMPTY_STATE, look(AT));
    const opened = { ...OPENED, at: AT + 100 };
    const between = afterLook(state, look(AT + 499, { transitions: [opened], decisions: { allowed: 4 } }));
    expect(between.look?.at).toBe(AT + 499);
    expect(between.log).toHaveLength(1);
    expect(between.points).toBe(state.points);
    const next = afterLook(between, look(AT + 1_000, { transitions: [opened], decisions: { allowed: 10 } }));
    expect(next.points).toHaveLength(2);
    expect(next.points.at(-1)?.rates?.allowed).toBe(10);
    expect(afterLook(state, look(AT + 500)).points).toHaveLength(2);
  });

  it('shows the middleware as it was where it could not be asked, for ten seconds and in one process', () => {
    const middleware = metrics({ at: AT, decisions: { allowed: 7 }, circuit: openedAt(AT) });
    const state = afterLook(EMPTY_STATE, { ...look(AT), middleware });
    expect(afterLook(state, look(AT + 10_000)).look?.middleware).toBe(middleware);
    expect(afterLook(state, look(AT + 10_001)).look?.middleware).toBeNull();
    expect(afterLook(state, look(AT + 1, { startedAt: AT })).look?.middleware).toBeNull();
    expect(afterLook(afterLook(state, look(AT + 6_000)), look(AT + 11_000)).look?.middleware).toBeNull();
  });

  it('is the same, whether it came as history or one by one', () => {
    const all = looks(20);
    expect(afterHistory(EMPTY_STATE, all)).toEqual(all.reduce(afterLook, EMPTY_STATE));
  });

  it('is replaced by the history of another connection, also of a server whose clock is behind', () => {
    const state = looks(50).reduce(afterLook, EMPTY_STATE);
    const again = afterHistory(state, looks(3, AT - 500_000));
    expect(again.points.map(({ at }) => at)).toEqual([AT - 500_000, AT - 499_000, AT - 498_000]);
    expect(afterHistory(state, [])).toBe(state);
  });

  it('keeps its log over a reconnection, and does not say a line twice', () => {
    const opened = look(AT, { transitions: [{ ...OPENED, at: AT - 10 }] });
    const state = afterLook(EMPTY_STATE, opened);
    expect(state.log).toHaveLength(1);
    const again = afterHistory(withHappening(state, { at: AT, text: 'lost', tone: 'open' }), [opened]);
    expect(again.log.map(({ text }) => text)).toEqual([expect.stringMatching(/^The circuit opened/), 'lost']);
    expect(new Set(again.log.map(({ id }) => id)).size).toBe(2);
  });

  it('says nothing of what happened before the five minutes', () => {
    const state = afterLook(EMPTY_STATE, look(AT, { transitions: [{ ...OPENED, at: AT - 300_001 }] }));
    expect(state.log).toEqual([]);
  });
});
