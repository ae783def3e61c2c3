import { beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest';
import { createKv } from '../lib/client/kv-client.ts';
import { type Defaults, getDefaults } from '../lib/default-client.ts';
import { StoreError } from '../lib/errors.ts';
import { destroySession, getSession, newSessionId, revokeSessions, saveSession } from '../lib/session.ts';
import { memoryStore } from '../lib/store/memory/memory-store.ts';
import type { Store } from '../lib/store/store.ts';
import { type ManualClock, manualClock } from '../lib/testing/manual-clock.ts';
import { useDefaultEnvironment } from './support/default-environment.ts';
import { onEveryKv } from './support/every-kv.ts';
import { AWAY } from './support/scripted-client.ts';
import { type WatchedStore, watchedStore } from './support/watched-store.ts';

const SLOT = Symbol.for('breakwater.defaults.1');

useDefaultEnvironment();

/** A process whose default client is this. */
function use(kv: Defaults['kv']): void {
  Reflect.set(globalThis, SLOT, { ...getDefaults(), kv } satisfies Defaults);
}

onEveryKv('the faces of sessions', (makeKv) => {
  beforeEach(() => use(makeKv()));

  it('have what was saved, until it is destroyed, and not again afterwards', async () => {
    expect(await getSession('id')).toBeNull();
    expect(await saveSession('id', { cart: ['a'] })).toBe(true);
    expect(await getSession('id')).toEqual({ cart: ['a'] });
    expect(await saveSession('id', { cart: ['b'] }, 60)).toBe(true);
    expect(await getSession<{ cart: string[] }>('id')).toEqual({ cart: ['b'] });
    expect(await destroySession('id')).toBe(true);
    expect(await destroySession('id')).toBe(false);
    expect(await saveSession('id', { cart: ['late'] })).toBe(false);
    expect(await getSession('id')).toBeNull();
  });

  it('end all sessions of a user, whose ids are of newSessionId, and no others', async () => {
    const [one, other, stranger] = await Promise.all(['ada', 'ada', 'bob'].map(newSessionId));
    for (const id of [one, other, stranger, 'own']) await saveSession(String(id), 1);
    await revokeSessions('ada');
    expect([await getSession(`${one}`), await getSession(`${other}`)]).toEqual([null, null]);
    expect([await getSession(`${stranger}`), await getSession('own')]).toEqual([1, 1]);
    expect(await saveSession(`${one}`, 2)).toBe(false);
  });
});

describe('the faces of sessions', () => {
  let clock: ManualClock;
  let store: WatchedStore;
  let log: MockInstance<typeof console.warn>;

  const open = (around: (store: Store) => Store = (inner) => inner) => {
    clock = manualClock();
    store = watchedStore(around(memoryStore({ clock })));
    use(createKv({ store, clock }));
  };
  beforeEach(() => {
    log = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    open();
  });

  it('keep a session for a day, or as long as is said, from its last save; reading is none', async () => {
    await saveSession('day', 1);
    await saveSession('minute', 1, 60);
    clock.advance(59_999);
    expect([await getSession('minute'), await getSession('day')]).toEqual([1, 1]);
    clock.advance(1);
    expect([await getSession('minute'), await getSession('day')]).toEqual([null, 1]);
    await saveSession('day', 2);
    clock.advance(86_399_999);
    expect(await getSession('day')).toBe(2);
    clock.advance(1);
    expect(await getSession('day')).toBeNull();
    for (let day = 0; day < 100; day += 1) {
      await saveSession('ever', day);
      clock.advance(86_399_999);
    }
    expect(await getSession('ever')).toBe(99);
  });

  it('take an outage neither for a session that is over nor for a saved one', async () => {
    const id = await newSessionId('ada');
    await saveSession(id, 1);
    store.takeAway(AWAY);
    const error = { code: 'STORE', kind: 'unavailable', retryAfterMs: 1_000, mayHaveRun: false };
    await expect(getSession(id)).rejects.toMatchObject(error);
    await expect(revokeSessions('ada')).rejects.toMatchObject(error);
    expect(await saveSession(id, 2)).toBe(false);
    // The log tells what the answer does not, without the id.
    expect(log.mock.calls).toEqual([['[KV] Failed to save a session: STORE (Sessions cannot be reached)']]);
    store.giveBack();
    expect(await getSession(id)).toBe(1);
    store.takeAway(new StoreError('network', 'lost'));
    await expect(revokeSessions('ada')).rejects.toMatchObject({ mayHaveRun: true });
  });

  it('end a session here at once that is destroyed while Redis is away', async () => {
    await saveSession('id', 1);
    store.takeAway(AWAY);
    expect(await destroySession('id')).toBe(false);
    store.giveBack();
    expect([await getSession('id'), await saveSession('id', 2)]).toEqual([null, false]);
  });

  it('cost one request each, and a new id none', async () => {
    await saveSession('id', 1);
    await destroySession('other');
    await revokeSessions('nobody');
    for (const work of [
      () => saveSession('id', 1),
      () => getSession('id'),
      () => destroySession('id'),
      () => revokeSessions('ada'),
    ]) {
      const from = store.requests.length;
      await work();
      expect(store.requests.length - from).toBe(1);
    }
    const from = store.requests.length;
    expect(await newSessionId('ada')).toMatch(/^[\w-]{22}\.[0-9A-Za-z]{43}$/);
    expect(store.requests.length).toBe(from);
  });

  it('refuse what cannot be kept', async () => {
    for (const ttl of [0, 1.5, Number.NaN, 315_360_001]) {
      await expect(saveSession('id', 1, ttl)).rejects.toMatchObject({ code: 'CONFIG', setting: 'ttl' });
    }
    await expect(saveSession('', 1)).rejects.toMatchObject({ setting: 'id' });
    await expect(saveSession('id', undefined)).rejects.toMatchObject({ setting: 'data' });
    await expect(saveSession('id', 'x'.repeat(65_535))).rejects.toMatchObject({ setting: 'data' });
    expect(await saveSession('id', 'x'.repeat(65_534))).toBe(true);
  });

  it('go on with Redis although caches are not to: there is one authority', async () => {
    vi.stubEnv('ENABLE_REDIS_CACHE', 'false');
    Reflect.deleteProperty(globalThis, SLOT);
    open();
    await saveSession('id', 1);
    expect(await getSession('id')).toBe(1);
    expect(store.requests.length).toBeGreaterThan(1);
  });

  it('digest ids under BREAKWATER_SESSION_PEPPER: under another one there is no session', async () => {
    const under = (pepper: string) => {
      vi.stubEnv('BREAKWATER_SESSION_PEPPER', pepper);
      Reflect.deleteProperty(globalThis, SLOT);
      use(createKv({ store, clock }));
    };
    under('x'.repeat(32));
    await saveSession('id', 1);
    expect(await getSession('id')).toBe(1);
    under('y'.repeat(32));
    expect(await getSession('id')).toBeNull();
  });
});
