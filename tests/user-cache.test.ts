import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createKv } from '../lib/client/kv-client.ts';
import { type Defaults, getDefaults } from '../lib/default-client.ts';
import { StoreError } from '../lib/errors.ts';
import { memoryStore } from '../lib/store/memory/memory-store.ts';
import type { Store } from '../lib/store/store.ts';
import { manualClock } from '../lib/testing/manual-clock.ts';
import { configureUserCache, getUserCached, getUsersCached, invalidateUser } from '../lib/user-cache.ts';
import { useDefaultEnvironment } from './support/default-environment.ts';

interface User {
  readonly id: string;
  readonly name: string;
}

const clock = manualClock();
const database = new Map<string, User>();
const load = vi.fn((id: string) => database.get(id) ?? null);
let isAway = false;
let requests = 0;
let redis: Store;

useDefaultEnvironment();
beforeEach(() => {
  redis = memoryStore({ clock });
  database.clear();
  database.set('u_1', { id: 'u_1', name: 'Ada' });
  isAway = false;
  startProcess();
  configureUserCache<User>({ load });
  load.mockClear();
});
afterEach(() => Reflect.deleteProperty(globalThis, Symbol.for('breakwater.user-cache.1')));

/** As a process that has just begun, on the same Redis. */
function startProcess(settings: Partial<Defaults['settings']> = {}): void {
  const store: Store = {
    ...redis,
    execute: async (commands, options) => {
      requests += 1;
      if (isAway) throw new StoreError('network', 'refused', { mayHaveRun: false });
      return redis.execute(commands, options);
    },
  };
  const defaults = getDefaults();
  const made: Defaults = {
    ...defaults,
    kv: createKv({ store, clock }),
    settings: { ...defaults.settings, ...settings },
  };
  Reflect.set(globalThis, Symbol.for('breakwater.defaults.1'), made);
}

describe('a user', () => {
  it('is asked of the database once, for all processes, for 5 minutes', async () => {
    expect(await getUserCached<User>('u_1')).toEqual({ id: 'u_1', name: 'Ada' });
    await vi.waitFor(async () => expect(await redis.execute([['EXISTS', 'cache:users:v:u_1']])).toEqual([1]));
    startProcess();
    expect(await getUserCached<User>('u_1')).toEqual({ id: 'u_1', name: 'Ada' });
    expect(load).toHaveBeenCalledTimes(1);
    clock.advance(300_001);
    startProcess();
    await getUserCached('u_1');
    expect(load).toHaveBeenCalledTimes(2);
  });

  it('that does not exist is null', async () => {
    expect(await getUserCached('nobody')).toBeNull();
    expect([...(await getUsersCached<User>(['nobody', 'u_1'])).keys()]).toEqual(['u_1']);
  });

  it('is another with the next read after it was invalidated', async () => {
    await getUserCached('u_1');
    database.set('u_1', { id: 'u_1', name: 'Grace' });
    expect(await getUserCached<User>('u_1')).toMatchObject({ name: 'Ada' });
    expect(await invalidateUser('u_1')).toEqual({ propagated: true });
    expect(await getUserCached<User>('u_1')).toMatchObject({ name: 'Grace' });
  });

  it('comes from the database while Redis is away', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    isAway = true;
    expect(await getUserCached<User>('u_1')).toMatchObject({ name: 'Ada' });
    expect((await getUsersCached(['u_1'])).size).toBe(1);
  });

  it('comes from the database, and Redis is not asked, with ENABLE_REDIS_CACHE=false', async () => {
    startProcess({ redisCache: false });
    requests = 0;
    expect(await getUserCached<User>('u_1')).toMatchObject({ name: 'Ada' });
    expect(requests).toBe(0);
  });

  it('rejects with what the database says: null is for nobody', async () => {
    configureUserCache<User>({ load: () => Promise.reject(new Error('no connection')) });
    await expect(getUserCached('u_1')).rejects.toThrow('no connection');
  });

  it('comes from where the process was told last', async () => {
    await getUserCached('u_1');
    configureUserCache<User>({ load: () => ({ id: 'u_2', name: 'Joan' }), ttlMs: 1_000 });
    expect(await getUserCached<User>('u_2')).toMatchObject({ name: 'Joan' });
  });

  it('needs somebody who knows where from', async () => {
    Reflect.deleteProperty(globalThis, Symbol.for('breakwater.user-cache.1'));
    await expect(getUserCached('u_1')).rejects.toThrow('load is missing: call configureUserCache first');
    expect(() => configureUserCache({ load: undefined as never })).toThrow('load must be a function');
  });
});
