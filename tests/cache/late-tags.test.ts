import { describe, expect, it } from 'vitest';
import { createCache } from '../../lib/cache/cache.ts';
import { loaded } from '../../lib/cache/loaded.ts';
import { createKv } from '../../lib/client/kv-client.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';

const opened = () => createCache<string>({ kv: createKv({ store: memoryStore() }), namespace: 'pages', ttlMs: 60_000 });

describe('a tag that only the loader names', () => {
  it('ends the value', async () => {
    const cache = opened();
    await cache.getOrFetch('k', () => loaded('old', { tags: ['late'] }));
    await cache.settled();
    expect(await cache.get('k')).toMatchObject({ status: 'hit', value: 'old' });
    await cache.invalidateTags(['late']);
    expect(await cache.get('k')).toEqual({ status: 'miss' });
  });

  it('ends it whenever it is invalidated, while the value is loaded, kept or written', async () => {
    let after = 0;
    for (let turns = 0; turns < 120; turns += 1) {
      const cache = opened();
      let isLoaded = false;
      const fetched = cache.getOrFetch('k', () => {
        isLoaded = true;
        return loaded('old', { tags: ['late'] });
      });
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      const wasLoaded = isLoaded;
      await cache.invalidateTags(['late']);
      await fetched;
      await cache.settled();
      const next = await cache.getOrFetch('k', () => 'new');
      if (!wasLoaded) continue;
      after += 1;
      expect({ turns, next }).toMatchObject({ next: { value: 'new' } });
    }
    expect(after).toBeGreaterThan(50);
  });
});
