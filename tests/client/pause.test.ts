import { describe, expect, it } from 'vitest';
import { pause } from '../../lib/client/pause.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

const paused = async (signal?: AbortSignal) => {
  const clock = manualClock();
  const seen: unknown[] = [];
  pause(clock, 100, signal).then(
    () => seen.push('over'),
    (reason: unknown) => seen.push(reason),
  );
  await clock.run(0);
  return { clock, seen };
};

describe('a pause', () => {
  it('ends when its time is over', async () => {
    const { clock, seen } = await paused(new AbortController().signal);
    await clock.run(99);
    expect(seen).toEqual([]);
    await clock.run(1);
    expect(seen).toEqual(['over']);
  });

  it('ends with a signal, and leaves no timer', async () => {
    const controller = new AbortController();
    const { clock, seen } = await paused(controller.signal);
    controller.abort('left');
    await clock.run(0);
    expect([seen, clock.pending()]).toEqual([['left'], 0]);
  });

  it('does not begin for who has left', async () => {
    const { clock, seen } = await paused(AbortSignal.abort('left'));
    expect([seen, clock.pending()]).toEqual([['left'], 0]);
  });
});
