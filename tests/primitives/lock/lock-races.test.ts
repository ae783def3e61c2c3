import { describe, expect, it } from 'vitest';
import { judgeLocks, type Sighting } from '../../support/lock-history.ts';
import { playLocks } from '../../support/lock-world.ts';

describe('a lock among those who race for it', () => {
  it.each(Array.from({ length: 12 }, (_, seed) => seed))(
    'is relied on by one at a time, whatever is late or lost: %d',
    async (seed) => {
      const world = { contenders: 6, forMs: 20_000, delayMs: 20, drift: 0.009, loss: 0.05 };
      const { violations, visits } = judgeLocks(await playLocks({ ...world, seed, flushes: 0 }));
      expect(violations).toEqual([]);
      expect(visits).toBeGreaterThan(10);
    },
  );

  it.each(Array.from({ length: 12 }, (_, seed) => seed))(
    'gives greater fences also when Redis loses its keys, and is shared for no longer than its life then: %d',
    async (seed) => {
      const world = { contenders: 6, forMs: 20_000, delayMs: 20, drift: 0, loss: 0.05 };
      const { violations, visits } = judgeLocks(await playLocks({ ...world, seed, flushes: 5 }));
      expect(violations).toEqual([]);
      expect(visits).toBeGreaterThan(10);
    },
  );
});

describe('the judgement of a history of locks', () => {
  const at = (visit: string, fence: number, askedAt: number, tick: number, atMs = tick): Sighting => ({
    ...{ visit, contender: visit, fence, askedAt, tick, atMs },
  });
  const judged = (sightings: readonly Sighting[], flushes: readonly [number, number][] = []) =>
    judgeLocks({
      sightings,
      flushes: flushes.map(([tick, atMs]) => ({ began: tick, ended: tick + 1, atMs })),
      ttlMs: 10,
    });

  it('finds nothing where one comes after the other', () => {
    const { violations, visits, contenders } = judged([at('a', 1, 0, 2), at('a', 1, 0, 4), at('b', 2, 1, 5)]);
    expect([violations, visits, contenders]).toEqual([[], 2, 2]);
  });

  it('finds two who hold it together, unless Redis lost it between them less than a life ago', () => {
    const together = [at('a', 1, 0, 2), at('b', 2, 1, 6), at('a', 1, 0, 9, 20)];
    expect(judged(together).violations).toEqual(['a and b hold it at tick 9']);
    expect(judged(together, [[4, 10]])).toMatchObject({ violations: [], excused: 1 });
    expect(judged(together, [[4, 9]]).violations).toHaveLength(1);
    expect(judged(together, [[7, 10]]).violations).toHaveLength(1);
  });

  it('finds a fence that is not greater than one that was seen before it was asked for', () => {
    expect(judged([at('a', 5, 0, 2), at('b', 4, 3, 6)]).violations).toEqual(['b: fence 4 after 5 of a']);
    expect(judged([at('a', 5, 0, 2), at('b', 4, 3, 6)], [[3, 3]]).violations).toHaveLength(1);
    expect(judged([at('a', 5, 0, 2), at('b', 5, 1, 6)]).violations).toEqual(['b: fence 5 has been given before']);
  });
});
