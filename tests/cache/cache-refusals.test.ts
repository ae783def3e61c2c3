import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Reply, Store } from '../../lib/store/store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { cacheRig } from '../support/cache-rig.ts';
import { allowNoUnhandledRejection } from '../support/unhandled-rejections.ts';

describe('whatever Redis answers', () => {
  allowNoUnhandledRejection();

  it.each<[string, Reply]>([
    ['that it may not', { error: 'NOPERM this user has no permissions' }],
    ['that it is full', { error: 'OOM command not allowed when used memory' }],
    ['that it is something else', { error: 'WRONGTYPE Operation against a key' }],
    ['that it is loading', { error: 'LOADING Redis is loading the dataset in memory' }],
    ['nothing', null],
    ['a number', 7],
    ['a text', 'x'],
    ['a list', [['x'], null]],
  ])('no call rejects: %s', async (_, reply) => {
    const clock = manualClock();
    const store: Store = { ...memoryStore({ clock }), execute: async (commands) => commands.map(() => reply) };
    const { cache } = cacheRig<string>({ swrMs: 1_000, l1: false, tally: true }, { clock, store });
    const tags = ['t'];
    for (let round = 0; round < 3; round += 1) {
      expect(['miss', 'unavailable']).toContain((await cache.get('k', { tags })).status);
      expect(await cache.getOrFetch('k', () => 'v', { tags })).toEqual({ status: 'miss', value: 'v' });
      expect(await cache.has('k')).toBe(false);
      expect(typeof (await cache.set('k', 'v', { tags }))).toBe('boolean');
      for (const end of [cache.delete('k'), cache.invalidateTags(tags), cache.clear()]) {
        expect(await end).toEqual({ propagated: expect.any(Boolean) });
      }
      await cache.settled();
      clock.advance(20_000);
    }
  });
});
