import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFailureWindow } from '../../lib/resilience/failure-window.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

const HOUR_MS = 3_600_000;

describe('a failure window', () => {
  it('forgets in tenths of its length, oldest first', () => {
    const clock = manualClock();
    const window = createFailureWindow(clock, 10_000);
    for (let second = 0; second < 10; second += 1) {
      window.record(second % 2 === 0);
      clock.advance(1_000);
    }
    // The first second has just left.
    expect(window.recent()).toEqual({ calls: 9, failures: 4 });
    clock.advance(4_999);
    expect(window.recent()).toEqual({ calls: 5, failures: 2 });
    clock.advance(4_001);
    expect(window.recent()).toEqual({ calls: 0, failures: 0 });
  });

  it.each([
    ['by the clock', 'advance', 10_000],
    ['by the clock', 'advance', HOUR_MS],
    ['by the clock', 'advance', 10_000 * 1_000_003],
    ['asleep', 'suspend', 10_000],
    ['asleep', 'suspend', HOUR_MS],
  ] as const)('forgets everything in a silence %s, however long (%s %d)', (_, how, ms) => {
    const clock = manualClock();
    const window = createFailureWindow(clock, 10_000);
    for (let index = 0; index < 50; index += 1) {
      window.record(true);
      clock.advance(190);
    }
    clock[how](ms);
    expect(window.recent()).toEqual({ calls: 0, failures: 0 });
    window.record(true);
    expect(window.recent()).toEqual({ calls: 1, failures: 1 });
  });

  it('keeps nothing alive when the wall clock is set back', () => {
    const clock = manualClock();
    const window = createFailureWindow(clock, 10_000);
    window.record(true);
    clock.jumpWall(-HOUR_MS);
    clock.advance(10_000);
    expect(window.recent()).toEqual({ calls: 0, failures: 0 });
  });

  it('agrees with a plain list of what happened when', () => {
    const step = fc.record({
      ms: fc.oneof(fc.nat(300), fc.constantFrom(0, 99, 100, 999, 1_000, 1_001, 123_456)),
      how: fc.constantFrom('advance' as const, 'advance' as const, 'suspend' as const),
      failed: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const clock = manualClock();
        const window = createFailureWindow(clock, 1_000);
        const list: { readonly tenth: number; readonly failed: boolean }[] = [];
        let now = 0;
        for (const { ms, how, failed } of steps) {
          clock[how](ms);
          now += ms;
          const recent = () => list.filter(({ tenth }) => tenth > Math.floor(now / 100) - 10);
          const expected = () => ({ calls: recent().length, failures: recent().filter((one) => one.failed).length });
          expect(window.recent()).toEqual(expected());
          window.record(failed);
          list.push({ tenth: Math.floor(now / 100), failed });
          expect(window.recent()).toEqual(expected());
        }
      }),
      { numRuns: 500 },
    );
  });
});
