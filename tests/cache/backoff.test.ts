import { describe, expect, it } from 'vitest';
import { createBackoff } from '../../lib/cache/backoff.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

describe('the back-off of a loader that fails', () => {
  const rig = () => {
    const clock = manualClock();
    return { clock, backoff: createBackoff(clock, { min: 1_000, max: 5_000 }) };
  };

  it('lets a key be loaded that has not failed', () => {
    expect(rig().backoff.isDue('k')).toBe(true);
  });

  it('counts from the failure, doubles with each further one, and stops at its largest', () => {
    const { clock, backoff } = rig();
    for (const waitMs of [1_000, 2_000, 4_000, 5_000, 5_000]) {
      clock.advance(60_000);
      expect(backoff.failed('k')).toBe(waitMs);
      clock.advance(waitMs - 1);
      expect(backoff.isDue('k')).toBe(false);
      clock.advance(1);
      expect(backoff.isDue('k')).toBe(true);
    }
  });

  it('begins anew after a success', () => {
    const { clock, backoff } = rig();
    backoff.failed('k');
    backoff.failed('k');
    backoff.succeeded('k');
    expect(backoff.isDue('k')).toBe(true);
    backoff.failed('k');
    clock.advance(1_000);
    expect(backoff.isDue('k')).toBe(true);
  });

  it('is each key’s own', () => {
    const { backoff } = rig();
    backoff.failed('k');
    expect([backoff.isDue('k'), backoff.isDue('other')]).toEqual([false, true]);
  });

  it('is over for a process that slept through it, and not prolonged by a clock that was set back', () => {
    const { clock, backoff } = rig();
    backoff.failed('k');
    clock.suspend(1_000);
    expect(backoff.isDue('k')).toBe(true);
    backoff.succeeded('k');
    backoff.failed('k');
    clock.jumpWall(-60_000);
    clock.advance(1_000);
    expect(backoff.isDue('k')).toBe(true);
  });

  it('forgets the key that failed longest ago beyond 10,000', () => {
    const { backoff } = rig();
    for (let index = 0; index <= 10_000; index += 1) backoff.failed(`k${index}`);
    expect([backoff.isDue('k0'), backoff.isDue('k1'), backoff.isDue('k10000')]).toEqual([true, false, false]);
  });
});
