import { describe, expect, it } from 'vitest';
import { unstorageDriver } from '../../../lib/cache/unstorage.ts';
import { createKv } from '../../../lib/client/kv-client.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { scriptedStore } from '../../../lib/testing/scripted-store.ts';

// How it serves unstorage itself is in tests/suites/unstorage.test.mjs, on every store.
function driverOnMemory(options: { readonly name?: string; readonly ttlMs?: number } = {}) {
  const clock = manualClock();
  const store = memoryStore({ clock });
  const driver = unstorageDriver({ kv: createKv({ store, clock }), ...options });
  return { clock, store, driver };
}

describe('the driver for unstorage', () => {
  it('ends an item at its ttl, in seconds, to the millisecond', async () => {
    const { clock, driver } = driverOnMemory();
    await driver.setItem('a', 'text', { ttl: 1.5 });
    await driver.setItemRaw('b', Uint8Array.of(1), { ttl: 1.5 });
    clock.advance(1_500);
    expect([await driver.hasItem('a'), await driver.hasItem('b')]).toEqual([true, true]);
    clock.advance(1);
    expect([await driver.getItem('a'), await driver.getItemRaw('b'), await driver.getMeta('a')]).toEqual([
      null,
      null,
      null,
    ]);
  });

  it('gives items its own life where they have none; 0 is for good', async () => {
    const { driver } = driverOnMemory({ ttlMs: 5_000 });
    await driver.setItem('default', '1');
    await driver.setItem('undefined', '1', { ttl: undefined });
    await driver.setItems([
      { key: 'own', value: '1', options: { ttl: 7 } },
      { key: 'other', value: '1' },
    ]);
    await driver.setItem('ever', '1', { ttl: 0 });
    const lives = ['default', 'undefined', 'own', 'other', 'ever'].map((key) => driver.getMeta(key));
    expect(await Promise.all(lives)).toEqual([{ ttl: 5 }, { ttl: 5 }, { ttl: 7 }, { ttl: 5 }, {}]);
  });

  it('takes views of bytes for what they show', async () => {
    const { driver } = driverOnMemory();
    const bytes = Uint8Array.of(0, 1, 2, 3, 4, 5);
    await driver.setItemRaw('view', new DataView(bytes.buffer, 2, 3));
    expect(await driver.getItemRaw('view')).toEqual(Uint8Array.of(2, 3, 4));
    expect(await driver.getItem('view')).toBe('base64:AgME');
    await driver.setItemRaw('wide', new Uint16Array(bytes.buffer, 2, 1));
    expect(await driver.getItemRaw('wide')).toEqual(Uint8Array.of(2, 3));
  });

  it('gives a raw text back as it is, also one that only begins like bytes', async () => {
    const { driver } = driverOnMemory();
    await driver.setItem('text', 'base64:!');
    expect(await driver.getItemRaw('text')).toBe('base64:!');
  });

  it.each([[{}], [[1, 2]], [1], [null]])('refuses %j as a raw value', async (value) => {
    const { driver } = driverOnMemory();
    await expect(driver.setItemRaw('a', value)).rejects.toMatchObject({ setting: 'value' });
  });

  it('takes a base with or without its colon, as a part of keys and not of words', async () => {
    const { driver } = driverOnMemory();
    for (const key of ['a:1', 'ab:1', 'a']) await driver.setItem(key, '1');
    expect([await driver.getKeys('a'), await driver.getKeys('a:')]).toEqual([['a:1'], ['a:1']]);
    await driver.clear('a');
    expect((await driver.getKeys()).sort()).toEqual(['a', 'ab:1']);
    await driver.clear();
    expect(await driver.getKeys('')).toEqual([]);
  });

  it('names each key once, though SCAN gives it twice', async () => {
    const store = scriptedStore();
    const name = (key: string) => `cache:{unstorage:unstorage}:${key}`;
    store.respond(([command]) =>
      command?.[1] === '0' ? [['7', [name('a'), name('b')]]] : [['0', [name('b'), name('c')]]],
    );
    expect(await unstorageDriver({ kv: createKv({ store }) }).getKeys()).toEqual(['a', 'b', 'c']);
  });

  it('shares its items with those of its name only, below the namespace of the client', async () => {
    const store = memoryStore();
    await unstorageDriver({ kv: createKv({ store, namespace: 'app:' }), name: 'mine' }).setItem('a', '1');
    expect(await store.execute([['KEYS', '*']])).toEqual([['app:cache:{unstorage:mine}:a']]);
  });

  it('is told at once what it cannot have', () => {
    const kv = createKv({ store: scriptedStore() });
    expect(() => unstorageDriver({ kv, name: '' })).toThrow('name must have');
    for (const ttlMs of [0, -1, Number.NaN]) expect(() => unstorageDriver({ kv, ttlMs })).toThrow('ttlMs must be');
    expect(unstorageDriver({ kv, ttlMs: 0.5, name: undefined }).getInstance()).toBe(kv);
  });

  it('rejects while Redis is away, at once while the circuit is open', async () => {
    const store = scriptedStore();
    store.respond(() => new Error('gone'));
    const kv = createKv({ store });
    const driver = unstorageDriver({ kv });
    const all = () => [
      driver.hasItem('a'),
      driver.getItem('a'),
      driver.getItems([{ key: 'a' }]),
      driver.getItemRaw('a'),
      driver.setItem('a', '1'),
      driver.setItems([{ key: 'a', value: '1' }]),
      driver.setItemRaw('a', '1'),
      driver.removeItem('a'),
      driver.getMeta('a'),
      driver.getKeys(),
      driver.clear(),
    ];
    for (const refused of all()) await expect(refused).rejects.toMatchObject({ code: 'STORE' });
    const asked = store.sent.length;
    kv.circuit.force('FORCED_OPEN');
    for (const refused of all()) await expect(refused).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' });
    expect(store.sent).toHaveLength(asked);
  });
});
