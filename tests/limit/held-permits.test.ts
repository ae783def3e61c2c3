import { describe, expect, it } from 'vitest';
import { instant } from '../../lib/clock.ts';
import { createHeldPermits, type Held } from '../../lib/limit/held-permits.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

describe('permits held in advance', () => {
  it('end one lease after they were asked for, in whatever order their replies arrive', () => {
    const clock = manualClock();
    const permits = createHeldPermits(clock);
    const held: Held = [];
    const first = instant(clock);
    clock.advance(40);
    const second = instant(clock);
    permits.add(held, 1, second);
    permits.add(held, 5, first);
    clock.advance(59);
    expect(permits.count(held, 100)).toBe(6);
    clock.advance(1);
    expect(permits.count(held, 100)).toBe(1);
    clock.advance(40);
    expect(permits.count(held, 100)).toBe(0);
  });

  it('keep their own end when they are given back unspent', () => {
    const clock = manualClock();
    const permits = createHeldPermits(clock);
    const held: Held = [];
    permits.add(held, 3, instant(clock));
    clock.advance(40);
    permits.add(held, 3, instant(clock));
    const giveBack = permits.take(held, 5);
    expect(permits.count(held, 100)).toBe(1);
    giveBack(4);
    expect(permits.count(held, 100)).toBe(5);
    clock.advance(60);
    expect(permits.count(held, 100)).toBe(3);
  });
});
