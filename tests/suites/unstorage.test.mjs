import { createStorage, prefixStorage } from 'unstorage';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { unstorageDriver } from '../../dist/lib/cache/unstorage.js';
import { clients, stop } from './running-stores.mjs';

// unstorage publishes no suite. This is ours, of what its documentation says of a storage and of its drivers.
afterAll(stop);

describe.each(Object.entries(clients))('unstorage on %s', (_name, kv) => {
  const storage = createStorage({ driver: unstorageDriver({ kv }) });
  beforeEach(() => storage.clear());
  afterEach(() => storage.clear());

  const keysIn = async (base, options) => (await storage.getKeys(base, options)).sort();

  it('has nothing at first', async () => {
    expect(await storage.hasItem('a:b')).toBe(false);
    expect(await storage.getItem('a:b')).toBeNull();
    expect(await storage.getItemRaw('a:b')).toBeNull();
    expect(await storage.getKeys()).toEqual([]);
    await storage.removeItem('a:b');
    await storage.clear();
  });

  it('takes each way of writing a key for the same one', async () => {
    await storage.setItem('users/1?v=2', 'Ada');
    expect(await storage.getItem('/users/1')).toBe('Ada');
    expect(await storage.getItem('users:1')).toBe('Ada');
    expect(await storage.getKeys()).toEqual(['users:1']);
  });

  it.each([
    ['a text', 'text'],
    ['a text that looks like a number', 'v1.0'],
    ['a number', 1.5],
    ['zero', 0],
    ['false', false],
    ['null', null],
    ['an object', { a: [1, { b: null }] }],
    ['an array', [1, 'two', false]],
    ['much text', 'ü'.repeat(500_000)],
  ])('gives back %s', async (_what, value) => {
    await storage.setItem('key', value);
    expect(await storage.hasItem('key')).toBe(true);
    expect(await storage.getItem('key')).toEqual(value);
  });

  it('removes an item, also one that is set to undefined', async () => {
    await storage.setItem('a', 1);
    await storage.setItem('b', 2);
    await storage.removeItem('a');
    await storage.setItem('b', undefined);
    expect(await storage.getKeys()).toEqual([]);
  });

  it('gives back bytes, and texts, that are set raw', async () => {
    const bytes = Uint8Array.from({ length: 70_000 }, (_, index) => index % 256);
    await storage.setItemRaw('bytes', bytes);
    expect(new Uint8Array(await storage.getItemRaw('bytes'))).toEqual(bytes);
    await storage.setItemRaw('buffer', bytes.buffer.slice(3, 6));
    expect(new Uint8Array(await storage.getItemRaw('buffer'))).toEqual(Uint8Array.of(3, 4, 5));
    await storage.setItemRaw('none', new Uint8Array());
    expect(await storage.getItemRaw('none')).toHaveLength(0);
    await storage.setItemRaw('text', '{"as":"it is"}');
    expect(await storage.getItemRaw('text')).toBe('{"as":"it is"}');
  });

  it('reads the bytes that unstorage itself makes text of, and the other way round', async () => {
    const { getItemRaw, setItemRaw, ...plain } = unstorageDriver({ kv });
    const fallback = createStorage({ driver: plain });
    await fallback.setItemRaw('theirs', Uint8Array.of(1, 255));
    expect(new Uint8Array(await storage.getItemRaw('theirs'))).toEqual(Uint8Array.of(1, 255));
    await storage.setItemRaw('ours', Uint8Array.of(2, 254));
    expect(new Uint8Array(await fallback.getItemRaw('ours'))).toEqual(Uint8Array.of(2, 254));
  });

  it('reads and writes many items at once, more than fit into one request', async () => {
    const items = Array.from({ length: 600 }, (_, index) => ({ key: `many:${index}`, value: index }));
    await storage.setItems(items);
    expect(await storage.getItems([...items.map(({ key }) => key), 'many:none'])).toEqual([
      ...items,
      { key: 'many:none', value: null },
    ]);
    expect(await storage.getKeys('many')).toHaveLength(600);
    await storage.clear();
    expect(await storage.getKeys()).toEqual([]);
  });

  it('lists the keys below a base, to a depth', async () => {
    await storage.setItems(['a', 'a:b', 'a:b:c', 'a:bc', 'ab:c', 'z'].map((key) => ({ key, value: 1 })));
    expect(await keysIn()).toEqual(['a', 'a:b', 'a:b:c', 'a:bc', 'ab:c', 'z']);
    expect(await keysIn('a')).toEqual(['a:b', 'a:b:c', 'a:bc']);
    expect(await keysIn('a:b')).toEqual(['a:b:c']);
    expect(await keysIn(undefined, { maxDepth: 0 })).toEqual(['a', 'z']);
    expect(await keysIn(undefined, { maxDepth: 1 })).toEqual(['a', 'a:b', 'a:bc', 'ab:c', 'z']);
    expect(await keysIn('a', { maxDepth: 1 })).toEqual(['a:b', 'a:bc']);
  });

  it('takes the characters of a pattern in a base for themselves', async () => {
    await storage.setItem('a*c:1', 1);
    await storage.setItem('abc:1', 1);
    await storage.setItem('[ab]:1', 1);
    expect(await storage.getKeys('a*c')).toEqual(['a*c:1']);
    expect(await storage.getKeys('[ab]')).toEqual(['[ab]:1']);
  });

  it('ends an item at its ttl, in seconds, and says how long it has', async () => {
    await storage.setItem('short', 1, { ttl: 0.05 });
    await storage.setItem('long', 1, { ttl: 60 });
    await storage.setItems([{ key: 'many', value: 1, options: { ttl: 60 } }]);
    await storage.setItem('ever', 1);
    await expect.poll(() => storage.hasItem('short')).toBe(false);
    expect((await storage.getMeta('long', { nativeOnly: true })).ttl).toBe(60);
    expect((await storage.getMeta('many', { nativeOnly: true })).ttl).toBe(60);
    expect(await storage.getMeta('ever', { nativeOnly: true })).toEqual({});
    expect(await storage.getMeta('none', { nativeOnly: true })).toEqual({});
  });

  it('keeps the metadata of users out of the list of keys', async () => {
    await storage.setItem('a', 1);
    await storage.setMeta('a', { mtime: new Date(0), by: 'Ada' });
    expect(await storage.getMeta('a')).toEqual({ mtime: new Date(0), by: 'Ada' });
    expect(await storage.getKeys()).toEqual(['a']);
    await storage.removeItem('a', { removeMeta: true });
    expect(await storage.getMeta('a')).toEqual({});
  });

  it('is one of several mounts, and cleared without the others', async () => {
    const mounted = createStorage();
    mounted.mount('cache', unstorageDriver({ kv }));
    mounted.mount('other', unstorageDriver({ kv, name: 'other' }));
    await mounted.setItem('cache:a:b', 1);
    await mounted.setItem('other:a:b', 2);
    await mounted.setItem('elsewhere', 3);
    expect((await mounted.getKeys()).sort()).toEqual(['cache:a:b', 'elsewhere', 'other:a:b']);
    expect(await mounted.getKeys('cache:a')).toEqual(['cache:a:b']);
    await mounted.clear('cache');
    expect((await mounted.getKeys()).sort()).toEqual(['elsewhere', 'other:a:b']);
    await mounted.clear();
  });

  it('serves a prefixed storage', async () => {
    const users = prefixStorage(storage, 'users');
    await users.setItem('1', 'Ada');
    expect(await storage.getItem('users:1')).toBe('Ada');
    expect(await users.getKeys()).toEqual(['1']);
  });

  it('keeps what many write at the same time', async () => {
    const keys = Array.from({ length: 200 }, (_, index) => `at-once:${index}`);
    await Promise.all(keys.map((key) => storage.setItem(key, key)));
    expect(await Promise.all(keys.map((key) => storage.getItem(key)))).toEqual(keys);
  });

  it('tells of a change', async () => {
    const told = [];
    const unwatch = await storage.watch((event, key) => told.push([event, key]));
    await storage.setItem('a', 1);
    await storage.removeItem('a');
    await unwatch();
    await storage.setItem('a', 2);
    expect(told).toEqual([
      ['update', 'a'],
      ['remove', 'a'],
    ]);
  });

  it('leaves the client open when it is disposed of', async () => {
    const another = createStorage({ driver: unstorageDriver({ kv }) });
    await another.dispose();
    expect(await storage.getKeys()).toEqual([]);
  });
});
