import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  BLIND_JOINS,
  BLIND_WRITES,
  type CacheDefect,
  CHANGES_UNSEEN,
  DISTURBANCE_UNSEEN,
  JOURNAL_UNREAD,
  LATE_STAMPS,
  NO_MATCHING,
  NO_TOMBSTONES,
} from '../support/cache-defects.ts';
import { cacheScenarios, playCache, type ScenarioKinds } from '../support/cache-scenario.ts';

const planted = vi.hoisted((): { defect: CacheDefect } => ({ defect: {} }));

vi.mock(import('../../lib/cache/cache-store.ts'), async (load) => {
  const module = await load();
  return {
    ...module,
    createCacheStore(options) {
      const sound = module.createCacheStore(options);
      return planted.defect.store?.(sound, options) ?? sound;
    },
  };
});

vi.mock(import('../../lib/cache/invalidation/changes.ts'), async (load) => {
  const { createChanges } = await load();
  return { createChanges: () => planted.defect.changes?.(createChanges()) ?? createChanges() };
});

vi.mock(import('../../lib/cache/invalidation/stamps.ts'), async (load) => {
  const module = await load();
  return {
    ...module,
    createStamps(names, clock) {
      const sound = module.createStamps(names, clock);
      return planted.defect.stamps?.(sound) ?? sound;
    },
  };
});

vi.mock(import('../../lib/cache/invalidation/stamp-writer.ts'), async (load) => {
  const module = await load();
  return {
    ...module,
    createStampWriter(options) {
      const sound = module.createStampWriter(options);
      return planted.defect.stampWriter?.(sound, options) ?? sound;
    },
  };
});

vi.mock(import('../../lib/cache/loading.ts'), async (load) => {
  const { createLoading } = await load();
  return {
    createLoading(options) {
      const sound = createLoading(options);
      return planted.defect.loading?.(sound) ?? sound;
    },
  };
});

vi.mock(import('../../lib/cache/reader.ts'), async (load) => {
  const { createReader } = await load();
  return {
    createReader: (options) => planted.defect.reader?.(createReader, options) ?? createReader(options),
  };
});

describe('a defect planted in the cache', () => {
  afterEach(() => {
    planted.defect = {};
  });

  it.each<readonly [string, CacheDefect, Partial<ScenarioKinds>]>([
    ['writes that ignore what stands there', BLIND_WRITES, {}],
    ['deletions that leave no tombstone', NO_TOMBSTONES, {}],
    ['entries that stand under any stamps', NO_MATCHING, {}],
    ['stamps of after the load', LATE_STAMPS, {}],
    ['late tags that nobody may have invalidated meanwhile', DISTURBANCE_UNSEEN, { isLate: true }],
    ['reads that do not know the journal', JOURNAL_UNREAD, { outages: true, isNarrow: true }],
    ['changes that are not heeded', CHANGES_UNSEEN, { isNarrow: true }],
    ['callers who join any load of their key', BLIND_JOINS, {}],
  ])('is noticed: %s', async (_what, defect, kinds) => {
    planted.defect = defect;
    const property = fc.asyncProperty(
      cacheScenarios({ evictions: false, outages: false, ...kinds }),
      async (scenario) => {
        expect((await playCache(scenario)).history.violations).toEqual([]);
      },
    );
    const { errorInstance } = await fc.check(property, { numRuns: 400, endOnFailure: true, seed: 3 });
    expect(errorInstance).toMatchObject({ name: 'AssertionError' });
  });
});
