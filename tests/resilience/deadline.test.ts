import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { withDeadline } from '../../lib/resilience/deadline.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

const late = new Error('too late');

function bounded<T>(work: (signal: AbortSignal) => Promise<T>, timeoutMs = 1_000) {
  const clock = manualClock();
  clock.advance(3_600_000);
  const controller = new AbortController();
  const seen: string[] = [];
  const promise = withDeadline({ clock, timeoutMs, controller, expired: () => late }, work);
  promise.then(
    (value) => seen.push(`value ${String(value)}`),
    (error: unknown) => seen.push(`error ${error instanceof Error ? error.message : String(error)}`),
  );
  return { clock, controller, seen, promise };
}

describe('a deadline', () => {
  it('hands on what the work answers in time, and leaves no timer and no abort behind', async () => {
    const { clock, controller, promise } = bounded(async () => 'answer');
    expect(clock.pending()).toBe(1);
    await expect(promise).resolves.toBe('answer');
    expect(clock.pending()).toBe(0);
    await clock.run(10_000);
    expect(controller.signal.aborted).toBe(false);
  });

  it.each<[string, () => Promise<string>]>([
    ['answers', () => Promise.resolve('answer')],
    ['fails', () => Promise.reject(new Error('of the work'))],
  ])('listens to its signal no longer when the work %s', async (_, work) => {
    const { controller, promise } = bounded(work);
    await promise.catch(() => {});
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });

  it('hands on what the work fails with', async () => {
    const { clock, promise } = bounded(async () => {
      throw new Error('of the work');
    });
    await expect(promise).rejects.toThrow('of the work');
    expect(clock.pending()).toBe(0);
  });

  it('hands on what the work throws at once', async () => {
    const { clock, promise } = bounded(() => {
      throw new Error('at once');
    });
    await expect(promise).rejects.toThrow('at once');
    expect(clock.pending()).toBe(0);
  });

  it('passes at its last millisecond and not one before, though the work takes no notice', async () => {
    const { clock, controller, seen, promise } = bounded(() => new Promise(() => {}));
    await clock.run(999);
    expect(seen).toEqual([]);
    expect(controller.signal.aborted).toBe(false);
    await clock.run(1);
    expect(seen).toEqual(['error too late']);
    expect(controller.signal).toMatchObject({ aborted: true, reason: late });
    expect(clock.pending()).toBe(0);
    await expect(promise).rejects.toBe(late);
  });

  it.each([
    ['answer', (resolve: (value: string) => void) => resolve('late answer')],
    ['error', (_: unknown, reject: (error: Error) => void) => reject(new Error('late error'))],
  ] as const)('drops an %s that comes after it', async (_, settle) => {
    let finish = () => {};
    const { clock, seen } = bounded(
      () =>
        new Promise<string>((resolve, reject) => {
          finish = () => settle(resolve, reject);
        }),
    );
    await clock.run(1_000);
    finish();
    await clock.run(0);
    expect(seen).toEqual(['error too late']);
  });

  it('ends with the reason of an abort from outside, at once', async () => {
    const { clock, controller, seen } = bounded(() => new Promise(() => {}));
    controller.abort('gone');
    await clock.run(0);
    expect(seen).toEqual(['error gone']);
    expect(clock.pending()).toBe(0);
    await clock.run(5_000);
    expect(seen).toEqual(['error gone']);
  });

  it('does not begin work that is aborted already', async () => {
    const clock = manualClock();
    const controller = new AbortController();
    controller.abort('gone before');
    let begun = 0;
    const promise = withDeadline({ clock, timeoutMs: 1_000, controller, expired: () => late }, async () => {
      begun += 1;
    });
    await expect(promise).rejects.toBe('gone before');
    expect({ begun, timers: clock.pending() }).toEqual({ begun: 0, timers: 0 });
  });

  it('gives the work the signal that it will abort, after its own caller has been answered', async () => {
    const order: string[] = [];
    const { clock, promise } = bounded(
      (signal) => new Promise(() => signal.addEventListener('abort', () => order.push('work aborted'))),
    );
    const told = promise.catch(() => order.push('caller told'));
    clock.advance(1_000);
    await told;
    expect(order).toEqual(['work aborted', 'caller told']);
  });
});
