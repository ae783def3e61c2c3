import { describe, expect, it } from 'vitest';
import { CircuitOpenError, CommandError, DeadlineError, StoreError } from '../../lib/errors.ts';
import { hasNotRun, mayHaveRun, unavailableBy, unlessAway } from '../../lib/primitives/unavailable.ts';

describe('an error of the client', () => {
  it.each([
    [new CircuitOpenError(2_500), { retryAfterMs: 2_500, mayHaveRun: false }],
    [new DeadlineError(1_000, true), { retryAfterMs: 1_000, mayHaveRun: true }],
    [new DeadlineError(1_000, false), { retryAfterMs: 1_000, mayHaveRun: false }],
    [new StoreError('network', 'gone'), { retryAfterMs: 1_000, mayHaveRun: true }],
    [new StoreError('network', 'never sent', { mayHaveRun: false }), { retryAfterMs: 1_000, mayHaveRun: false }],
  ])('that says that Redis is away is that to callers: %s', (error, expected) => {
    expect(unavailableBy(error)).toEqual({ status: 'unavailable', ...expected });
  });

  it.each([new CommandError('WRONGTYPE', 'no'), new TypeError('defect'), undefined])(
    'that says something else is thrown on: %s',
    (error) => {
      expect(() => unavailableBy(error)).toThrow(error instanceof Error ? error : undefined);
    },
  );
});

describe('work that needs Redis', () => {
  it('answers as ever, or that Redis is away', async () => {
    expect(await unlessAway(async () => 'done')).toBe('done');
    expect(await unlessAway(() => Promise.reject(new CircuitOpenError(2_500)))).toEqual({
      status: 'unavailable',
      retryAfterMs: 2_500,
      mayHaveRun: false,
    });
    await expect(unlessAway(() => Promise.reject(new TypeError('defect')))).rejects.toThrow('defect');
  });

  it.each([
    [new CircuitOpenError(1), false],
    [new StoreError('network', 'never sent', { mayHaveRun: false }), false],
    [new DeadlineError(1_000, true), true],
    [new CommandError('OOM', 'refused in the middle of a script'), true],
    [new DOMException('the caller has given up', 'AbortError'), true],
  ])('says whether what was asked may have taken effect: %s', (error, expected) => {
    expect(mayHaveRun(error)).toBe(expected);
  });
});

describe('a write has certainly not run', () => {
  it.each([
    [new CircuitOpenError(1), true],
    [new DeadlineError(1_000, false), true],
    [new StoreError('network', 'never sent', { mayHaveRun: false }), true],
    [new StoreError('unavailable', 'no memory', { replyCode: 'OOM' }), true],
    [new DeadlineError(1_000, true), false],
    [new StoreError('network', 'reset'), false],
    [new CommandError('WRONGTYPE', 'no'), false],
    [new TypeError('defect'), false],
  ])('by %s: %s', (error, expected) => {
    expect(hasNotRun(error)).toBe(expected);
  });
});
