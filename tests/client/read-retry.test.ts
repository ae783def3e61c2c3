import { describe, expect, it } from 'vitest';
import { createReadRetry } from '../../lib/client/read-retry.ts';
import { CircuitOpenError, CommandError, DeadlineError, StoreError } from '../../lib/errors.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

const AWAY = new StoreError('network', 'refused');

/** A retry whose attempts take `tookMs` each and fail with `errors`, then answer; and what each was given. */
function retrying(errors: readonly unknown[], tookMs = 0) {
  const clock = manualClock();
  const retry = createReadRetry({}, clock);
  const given: number[] = [];
  const ask = (timeoutMs: number) =>
    retry(timeoutMs, async (leftMs) => {
      const error = errors[given.length];
      given.push(leftMs);
      clock.advance(tookMs);
      if (error !== undefined) throw error;
      return 'answer';
    });
  return { ask, given };
}

describe('a read is sent once more', () => {
  it.each([
    ['a connection that failed', AWAY],
    ['an answer that is none', new StoreError('protocol', 'garbage')],
    ['a Redis that cannot serve at the moment', new StoreError('unavailable', 'LOADING')],
    ['a proxy that failed', new StoreError('http', '502', { status: 502 })],
  ])('after %s', async (_, error) => {
    const { ask, given } = retrying([error]);
    expect(await ask(1_000)).toBe('answer');
    expect(given).toEqual([1_000, 1_000]);
  });

  it('with a millisecond left of its time, and not with less', async () => {
    const { ask, given } = retrying([AWAY], 999);
    expect(await ask(1_000)).toBe('answer');
    expect(given).toEqual([1_000, 1]);
    const late = retrying([AWAY], 999.5);
    await expect(late.ask(1_000)).rejects.toBe(AWAY);
    expect(late.given).toEqual([1_000]);
  });

  it('and not a third time', async () => {
    const { ask, given } = retrying([AWAY, AWAY]);
    await expect(ask(1_000)).rejects.toBe(AWAY);
    expect(given).toHaveLength(2);
  });
});

describe('a read is not sent again', () => {
  it.each([
    ['its deadline', new DeadlineError(1_000, false)],
    ['a circuit that is open', new CircuitOpenError(5_000)],
    ['an answer that refuses it', new CommandError('WRONGTYPE', 'refused')],
    ['too many requests', new StoreError('http', '429', { status: 429 })],
    ['a request to come back later', new StoreError('unavailable', 'busy', { retryAfterMs: 10 })],
    ['refused credentials', new StoreError('auth', 'NOAUTH')],
    ['a used-up quota', new StoreError('quota', 'quota')],
    ['an abort', new StoreError('aborted', 'aborted')],
    ['a bound of our own', new StoreError('local', 'full')],
    ['what is no error of ours', Object.assign(new Error('left'), { kind: 'network' })],
    ['the reason of a caller that left', 'gone'],
  ])('after %s', async (_, error) => {
    const { ask, given } = retrying([error]);
    await expect(ask(1_000)).rejects.toBe(error);
    expect(given).toEqual([1_000]);
  });
});

describe('the tokens of retries', () => {
  it.each(['capacity', 'cost'])('may be 1, and no less: %s', (option) => {
    expect(() => createReadRetry({ [option]: 1 }, manualClock())).not.toThrow();
    for (const value of [0.9, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => createReadRetry({ [option]: value }, manualClock())).toThrow(
        `retry.${option} must be a number of at least 1`,
      );
    }
  });
});
