import { describe, expect, it } from 'vitest';
import { createCache } from '../../lib/cache/cache.ts';
import type { CacheOptions } from '../../lib/cache/cache-options.ts';
import { loaded } from '../../lib/cache/loaded.ts';
import { jsonCodec } from '../../lib/cache/payload/codec.ts';
import { createKv } from '../../lib/client/kv-client.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { cacheRig } from '../support/cache-rig.ts';

const cacheOf = (options: Partial<CacheOptions<string>>) =>
  createCache<string>({ kv: createKv({ store: memoryStore() }), namespace: 'c', ttlMs: 1_000, ...options });

const YEAR_MS = 31_536_000_000;
const codecOf = (mark: string) => ({ ...jsonCodec<string>(), mark });

describe('the options of a cache', () => {
  it.each<[string, Partial<CacheOptions<string>>]>([
    ['namespace', { namespace: '' }],
    ['namespace', { namespace: 'a:b' }],
    ['namespace', { namespace: 'a'.repeat(65) }],
    ['ttlMs', { ttlMs: 0 }],
    ['ttlMs', { ttlMs: 1.5 }],
    ['ttlMs', { ttlMs: Number.NaN }],
    ['ttlMs', { ttlMs: YEAR_MS + 1 }],
    ['swrMs', { swrMs: -1 }],
    ['swrMs', { swrMs: Number.POSITIVE_INFINITY }],
    ['staleIfErrorMs', { staleIfErrorMs: -1 }],
    ['negativeTtlMs', { negativeTtlMs: -1 }],
    ['l1.maxBytes', { l1: { maxBytes: -1 } }],
    ['l1.maxTtlMs', { l1: { maxTtlMs: 0.5 } }],
    ['maxValueBytes', { maxValueBytes: 0 }],
    ['compressAboveBytes', { compressAboveBytes: 0 }],
    ['codec.mark', { codec: codecOf('') }],
    ['codec.mark', { codec: codecOf('jz') }],
    ['codec.mark', { codec: codecOf('J') }],
    ['codec.mark', { codec: codecOf('n') }],
    ['codec.mark', { codec: codecOf('x') }],
    ['loadTimeoutMs', { loadTimeoutMs: 0 }],
    ['loadTimeoutMs', { loadTimeoutMs: 2 ** 31 }],
    ['softTimeoutMs', { softTimeoutMs: 0 }],
    ['maxConcurrentLoads', { maxConcurrentLoads: 0 }],
    ['errorBackoffMs.min', { errorBackoffMs: { min: -1, max: 10 } }],
    ['errorBackoffMs.min', { errorBackoffMs: { min: 11, max: 10 } }],
    ['errorBackoffMs.max', { errorBackoffMs: { min: 0, max: YEAR_MS + 1 } }],
    ['jitter', { jitter: -0.1 }],
    ['jitter', { jitter: 0.51 }],
    ['jitter', { jitter: Number.NaN }],
    ['earlyRefresh', { earlyRefresh: -1 }],
    ['earlyRefresh', { earlyRefresh: 101 }],
  ])('refuse a wrong %s by its name: %j', (setting, options) => {
    expect(() => cacheOf(options)).toThrow(expect.objectContaining({ code: 'CONFIG', setting }));
  });

  it.each<Partial<CacheOptions<string>>>([
    { namespace: 'a'.repeat(64) },
    { namespace: 'A_b-c.9' },
    { ttlMs: 1 },
    { ttlMs: YEAR_MS, swrMs: YEAR_MS, staleIfErrorMs: YEAR_MS, negativeTtlMs: YEAR_MS },
    { l1: false },
    { l1: {} },
    { l1: { maxBytes: 0, maxTtlMs: 0 } },
    { maxValueBytes: 1, compressAboveBytes: 1 },
    { compressAboveBytes: false },
    { codec: codecOf('q') },
    { loadTimeoutMs: 2 ** 31 - 1, softTimeoutMs: 2 ** 31 - 1, maxConcurrentLoads: 1 },
    { errorBackoffMs: { min: 0, max: 0 } },
    { jitter: 0, earlyRefresh: 0 },
    { jitter: 0.5, earlyRefresh: 100 },
  ])('may be at their bounds: %j', (options) => {
    expect(cacheOf(options).namespace).toBe(options.namespace ?? 'c');
  });

  it('are unset where they are undefined', async () => {
    const names = [
      ...['swrMs', 'staleIfErrorMs', 'negativeTtlMs', 'l1', 'maxValueBytes', 'compressAboveBytes', 'compression'],
      ...['codec', 'loadTimeoutMs', 'softTimeoutMs', 'maxConcurrentLoads', 'errorBackoffMs', 'jitter'],
      ...['earlyRefresh', 'waitUntil', 'localOnly', 'random'],
    ];
    const cache = cacheOf(Object.fromEntries(names.map((name) => [name, undefined])));
    expect(await cache.getOrFetch('k', () => 'v')).toEqual({ status: 'miss', value: 'v' });
    expect(cacheOf({ l1: { maxBytes: undefined, maxTtlMs: undefined } }).stats().bytes).toBe(0);
  });
});

describe('the options of a call', () => {
  it('refuse a life that none can be, of the caller and of the loader', async () => {
    const { cache } = cacheRig();
    for (const ttlMs of [0, -1, 0.5, Number.NaN, YEAR_MS + 1]) {
      const wrong = expect.objectContaining({ code: 'CONFIG', setting: 'ttlMs' });
      await expect(cache.getOrFetch('k', () => 'v', { ttlMs })).rejects.toEqual(wrong);
      await expect(cache.set('k', 'v', { ttlMs })).rejects.toEqual(wrong);
      await expect(cache.getOrFetch('k', () => loaded('v', { ttlMs }))).rejects.toEqual(wrong);
    }
    expect(await cache.get('k')).toEqual({ status: 'miss' });
  });

  it('refuse tags that are too many, too long or none', async () => {
    const { cache } = cacheRig();
    const wrong = expect.objectContaining({ code: 'CONFIG', setting: 'tags' });
    for (const tags of [[''], ['t'.repeat(257)], Array.from({ length: 33 }, (_, index) => `t${index}`)]) {
      await expect(cache.get('k', { tags })).rejects.toEqual(wrong);
      await expect(cache.getOrFetch('k', () => 'v', { tags })).rejects.toEqual(wrong);
      await expect(cache.getOrFetch('k', () => loaded('v', { tags }))).rejects.toEqual(wrong);
      await expect(cache.set('k', 'v', { tags })).rejects.toEqual(wrong);
      await expect(cache.invalidateTags(tags)).rejects.toEqual(wrong);
    }
  });

  it('may have 32 tags of any 256 characters, some of them twice', async () => {
    const { cache, elsewhere } = cacheRig();
    const tags = Array.from({ length: 31 }, (_, index) => `${index} :`.padEnd(256, '\u2028'));
    await cache.set('k', 'v', { tags: [...tags, `${tags[0]}`] });
    const other = elsewhere().cache;
    expect(await other.get('k')).toMatchObject({ status: 'hit' });
    await cache.invalidateTags(tags.slice(30));
    expect(await elsewhere().cache.get('k')).toEqual({ status: 'miss' });
  });

  it('name a tag once, however often it is given', async () => {
    const [once, twice] = [cacheRig().cache, cacheRig().cache];
    await once.set('k', 'v', { tags: ['t'] });
    await twice.set('k', 'v', { tags: ['t', 't'] });
    expect(twice.stats().bytes).toBe(once.stats().bytes);
  });

  it('end a call at once where its signal is aborted already', async () => {
    const { cache, store } = cacheRig();
    const signal = AbortSignal.abort('gone');
    await expect(cache.get('k', { signal })).rejects.toBe('gone');
    await expect(cache.getOrFetch('k', () => 'v', { signal })).rejects.toBe('gone');
    await expect(cache.set('k', 'v', { signal })).rejects.toBe('gone');
    expect([store.requests.length, cache.stats().loads]).toEqual([0, 0]);
  });
});
