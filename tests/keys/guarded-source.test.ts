import { describe, expect, it } from 'vitest';
import { CircuitOpenError, CommandError, DeadlineError, StoreError } from '../../lib/errors.ts';
import type { Transition } from '../../lib/events.ts';
import type { KeyDigest } from '../../lib/keys/digest.ts';
import { guardSource, type SourceSettings } from '../../lib/keys/source/guarded-source.ts';
import type { FoundKey } from '../../lib/keys/source/source.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

const KEY: FoundKey = { id: 'k', owner: 'o' };
const digestOf = (digest: string): KeyDigest => ({ kid: 'k1', digest });

/** A source whose looks are answered by hand. */
function rig(settings: SourceSettings = {}, shares = true) {
  const clock = manualClock();
  const transitions: Transition[] = [];
  const looks: {
    digest: string;
    signal: AbortSignal;
    answer: (found?: FoundKey) => void;
    fail: (error: unknown) => void;
  }[] = [];
  const guarded = guardSource({
    ...settings,
    clock,
    shares,
    onTransition: (transition) => transitions.push(transition),
    source: {
      findByDigest: ({ digest }, { signal }) =>
        new Promise<FoundKey | undefined>((resolve, reject) =>
          looks.push({ digest, signal, answer: resolve, fail: reject }),
        ),
    },
  });
  const find = (digest: string, timeoutMs = 1_000, seen = true, signal?: AbortSignal) =>
    guarded.find(digestOf(digest), { timeoutMs, seen, signal }).then(({ found }) => found);
  const failOnce = async () => {
    const failed = find(`failing ${looks.length}`).catch((error: unknown) => error);
    looks.at(-1)?.fail(new Error('gone'));
    await failed;
  };
  return { clock, transitions, looks, guarded, find, failOnce };
}

describe('a source of API keys', () => {
  it('is asked once for one digest, however many wait, and again for the next', async () => {
    const { looks, find } = rig();
    const [first, second] = [find('a'), find('a')];
    const other = find('b');
    expect(looks.map(({ digest }) => digest)).toEqual(['a', 'b']);
    looks[0]?.answer(KEY);
    looks[1]?.answer(undefined);
    expect(await Promise.all([first, second, other])).toEqual([KEY, KEY, undefined]);
    const third = find('a');
    looks[2]?.answer(KEY);
    expect(await third).toBe(KEY);
  });

  it('keeps no rejection: the next caller asks anew', async () => {
    const { looks, find } = rig();
    const waiting = [find('a'), find('a')].map((one) => one.catch((error: Error) => error.message));
    looks[0]?.fail(new Error('gone'));
    expect(await Promise.all(waiting)).toEqual(['gone', 'gone']);
    const next = find('a');
    looks[1]?.answer(KEY);
    expect(await next).toBe(KEY);
  });

  it('shares nothing where requests may not wait for each other', async () => {
    const { looks, find } = rig({}, false);
    const both = [find('a'), find('a')];
    expect(looks).toHaveLength(2);
    for (const look of looks) look.answer(KEY);
    expect(await Promise.all(both)).toEqual([KEY, KEY]);
  });

  it('rejects at its deadline and tells the source, which need not heed it', async () => {
    const { clock, looks, find, guarded } = rig({ timeoutMs: 500 });
    const answer = find('a', 10_000);
    clock.advance(499);
    expect(looks[0]?.signal.aborted).toBe(false);
    clock.advance(1);
    await expect(answer).rejects.toMatchObject({ code: 'DEADLINE', timeoutMs: 500 });
    expect(looks[0]?.signal.aborted).toBe(true);
    expect(guarded.circuit()).toMatchObject({ consecutiveFailures: 1, lastFailure: { kind: 'deadline' } });
  });

  it('has half a second for a look and 32 of them, of which keys never seen use 16, unless told otherwise', async () => {
    const { clock, looks, find } = rig();
    const answers = [...Array(17).keys()].map((n) => find(`u${n}`, 10_000, false).catch((error: unknown) => error));
    expect(looks).toHaveLength(16);
    answers.push(...[...Array(17).keys()].map((n) => find(`s${n}`, 10_000).catch((error: unknown) => error)));
    expect(looks).toHaveLength(32);
    clock.advance(499);
    expect(looks.every(({ signal }) => !signal.aborted)).toBe(true);
    clock.advance(1);
    expect(looks.every(({ signal }) => signal.aborted)).toBe(true);
    const codes = (await Promise.all(answers)).map((error) => (error as { code?: string }).code);
    expect(
      [codes.filter((code) => code === 'DEADLINE'), codes.filter((code) => code === 'STORE')].map((all) => all.length),
    ).toEqual([32, 2]);
  });

  it('lets a caller with less time leave without a word about the source, whose answer still counts', async () => {
    const { clock, looks, find, guarded } = rig({ timeoutMs: 500 });
    const hurried = find('a', 100);
    const patient = find('a', 500);
    clock.advance(100);
    await expect(hurried).rejects.toMatchObject({ code: 'DEADLINE', timeoutMs: 100 });
    expect(looks[0]?.signal.aborted).toBe(false);
    looks[0]?.answer(KEY);
    expect(await patient).toBe(KEY);
    expect(guarded.circuit().totals).toMatchObject({ successes: 1, failures: 0, neutral: 0 });
  });

  it('counts a look that hangs although everybody has left', async () => {
    const { clock, find, guarded } = rig({ timeoutMs: 500 });
    for (let turn = 0; turn < 5; turn += 1) {
      const answer = find(`k${turn}`, 100).catch(() => undefined);
      clock.advance(100);
      await answer;
    }
    expect(guarded.circuit().state).toBe('CLOSED');
    clock.advance(500);
    await Promise.resolve();
    expect(guarded.circuit().totals.failures).toBe(5);
    expect(guarded.circuit().state).toBe('OPEN');
  });

  it('throws what its caller aborted with, at once, and frees nothing but the caller', async () => {
    const { looks, find } = rig();
    const controller = new AbortController();
    const [leaving, staying] = [find('a', 1_000, true, controller.signal), find('a')];
    const reason = new Error('the client left');
    controller.abort(reason);
    await expect(leaving).rejects.toBe(reason);
    await expect(find('a', 1_000, true, AbortSignal.abort(reason))).rejects.toBe(reason);
    looks[0]?.answer(KEY);
    expect(await staying).toBe(KEY);
  });

  it('has a circuit of its own: five failures open it, and two probes close it', async () => {
    const { clock, looks, find, failOnce, guarded, transitions } = rig();
    for (let turn = 0; turn < 5; turn += 1) await failOnce();
    expect(looks).toHaveLength(5);
    await expect(find('a')).rejects.toMatchObject({ code: 'CIRCUIT_OPEN', retryAfterMs: 10_000 });
    expect(looks).toHaveLength(5);
    clock.advance(10_000);
    for (const at of [5, 6]) {
      const probe = find(`probe ${at}`);
      await expect(find('meanwhile')).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' });
      looks[at]?.answer(undefined);
      await probe;
    }
    expect(guarded.circuit().state).toBe('CLOSED');
    expect(transitions.map(({ to, reason }) => [to, reason])).toEqual([
      ['OPEN', 'network'],
      ['HALF_OPEN', undefined],
      ['CLOSED', undefined],
    ]);
  });

  it('takes no failure for an answer: whatever is thrown, also at once', async () => {
    for (const thrown of [new Error('x'), 'x', undefined, new StoreError('protocol', 'x')]) {
      const guarded = guardSource({
        clock: manualClock(),
        shares: true,
        source: {
          findByDigest: () => {
            throw thrown;
          },
        },
      });
      await expect(guarded.find(digestOf('a'), { timeoutMs: 100, seen: true })).rejects.toBe(thrown);
      expect(guarded.circuit().totals.failures).toBe(1);
    }
  });

  it('has so many looks under way at most, and keys never seen leave half of them to the others', async () => {
    const { looks, find, guarded } = rig({ maxConcurrent: 4 });
    const unseen = [1, 2, 3].map((n) => find(`u${n}`, 1_000, false).catch((error: Error) => error));
    expect(looks).toHaveLength(2);
    expect(await unseen[2]).toMatchObject({
      ...{ code: 'STORE', kind: 'local', mayHaveRun: false, message: 'Too many API keys are being looked up at once' },
    });
    const seen = [1, 2, 3].map((n) => find(`s${n}`).catch((error: Error) => error));
    expect(looks).toHaveLength(4);
    expect(await seen[2]).toMatchObject({ kind: 'local' });
    for (const look of looks) look.answer(KEY);
    expect(await Promise.all([...unseen.slice(0, 2), ...seen.slice(0, 2)])).toEqual([KEY, KEY, KEY, KEY]);
    expect(guarded.circuit().totals).toMatchObject({ successes: 4, failures: 0, neutral: 2 });
    const next = find('u9', 1_000, false);
    looks[4]?.answer(undefined);
    expect(await next).toBeUndefined();
  });

  it('is not blocked for ever by looks that never end', async () => {
    const { clock, looks, find } = rig({ maxConcurrent: 2, timeoutMs: 500, breaker: { failureThreshold: 100 } });
    const hung = ['a', 'b'].map((one) => find(one).catch(() => undefined));
    clock.advance(500);
    await Promise.all(hung);
    const next = find('c');
    looks[2]?.answer(KEY);
    expect(await next).toBe(KEY);
    const again = find('a');
    looks[3]?.answer(KEY);
    expect(await again).toBe(KEY);
  });

  it.each<[string, unknown, object]>([
    ['network', new Error('gone'), { failures: 1 }],
    ['network', { code: 'DEADLINE' }, { failures: 1 }],
    ['deadline', new DeadlineError(5, false), { failures: 1 }],
    ['protocol', new StoreError('protocol', 'x'), { failures: 1 }],
    ['quota', new StoreError('quota', 'x'), { failures: 1 }],
    ['unavailable', new StoreError('network', 'x'), { failures: 1 }],
    ['unavailable', new StoreError('auth', 'x'), { failures: 1 }],
    ['unavailable', new CircuitOpenError(5), { failures: 1 }],
    ['undefined', new CommandError('WRONGTYPE', 'x'), { failures: 0, successes: 1 }],
  ])('is said to be away for the reason %s when it throws %o', async (kind, thrown, totals) => {
    const { looks, find, guarded } = rig();
    const answer = find('a');
    looks[0]?.fail(thrown);
    await expect(answer).rejects.toBe(thrown);
    expect(guarded.circuit().totals).toMatchObject(totals);
    expect(String(guarded.circuit().lastFailure?.kind)).toBe(kind);
  });

  it('may answer a probe as late as any look', async () => {
    const { clock, looks, find, failOnce, guarded } = rig({ timeoutMs: 5_000 });
    for (let turn = 0; turn < 5; turn += 1) await failOnce();
    clock.advance(10_000);
    for (const at of [5, 6]) {
      const probe = find(`probe ${at}`, 10_000);
      clock.advance(4_999);
      looks[at]?.answer(KEY);
      expect(await probe).toBe(KEY);
    }
    expect(guarded.circuit().state).toBe('CLOSED');
  });

  it('is asked anew where a look should long have ended, and its process may have', async () => {
    const clock = manualClock();
    let asked = 0;
    const guarded = guardSource({
      // Timers do not fire any more.
      clock: { ...clock, after: () => () => undefined },
      shares: true,
      timeoutMs: 500,
      source: {
        findByDigest() {
          asked += 1;
          return new Promise<never>(() => undefined);
        },
      },
    });
    const find = () => void guarded.find(digestOf('a'), { timeoutMs: 100, seen: true });
    find();
    clock.advance(500);
    find();
    expect(asked).toBe(1);
    clock.advance(1);
    find();
    expect(asked).toBe(2);
  });

  it('asks nobody when no time is left', async () => {
    const { looks, find } = rig();
    for (const none of [0, -5, 0.4]) {
      await expect(find('a', none)).rejects.toMatchObject({ code: 'DEADLINE', timeoutMs: 0, mayHaveRun: false });
    }
    expect(looks).toEqual([]);
    const answer = find('a', 1);
    looks[0]?.answer(KEY);
    expect(await answer).toBe(KEY);
  });
});
