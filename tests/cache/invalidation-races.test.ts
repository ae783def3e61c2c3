import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cacheScenarios, playCache, type ScenarioKinds } from '../support/cache-scenario.ts';

const RUNS = 150;

describe('what has been ended, by an invalidation or by a newer value,', () => {
  it.each<readonly [string, ScenarioKinds]>([
    ['is not served to who asks afterwards', { evictions: false, outages: false }],
    ['is not served where stamps are evicted', { evictions: true, outages: false }],
    [
      'is not served here, nor elsewhere once Redis has heard of it, however many requests are lost',
      { evictions: true, outages: true },
    ],
    ['is not brought back by what was under way here', { evictions: false, outages: true, isNarrow: true }],
  ])('%s', async (_, kinds) => {
    let serves = 0;
    const property = fc.asyncProperty(cacheScenarios(kinds), async (scenario) => {
      const { history } = await playCache(scenario);
      serves += history.serves;
      expect(history.violations).toEqual([]);
    });
    await fc.assert(property, { numRuns: RUNS });
    // There was something to see.
    expect(serves).toBeGreaterThan(5 * RUNS);
  });
});
