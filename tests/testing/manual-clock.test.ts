import { describe, expect, it } from 'vitest';
import { manualClock } from '../../lib/testing/manual-clock.ts';

/** Notes when, by both scales, each of `marks` rang. */
function ringing(...marks: readonly number[]) {
  const clock = manualClock(10_000);
  const origin = clock.monotonic();
  const rang: string[] = [];
  const cancels = marks.map((ms) =>
    clock.after(ms, () => rang.push(`${ms} at ${clock.monotonic() - origin}/${clock.now() - 10_000}`)),
  );
  return { clock, rang, cancels, monotonic: () => clock.monotonic() - origin, wall: () => clock.now() - 10_000 };
}

describe('a manual clock', () => {
  it('stands still until it is moved', () => {
    const { clock, rang, monotonic, wall } = ringing(1);
    expect([monotonic(), wall(), rang, clock.pending()]).toEqual([0, 0, [], 1]);
  });

  it('rings what falls due, in order of time and then of setting, at its very instant', () => {
    const { clock, rang, monotonic, wall } = ringing(30, 10, 20, 10);
    clock.advance(9);
    expect(rang).toEqual([]);
    clock.advance(1);
    expect(rang).toEqual(['10 at 10/10', '10 at 10/10']);
    clock.advance(20);
    expect(rang.slice(2)).toEqual(['20 at 20/20', '30 at 30/30']);
    expect([monotonic(), wall(), clock.pending()]).toEqual([30, 30, 0]);
  });

  it('rings what a ringing timer sets, when it falls due on the way', () => {
    const { clock, monotonic } = ringing();
    const rang: number[] = [];
    const again = () => {
      rang.push(monotonic());
      clock.after(10, again);
    };
    clock.after(10, again);
    clock.advance(35);
    expect(rang).toEqual([10, 20, 30]);
    expect([monotonic(), clock.pending()]).toEqual([35, 1]);
  });

  it('does not ring what was cancelled, however often', () => {
    const { clock, rang, cancels } = ringing(10, 20);
    cancels[0]?.();
    cancels[0]?.();
    expect(clock.pending()).toBe(1);
    clock.advance(100);
    cancels[1]?.();
    expect(rang).toEqual(['20 at 20/20']);
    expect(clock.pending()).toBe(0);
  });

  it('rings what is overdue already with the next step, and never goes back', () => {
    const { clock, rang, monotonic } = ringing(-5);
    clock.advance(0);
    expect(rang).toEqual(['-5 at 0/0']);
    clock.advance(-100);
    expect(monotonic()).toBe(0);
  });

  it('lets promises settle between one timer and the next when it runs', async () => {
    const { clock, monotonic } = ringing();
    const seen: string[] = [];
    const chain = async () => {
      for (let link = 1; link <= 3; link += 1) {
        await new Promise<void>((resolve) => clock.after(10, resolve));
        seen.push(`${link} at ${monotonic()}`);
      }
    };
    const done = chain();
    await clock.run(29);
    expect(seen).toEqual(['1 at 10', '2 at 20']);
    await clock.run(1);
    await done;
    expect(seen.at(-1)).toBe('3 at 30');
  });

  it.each(['jumpWall', 'suspend'] as const)('moves the wall alone, and rings nothing, with %s', (move) => {
    const { clock, rang, monotonic, wall } = ringing(10);
    clock[move](3_600_000);
    expect([monotonic(), wall(), rang]).toEqual([0, 3_600_000, []]);
    clock.advance(10);
    expect(rang).toEqual(['10 at 10/3600010']);
  });

  it('lets its wall be set back', () => {
    const { clock, monotonic, wall } = ringing();
    clock.advance(50);
    clock.jumpWall(-3_600_000);
    expect([monotonic(), wall()]).toEqual([50, 50 - 3_600_000]);
  });
});
