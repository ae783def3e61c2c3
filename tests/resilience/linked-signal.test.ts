import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { withSignal } from '../../lib/resilience/linked-signal.ts';

const never = new Promise<never>(() => {});

describe('work that a signal may end', () => {
  it('is told of the signal, with its reason', async () => {
    const outer = new AbortController();
    let inner: AbortSignal | undefined;
    void withSignal(outer.signal, ({ signal }) => {
      inner = signal;
      return never;
    });
    expect(inner?.aborted).toBe(false);
    outer.abort('gone');
    expect(inner).toMatchObject({ aborted: true, reason: 'gone' });
  });

  it('begins with an aborted signal where the caller has left already', async () => {
    await withSignal(AbortSignal.abort('gone'), async ({ signal }) => {
      expect(signal).toMatchObject({ aborted: true, reason: 'gone' });
    });
  });

  it('can be ended by itself, and the caller is told nothing', async () => {
    const outer = new AbortController();
    await withSignal(outer.signal, async (controller) => {
      controller.abort('enough');
      expect(controller.signal.aborted).toBe(true);
    });
    expect(outer.signal.aborted).toBe(false);
  });

  it.each([
    ['is done', async () => 'done'],
    ['fails', async () => Promise.reject(new Error('failed'))],
  ])('leaves no listener behind once it %s', async (_, work) => {
    const outer = new AbortController();
    const listening = withSignal(outer.signal, work).catch(() => 'failed');
    expect(getEventListeners(outer.signal, 'abort')).toHaveLength(1);
    await listening;
    expect(getEventListeners(outer.signal, 'abort')).toHaveLength(0);
  });

  it('runs without one', async () => {
    expect(await withSignal(undefined, async ({ signal }) => signal.aborted)).toBe(false);
  });
});
