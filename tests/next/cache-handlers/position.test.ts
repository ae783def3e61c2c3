import { describe, expect, it } from 'vitest';
import { createPositionHistory } from '../../../lib/next/cache-handlers/position.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';

describe('what was known of the log when', () => {
  const clock = manualClock();
  const began = clock.now();

  it('is what came last before something began, and nothing before the first', () => {
    const history = createPositionHistory(clock.now);
    clock.advance(10);
    history.note({ epoch: 'a', at: 1 });
    clock.advance(10);
    history.note({ epoch: 'a', at: 2 });
    history.note({ epoch: 'a', at: 1 });
    clock.advance(10);
    history.note({ epoch: 'b', at: 1 });
    expect([9, 10, 19, 20, 29, 30].map((after) => history.at(began + after))).toEqual([
      undefined,
      ...[1, 1, 2, 2].map((at) => ({ epoch: 'a', at })),
      { epoch: 'b', at: 1 },
    ]);
  });

  it('is forgotten after 256 revalidations', () => {
    const history = createPositionHistory(clock.now);
    const first = clock.now();
    for (let at = 1; at <= 256; at += 1) {
      history.note({ epoch: 'a', at });
      clock.advance(1);
    }
    expect(history.at(first)).toEqual({ epoch: 'a', at: 1 });
    history.note({ epoch: 'a', at: 257 });
    expect(history.at(first)).toBeUndefined();
    expect(history.at(clock.now())).toEqual({ epoch: 'a', at: 257 });
  });
});
