import { describe, expect, it } from 'vitest';
import { loaded } from '../../lib/cache/loaded.ts';
import { cacheRig } from '../support/cache-rig.ts';

/** As a client on a warm server sends it: the text of a script is sent once per server. */
const WRITE = 'EVALSHA DEL';

const warmRig = async (options = {}) => {
  const rig = cacheRig<string>(options);
  await rig.cache.getOrFetch('warm', () => 'v', { tags: ['t'] });
  await rig.cache.settled();
  return rig;
};

describe('requests to Redis', () => {
  it('are one for a read, with the stamps it must stand under', async () => {
    const { cache, requests } = await warmRig();
    expect(await requests(() => cache.get('k'))).toEqual(['GET HMGET']);
    expect(await requests(() => cache.get('k', { tags: ['t', 'u', 't'] }))).toEqual(['GET HMGET GET GET']);
    expect(await requests(() => cache.has('k'))).toEqual(['GET HMGET']);
  });

  it('are none for what is here, and young enough', async () => {
    const { cache, requests } = await warmRig();
    expect(await requests(() => cache.get('warm'))).toEqual([]);
    expect(await requests(() => cache.getOrFetch('warm', () => 'v'))).toEqual([]);
  });

  it('are one to read and one to write for a load', async () => {
    const { cache, requests } = await warmRig();
    expect(await requests(() => cache.getOrFetch('k', () => 'v'))).toEqual(['GET HMGET', WRITE]);
    expect(await requests(() => cache.getOrFetch('l', () => 'v', { tags: ['t'] }))).toEqual(['GET HMGET GET', WRITE]);
  });

  it('are one more for the first write of a cache, or under a tag, and one for a script that Redis has not seen', async () => {
    const { cache, requests } = cacheRig();
    expect(await requests(() => cache.getOrFetch('k', () => 'v'))).toEqual([
      'GET HMGET',
      'HSETNX SADD HMGET',
      WRITE,
      'EVAL',
    ]);
    expect(await requests(() => cache.getOrFetch('l', () => 'v', { tags: ['t', 'u'] }))).toEqual([
      'GET HMGET GET GET',
      'SET SET HMGET',
      WRITE,
    ]);
  });

  it('are one more for tags that only the loader names', async () => {
    const { cache, requests } = await warmRig();
    expect(await requests(() => cache.getOrFetch('k', () => loaded('v', { tags: ['t'] })))).toEqual([
      'GET HMGET',
      'GET HMGET',
      WRITE,
    ]);
  });

  it('are one for a value that is set, and one more where stamps are not known', async () => {
    const { cache, requests, elsewhere, clock } = await warmRig();
    expect(await requests(() => cache.set('k', 'v'))).toEqual(['SET']);
    expect(await requests(() => cache.set('k', 'v', { tags: ['t'] }))).toEqual(['SET']);
    const other = elsewhere();
    expect(await other.requests(() => other.cache.set('k', 'v', { tags: ['t'] }))).toEqual(['HMGET GET', 'SET']);
    clock.advance(5_001);
    expect(await requests(() => cache.set('k', 'v'))).toEqual(['HMGET', 'SET']);
  });

  it('are one for what is ended: a key, any number of tags, everything', async () => {
    const { cache, requests } = await warmRig();
    expect(await requests(() => cache.delete('k'))).toEqual(['SET']);
    expect(await requests(() => cache.invalidateTags(['t', 'u', 'w']))).toEqual(['HSET SET HSET SET HSET SET']);
    expect(await requests(() => cache.invalidateTags([]))).toEqual([]);
    expect(await requests(() => cache.clear())).toEqual(['HSET SADD']);
  });

  it('are two for a load in the background: to look, and claim it, and to write', async () => {
    const { cache, requests, clock } = await warmRig({ swrMs: 60_000, l1: { maxTtlMs: 3_600_000 } });
    clock.advance(60_000);
    expect(await requests(() => cache.getOrFetch('warm', () => 'w'))).toEqual(['GET HMGET SET', WRITE]);
  });

  it('are one more for an entry whose tags nobody asked about, once in maxTtlMs', async () => {
    const { cache, clock, elsewhere } = await warmRig();
    await cache.getOrFetch('second', () => 'v', { tags: ['t'] });
    await cache.settled();
    const other = elsewhere();
    expect(await other.requests(() => other.cache.get('warm'))).toEqual(['GET HMGET', 'HMGET GET']);
    clock.advance(4_999);
    expect(await other.requests(() => other.cache.get('second'))).toEqual(['GET HMGET']);
    clock.advance(2);
    expect(await other.requests(() => other.cache.get('warm'))).toEqual(['GET HMGET', 'HMGET GET']);
  });

  it('are shared by callers of one moment', async () => {
    const { cache, requests } = await warmRig();
    const hundred = () => Promise.all(Array.from({ length: 100 }, () => cache.get('k')));
    expect(await requests(hundred)).toEqual(['GET HMGET']);
  });

  it('are told to the platform where they outlive their caller', async () => {
    const { cache, kept, clock } = await warmRig({ swrMs: 60_000 });
    expect(kept.length).toBe(1);
    await cache.getOrFetch('k', () => 'v');
    expect(kept.length).toBe(2);
    await cache.settled();
    clock.advance(60_000);
    await cache.getOrFetch('k', () => 'w');
    await cache.settled();
    // The load, and the write of what it brought.
    expect(kept.length).toBe(4);
    await expect(Promise.all(kept)).resolves.toBeDefined();
  });

  it('are made all the same where the platform refuses to hear of them', async () => {
    const waitUntil = () => {
      throw new Error('outside of a request');
    };
    const { cache, elsewhere } = await warmRig({ waitUntil });
    await cache.getOrFetch('k', () => 'v');
    await cache.settled();
    expect(await elsewhere().cache.get('k')).toMatchObject({ status: 'hit' });
  });
});
