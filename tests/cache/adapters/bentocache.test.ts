import { describe, expect, it } from 'vitest';
import { bentocacheDriver } from '../../../lib/cache/bentocache.ts';
import { createKv } from '../../../lib/client/kv-client.ts';
import { scriptedStore } from '../../../lib/testing/scripted-store.ts';
import { contentsOf, onEveryStore } from '../../support/every-store.ts';

onEveryStore('a second layer of BentoCache', (current) => {
  const driverIn = (prefix?: string) => bentocacheDriver({ kv: createKv({ store: current() }) }).factory({ prefix });

  it('pulls an entry for one caller only', async () => {
    const driver = driverIn();
    await driver.set('key', 'once', 60_000);
    const pulled = await Promise.all([driver.pull('key'), driver.pull('key'), driver.pull('key')]);
    expect(pulled.filter((text) => text !== undefined)).toEqual(['once']);
  });

  it('keeps entries under any key, also one that Redis could not tell from another', async () => {
    const driver = driverIn().namespace('users');
    const long = 'x'.repeat(2_000);
    const odd = ['', '*', '{a}', '\n', '\ud800', '\ud801', '\ufffd', 'sha256-', 'sha256-abc'];
    const keys = [...odd, 'x'.repeat(1_000), `${long}1`, `${long}2`];
    for (const [index, key] of keys.entries()) expect(await driver.set(key, `text ${index}`, 60_000)).toBe(true);
    for (const [index, key] of keys.entries()) expect(await driver.get(key)).toBe(`text ${index}`);
    for (const [name, { ttlMs }] of await contentsOf(current())) {
      expect(ttlMs).toBeGreaterThan(50_000);
      expect(name.startsWith('cache:{bentocache:bentocache}:users:')).toBe(true);
      expect(name.length).toBeLessThan(1_100);
    }
    expect(await driver.deleteMany(keys)).toBe(true);
    expect((await contentsOf(current())).size).toBe(0);
  });

  it('cannot be given the digest of another key as a key', async () => {
    const driver = driverIn();
    await driver.set('x'.repeat(2_000), 'secret');
    const [name = ''] = (await contentsOf(current())).keys();
    const digest = name.slice('cache:{bentocache:bentocache}:'.length);
    expect(digest).toMatch(/^sha256-/);
    expect(await driver.get(digest)).toBeUndefined();
  });

  it('is cleared by namespace', async () => {
    const driver = driverIn('app');
    await driver.set('users*', '1');
    await driver.namespace('users').namespace('posts').set('a', '1');
    await driver.namespace('users').set('x'.repeat(2_000), '1');
    await driver.namespace('users').clear();
    expect([...(await contentsOf(current())).keys()]).toEqual(['cache:{bentocache:app}:users*']);
  });

  it('rejects for something else in the place of an entry, and replaces it', async () => {
    const driver = driverIn();
    await current().execute([['RPUSH', 'cache:{bentocache:bentocache}:key', '1']]);
    await expect(driver.get('key')).rejects.toMatchObject({ replyCode: 'WRONGTYPE' });
    await driver.set('key', 'text');
    expect(await driver.get('key')).toBe('text');
  });
});

describe('the driver for BentoCache', () => {
  it('leaves the prefix to BentoCache unless it is given one', () => {
    const kv = createKv({ store: scriptedStore() });
    expect(bentocacheDriver({ kv }).options).toEqual({});
    expect(Object.keys(bentocacheDriver({ kv, prefix: undefined }).options)).toEqual([]);
    expect(bentocacheDriver({ kv, prefix: 'app' }).options).toEqual({ prefix: 'app' });
    expect(() => bentocacheDriver({ kv }).factory({ prefix: '' })).toThrow('prefix must have 1 to 128 characters');
  });

  it('rejects while Redis is away, at once while the circuit is open', async () => {
    const store = scriptedStore();
    store.respond(() => new Error('gone'));
    const kv = createKv({ store });
    const driver = bentocacheDriver({ kv }).factory({});
    const all = () => [
      driver.get('a'),
      driver.pull('a'),
      driver.set('a', '1'),
      driver.delete('a'),
      driver.deleteMany(['a']),
      driver.clear(),
    ];
    for (const refused of all()) await expect(refused).rejects.toMatchObject({ code: 'STORE' });
    const asked = store.sent.length;
    kv.circuit.force('FORCED_OPEN');
    for (const refused of all()) await expect(refused).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' });
    expect(store.sent).toHaveLength(asked);
  });

  it('leaves the client open when it disconnects', async () => {
    const store = scriptedStore();
    store.respond(() => ['text']);
    const driver = bentocacheDriver({ kv: createKv({ store }) }).factory({});
    await driver.disconnect();
    expect(await driver.get('a')).toBe('text');
  });
});
