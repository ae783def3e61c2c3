import { describe, expect, it } from 'vitest';
import { shareAttempt } from '../../lib/store/shared-attempt.ts';
import { allowNoUnhandledRejection } from '../support/unhandled-rejections.ts';

allowNoUnhandledRejection();

interface Begun {
  readonly over: AbortSignal;
  succeed(result: string): void;
  fail(error: unknown): void;
}

/** Attempts that end when the test says so. */
function attempts(atMost = 2) {
  const begun: Begun[] = [];
  const kept: string[] = [];
  const discarded: string[] = [];
  const shared = shareAttempt<string>({
    begin: (over) => new Promise((succeed, fail) => begun.push({ over, succeed, fail })),
    atMost,
    keep: (result) => kept.push(result),
    discard: (result) => discarded.push(result),
  });
  const at = (index: number): Begun => {
    const found = begun[index];
    if (!found) throw new Error(`${begun.length} attempts have begun`);
    return found;
  };
  /** Somebody who waits, how to make him give up, and what he was told. */
  const wait = () => {
    const caller = new AbortController();
    const outcome = shared.join(caller.signal).catch((error: unknown) => error);
    return { outcome, giveUp: () => caller.abort() };
  };
  const stopped = () => begun.map(({ over }) => over.aborted);
  return { shared, begun, at, wait, kept, discarded, stopped };
}

const ABORTED = expect.objectContaining({ code: 'STORE', kind: 'aborted', mayHaveRun: false });

describe('an attempt that is shared', () => {
  it('is one for all who come while it is under way, and another for those who come after', async () => {
    const { shared, begun, at, wait, kept } = attempts();
    const [first, second] = [wait(), wait()];
    expect([begun.length, shared.underWay()]).toEqual([1, true]);
    at(0).succeed('a');
    expect(await Promise.all([first.outcome, second.outcome])).toEqual(['a', 'a']);
    expect([kept, shared.underWay()]).toEqual([['a'], false]);
    const third = wait();
    at(1).fail(new Error('refused'));
    expect(await third.outcome).toEqual(new Error('refused'));
    expect(begun).toHaveLength(2);
  });

  it('is not begun for somebody who has given up already', async () => {
    const { shared, begun } = attempts();
    await expect(shared.join(AbortSignal.abort())).rejects.toEqual(ABORTED);
    expect(begun).toHaveLength(0);
  });

  it('goes on when those who wait give up, and its result is kept', async () => {
    const { at, wait, kept, stopped } = attempts();
    const only = wait();
    only.giveUp();
    expect(await only.outcome).toEqual(ABORTED);
    expect(stopped()).toEqual([false]);
    at(0).succeed('late');
    await Promise.resolve();
    expect(kept).toEqual(['late']);
  });
});

describe('an attempt that somebody has given up on', () => {
  it('gets another one beside it with the next who comes, and the first to succeed serves', async () => {
    for (const winner of [0, 1]) {
      const { begun, at, wait, kept, discarded, stopped } = attempts();
      wait().giveUp();
      const next = wait();
      expect(stopped()).toEqual([false, false]);
      at(winner).succeed('won');
      expect(await next.outcome).toBe('won');
      expect(stopped()).toEqual([winner === 1, winner === 0]);
      at(1 - winner).succeed('lost');
      await Promise.resolve();
      expect([kept, discarded, begun.length]).toEqual([['won'], ['lost'], 2]);
    }
  });

  it('gets another one at once where others still wait', async () => {
    const { begun, at, wait } = attempts();
    const [first, second] = [wait(), wait()];
    first.giveUp();
    expect(begun).toHaveLength(2);
    at(1).succeed('fresh');
    expect(await second.outcome).toBe('fresh');
  });

  it('gets no third one beside it: the eldest may only be slow, the one between them is stopped', async () => {
    const { begun, at, wait, stopped, kept } = attempts();
    for (let round = 0; round < 5; round += 1) wait().giveUp();
    expect(begun).toHaveLength(5);
    expect(stopped()).toEqual([false, true, true, true, false]);
    const last = wait();
    at(0).succeed('slow');
    expect(await last.outcome).toBe('slow');
    expect([kept, stopped()]).toEqual([['slow'], [false, true, true, true, true, true]]);
  });

  it('is stopped where only one may be under way', () => {
    const { wait, stopped } = attempts(1);
    wait().giveUp();
    wait();
    expect(stopped()).toEqual([true, false]);
  });

  it('tells nobody how it ends while a later one is under way', async () => {
    const { at, wait } = attempts();
    wait().giveUp();
    const next = wait();
    at(0).fail(new Error('timed out'));
    at(1).succeed('fresh');
    expect(await next.outcome).toBe('fresh');
  });

  it('is not waited for when the later one fails, and the next who comes gets a third', async () => {
    const { begun, at, wait } = attempts();
    wait().giveUp();
    const next = wait();
    at(1).fail(new Error('refused'));
    expect(await next.outcome).toEqual(new Error('refused'));
    const third = wait();
    expect(begun).toHaveLength(3);
    at(0).succeed('slow');
    expect(await third.outcome).toBe('slow');
  });

  it('does not throw suspicion on one that was begun while he waited', () => {
    const { begun, wait } = attempts();
    const [first, second] = [wait(), wait()];
    first.giveUp();
    second.giveUp();
    wait();
    expect(begun).toHaveLength(2);
  });
});

describe('the end of an attempt that is shared', () => {
  it('stops what is under way, and begins nothing for those who still wait', async () => {
    const { shared, begun, at, wait, stopped } = attempts();
    const [first, second] = [wait(), wait()];
    shared.end();
    first.giveUp();
    expect([stopped(), begun.length]).toEqual([[true], 1]);
    at(0).fail(new Error('closed'));
    expect(await second.outcome).toEqual(new Error('closed'));
  });
});
