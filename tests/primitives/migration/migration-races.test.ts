import { describe, expect, it } from 'vitest';
import { playMigration } from '../../support/migration-world.ts';

describe('processes that hear of changes one after the other, while sides fail and backfills run,', () => {
  it('read what was written last, agree on both sides, and hear of no error that is not theirs', async () => {
    const seen = { modes: new Set<string>(), reads: 0, missed: 0, fills: 0 };
    for (let seed = 1; seed <= 60; seed += 1) {
      const { violations, modes, reads, missed, fills } = await playMigration(seed, 60);
      expect(violations, `seed ${seed}`).toEqual([]);
      for (const mode of modes) seen.modes.add(mode);
      seen.reads += reads;
      seen.missed += missed;
      seen.fills += fills;
    }
    // There was something to see.
    expect(seen.modes.size).toBe(5);
    expect(seen.reads).toBeGreaterThan(10_000);
    expect(seen.missed).toBeGreaterThan(100);
    expect(seen.fills).toBeGreaterThan(100);
  }, 60_000);
});
