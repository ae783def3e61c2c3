import Keyv from 'keyv';
import { describe, expect, it, vi } from 'vitest';
import { keyvStore } from '../../../lib/cache/keyv.ts';
import { createKv } from '../../../lib/client/kv-client.ts';
import type { Store } from '../../../lib/store/store.ts';
import { scriptedStore } from '../../../lib/testing/scripted-store.ts';
import { contentsOf, onEveryStore } from '../../support/every-store.ts';
import { watchedStore } from '../../support/watched-store.ts';

/** A Keyv on `store`, and the errors that it has told of. */
function keyvOn(store: Store, options: { readonly namespace?: string; readonly throwOnErrors?: boolean } = {}) {
  const kv = createKv({ store });
  const keyv = new Keyv({ store: keyvStore({ kv }), ...options });
  const errors: unknown[] = [];
  keyv.on('error', (error) => errors.push(error));
  return { kv, keyv, errors };
}

onEveryStore('a Keyv', (current) => {
  it('keeps values with their end, under its namespace', async () => {
    const { keyv, errors } = keyvOn(current(), { namespace: 'users' });
    expect(await keyv.set('1', { name: 'Ada \ud800' }, 60_000)).toBe(true);
    expect(await keyv.set('2', null)).toBe(true);
    expect(await keyv.get('1')).toEqual({ name: 'Ada \ud800' });
    expect(await keyv.get(['1', '2', '3'])).toEqual([{ name: 'Ada \ud800' }, null, undefined]);
    const contents = await contentsOf(current());
    expect([...contents.keys()].sort()).toEqual(['cache:{keyv:keyv}:users:1', 'cache:{keyv:keyv}:users:2']);
    expect(contents.get('cache:{keyv:keyv}:users:1')?.ttlMs).toBeGreaterThan(50_000);
    expect(contents.get('cache:{keyv:keyv}:users:2')?.ttlMs).toBe(-1);
    expect(errors).toEqual([]);
  });

  it('sets, has and deletes several at once', async () => {
    const { keyv } = keyvOn(current());
    const entries = [
      { key: 'a', value: 1 },
      { key: 'b', value: 2, ttl: 60_000 },
    ];
    expect(await keyv.setMany(entries)).toEqual([true, true]);
    expect(await keyv.has(['a', 'b', 'c'])).toEqual([true, true, false]);
    expect(await keyv.has('a')).toBe(true);
    expect(await keyv.delete(['a', 'c'])).toBe(true);
    expect(await keyv.delete(['a', 'c'])).toBe(false);
    expect(await keyv.get('b')).toBe(2);
    expect((await contentsOf(current())).get('cache:{keyv:keyv}:keyv:b')?.ttlMs).toBeGreaterThan(50_000);
  });

  it('clears and lists its own namespace, also among thousands of entries', async () => {
    const [one, other] = [keyvOn(current(), { namespace: 'one' }).keyv, keyvOn(current(), { namespace: 'on*' }).keyv];
    await one.setMany(Array.from({ length: 1_500 }, (_, index) => ({ key: `k:${index}`, value: index })));
    await other.set('k', 'stays');
    const listed = new Map<string, number>();
    for await (const [key, value] of one.iterator?.(undefined) ?? []) listed.set(key, value);
    expect(listed.size).toBe(1_500);
    expect(listed.get('k:1499')).toBe(1_499);
    await one.clear();
    expect([...(await contentsOf(current())).keys()]).toEqual(['cache:{keyv:keyv}:on*:k']);
    await other.clear();
    expect((await contentsOf(current())).size).toBe(0);
  });

  it('tells of something else in the place of an entry, and replaces it', async () => {
    const { keyv, errors } = keyvOn(current());
    await current().execute([['RPUSH', 'cache:{keyv:keyv}:keyv:a', '1']]);
    expect(await keyv.get('a')).toBeUndefined();
    expect(errors).toMatchObject([{ code: 'COMMAND', replyCode: 'WRONGTYPE' }]);
    await keyv.set('a', 1);
    expect(await keyv.get('a')).toBe(1);
  });
});

describe('a Keyv while Redis is away', () => {
  const away = (options = {}) => {
    const store = scriptedStore();
    store.respond(() => new Error('gone'));
    return { store, ...keyvOn(store, options) };
  };
  const GONE = { code: 'STORE' };

  it('has nothing, changes nothing, and says of each that it failed', async () => {
    const { keyv, errors } = away();
    expect(await keyv.get('a')).toBeUndefined();
    expect(await keyv.set('a', 1)).toBe(false);
    expect(await keyv.setMany([{ key: 'a', value: 1 }])).toEqual([false]);
    expect(await keyv.delete('a')).toBe(false);
    expect(errors).toMatchObject([GONE, GONE, GONE, GONE]);
  });

  it('rejects where Keyv has no answer of its own', async () => {
    const { keyv } = away();
    await expect(keyv.get(['a'])).rejects.toMatchObject(GONE);
    await expect(keyv.has('a')).rejects.toMatchObject(GONE);
    await expect(keyv.has(['a'])).rejects.toMatchObject(GONE);
    await expect(keyv.iterator?.(undefined).next()).rejects.toMatchObject(GONE);
  });

  it('rejects from get too, if it is to throw', async () => {
    const { keyv } = away({ throwOnErrors: true });
    await expect(keyv.get('a')).rejects.toMatchObject(GONE);
  });

  it('answers at once while the circuit is open, and asks nobody', async () => {
    const { kv, keyv, errors, store } = away();
    kv.circuit.force('FORCED_OPEN');
    expect(await keyv.get('a')).toBeUndefined();
    expect(await keyv.set('a', 1)).toBe(false);
    await keyv.clear();
    expect(errors).toMatchObject([{ code: 'CIRCUIT_OPEN' }, { code: 'CIRCUIT_OPEN' }, { code: 'CIRCUIT_OPEN' }]);
    expect(store.sent).toEqual([]);
  });

  it('lets no listener that throws change the answer', async () => {
    const store = scriptedStore();
    store.respond(() => new Error('gone'));
    const adapter = keyvStore({ kv: createKv({ store }) });
    adapter.on('error', () => {
      throw new Error('listener');
    });
    const [heard, other] = [vi.fn(), vi.fn()];
    adapter.on('error', heard).on('clear', other);
    await expect(adapter.get('a')).rejects.toMatchObject(GONE);
    expect(heard.mock.calls).toMatchObject([[GONE]]);
    expect(other).not.toHaveBeenCalled();
  });
});

describe('a store for Keyv', () => {
  it('lists what a namespace has, without what has ended meanwhile', async () => {
    const store = scriptedStore();
    const name = (key: string) => `cache:{keyv:keyv}:${key}`;
    store.respond(([command]) =>
      command?.[0] === 'SCAN' ? [['0', [name('n:a'), name('n:b'), name('n:c')]]] : [['1', null, '3']],
    );
    const entries: unknown[] = [];
    for await (const entry of keyvStore({ kv: createKv({ store }) }).iterator('n')) entries.push(entry);
    expect(entries).toEqual([
      ['n:a', '1'],
      ['n:c', '3'],
    ]);
    expect(store.sent[0]?.commands).toEqual([['SCAN', '0', 'MATCH', name('n:*'), 'COUNT', 1_000]]);
  });

  it('refuses keys and values that it could not keep, and Keyv tells of it', async () => {
    const store = scriptedStore();
    const { keyv, errors } = keyvOn(store);
    expect(await keyv.get('x'.repeat(1_024))).toBeUndefined();
    expect(await keyv.set('\ud800', 1)).toBe(false);
    expect(await keyv.set('a', 1, -1)).toBe(false);
    keyv.serialize = undefined;
    expect(await keyv.set('a', 1)).toBe(false);
    expect(errors).toMatchObject([{ setting: 'key' }, { setting: 'key' }, { setting: 'ttl' }, { setting: 'value' }]);
    expect(store.sent).toEqual([]);
  });

  it('has no namespace until Keyv gives it one: Keyv 6 would leave all keys to it', () => {
    expect('namespace' in keyvStore({ kv: createKv({ store: scriptedStore() }) })).toBe(false);
  });

  it('shares its entries with those of its name only', async () => {
    const store = watchedStore(scriptedStore());
    const kv = createKv({ store, namespace: 'app:' });
    void keyvStore({ kv, name: 'mine' }).get('a');
    await Promise.resolve();
    expect(store.requests).toEqual([[['GET', 'app:cache:{keyv:mine}:a']]]);
    expect(() => keyvStore({ kv, name: '' })).toThrow('name must have 1 to 128 characters');
  });
});
