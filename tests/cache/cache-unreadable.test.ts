import { describe, expect, it } from 'vitest';
import type { Cache, CacheOptions } from '../../lib/cache/cache-options.ts';
import { jsonCodec } from '../../lib/cache/payload/codec.ts';
import { platformCompression } from '../../lib/cache/payload/platform-compression.ts';
import { cacheRig } from '../support/cache-rig.ts';
import { allowNoUnhandledRejection } from '../support/unhandled-rejections.ts';

const NAME = 'cache:c:v:k';
const compression = platformCompression();
const HEAD = '1 j id12 1700000000000 1700000060000 5';

const setText = async ({ cache, elsewhere }: ReturnType<typeof cacheRig<string>>, value: string, options = {}) => {
  const other = elsewhere(options).cache;
  expect(await other.set('k', value)).toBe(true);
  return cache;
};

describe('an entry that cannot be read', () => {
  allowNoUnhandledRejection();

  /** Is a miss, is told of, and harms nobody; the next load puts a good one in its place. */
  const expectMiss = async (rig: ReturnType<typeof cacheRig<string>>, cache: Cache<string>, problem: string) => {
    const before = rig.events.length;
    expect(await cache.get('k')).toEqual({ status: 'miss' });
    expect(rig.events.slice(before)).toEqual([{ type: 'unreadable', at: rig.clock.now(), feature: 'cache', problem }]);
    expect(cache.stats().unreadable).toBe(1);
    expect(await rig.cache.getOrFetch('k', () => 'new')).toEqual({ status: 'miss', value: 'new' });
    await rig.cache.settled();
    expect(cache.stats()).toMatchObject({ unreadable: 2, writes: 1, outrunWrites: 0 });
    expect(await rig.elsewhere().cache.get('k')).toMatchObject({ status: 'hit', value: 'new' });
    expect(rig.kv.circuit.state()).toMatchObject({ state: 'CLOSED', lastFailure: undefined });
  };

  it.each([
    ['nothing', ''],
    ['anything else', '{"v":1}'],
    ['another version', '2 j id12 1 2 3 G - {}'],
    ['a damaged head', '1 j id12 1 x 3 G - {}'],
  ])('as it is %s, is a miss that is told of', async (_, text) => {
    const rig = cacheRig();
    await rig.store.execute([['SET', NAME, text]]);
    await expectMiss(rig, rig.cache, 'damaged, or of another kind or version');
  });

  it('as its payload is damaged, is a miss that is told of', async () => {
    const rig = cacheRig();
    await rig.cache.set('warm', 'v');
    const [stamps] = await rig.store.execute([['HGET', 'cache:c:stamps', 'generation']]);
    await rig.store.execute([['SET', NAME, `${HEAD} ${stamps} - {"a":`]]);
    rig.clock.advance(1);
    const before = rig.cache.stats();
    expect([before.writes, before.unreadable]).toEqual([1, 0]);
    expect(await rig.cache.get('k')).toEqual({ status: 'miss' });
    expect(rig.events).toMatchObject([{ type: 'unreadable', problem: 'damaged' }]);
  });

  it.each<[string, Partial<CacheOptions<string>>, Partial<CacheOptions<string>>, string]>([
    ['of another codec', {}, { codec: { ...jsonCodec<string>(), mark: 'q' } }, 'codec'],
    ['compressed, and cannot be undone', { compression: unable }, { compressAboveBytes: 10, compression }, 'damaged'],
    ['larger than this process reads', { maxValueBytes: 100 }, {}, 'oversized'],
  ])('as it is %s, is a miss that is told of', async (_, own, writers, problem) => {
    const rig = cacheRig<string>(own);
    const cache = await setText(rig, 'x'.repeat(500), { maxValueBytes: 1_000_000, ...writers });
    await expectMiss(rig, cache, problem);
  });

  it('as it is much larger than this process reads, is not even looked at', async () => {
    const rig = cacheRig<string>({ maxValueBytes: 100 });
    const cache = await setText(rig, 'x'.repeat(100_000), { maxValueBytes: 1_000_000 });
    await expectMiss(rig, cache, 'larger than maxValueBytes');
  });

  it('as something of another kind has its name, is a miss that is told of, and set replaces it', async () => {
    const rig = cacheRig();
    await rig.store.execute([['LPUSH', NAME, 'x']]);
    expect(await rig.cache.get('k')).toEqual({ status: 'miss' });
    expect(rig.events).toMatchObject([{ type: 'unreadable', feature: 'cache' }]);
    expect(await rig.cache.getOrFetch('k', () => 'v')).toEqual({ status: 'miss', value: 'v' });
    await rig.cache.settled();
    expect(await rig.cache.set('k', 'new')).toBe(true);
    expect(await rig.elsewhere().cache.get('k')).toMatchObject({ value: 'new' });
    expect(rig.kv.circuit.state()).toMatchObject({ state: 'CLOSED', lastFailure: undefined });
  });

  it('does not stop a cache whose stamps have become something of another kind', async () => {
    const rig = cacheRig();
    await rig.store.execute([['SET', 'cache:c:stamps', 'x']]);
    expect(await rig.cache.getOrFetch('k', () => 'v')).toEqual({ status: 'miss', value: 'v' });
    await rig.cache.settled();
    expect(await rig.cache.get('k')).toMatchObject({ status: 'hit', tier: 'memory' });
    expect(await rig.cache.clear()).toEqual({ propagated: false });
    expect(await rig.cache.get('k')).toEqual({ status: 'miss' });
    expect(rig.kv.circuit.state()).toMatchObject({ state: 'CLOSED', lastFailure: undefined });
  });

  it('is left where it is by who reads it', async () => {
    const { cache, store } = cacheRig();
    await store.execute([['SET', NAME, 'not ours']]);
    expect([await cache.get('k'), await cache.has('k')]).toEqual([{ status: 'miss' }, false]);
    await cache.settled();
    expect(await store.execute([['GET', NAME]])).toEqual(['not ours']);
  });

  it('never says what was in it', async () => {
    const rig = cacheRig();
    await rig.store.execute([['SET', NAME, 'secret']]);
    await rig.cache.get('k');
    expect(JSON.stringify(rig.events)).not.toContain('secret');
  });
});

describe('a value that cannot be stored', () => {
  const tooLarge = 'x'.repeat(99);

  it('is handed out and counted, and nothing of it is kept', async () => {
    const { cache, elsewhere } = cacheRig<string>({ maxValueBytes: 100 });
    expect(await cache.getOrFetch('k', () => tooLarge)).toEqual({ status: 'miss', value: tooLarge });
    await cache.settled();
    expect([await cache.get('k'), await elsewhere().cache.get('k')]).toEqual([{ status: 'miss' }, { status: 'miss' }]);
    expect(cache.stats()).toMatchObject({ unstorable: 1, writes: 0 });
    // With its quotation marks it is text of 100 bytes.
    await cache.getOrFetch('k', () => tooLarge.slice(1));
    await cache.settled();
    expect(await elsewhere().cache.get('k')).toMatchObject({ status: 'hit' });
  });

  it('ends what was there before when it is set', async () => {
    const { cache, elsewhere } = cacheRig<string>({ maxValueBytes: 100 });
    await cache.set('k', 'old');
    expect(await cache.set('k', tooLarge)).toBe(false);
    expect([await cache.get('k'), await elsewhere().cache.get('k')]).toEqual([{ status: 'miss' }, { status: 'miss' }]);
    expect(cache.stats()).toMatchObject({ unstorable: 1 });
  });

  it('may be one that its codec cannot write', async () => {
    const { cache } = cacheRig<unknown>();
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    for (const value of [circular, 1n, () => 1]) {
      const answer = await cache.getOrFetch('k', () => value);
      expect(answer).toMatchObject({ status: 'miss' });
    }
    await cache.settled();
    expect(cache.stats()).toMatchObject({ unstorable: 3, writes: 0 });
  });
});

/** A compression that cannot undo any. */
const unable = {
  deflate: async (bytes: Uint8Array) => bytes,
  inflate: async (): Promise<Uint8Array> => {
    throw new Error('cannot');
  },
};
