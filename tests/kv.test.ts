import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createKv } from '../lib/client/kv-client.ts';
import { createDefaults } from '../lib/default-client.ts';
import { StoreError } from '../lib/errors.ts';
import {
  getCircuitBreakerState,
  isKVHealthy,
  kvDelete,
  kvGet,
  kvIncr,
  kvMGet,
  kvSafeGet,
  kvSafeIncr,
  kvSafeSet,
  kvSet,
  kvTTL,
  resetCircuitBreaker,
} from '../lib/kv.ts';
import type { Reply } from '../lib/store/store.ts';
import { type ManualClock, manualClock } from '../lib/testing/manual-clock.ts';
import { type ScriptedStore, scriptedStore } from '../lib/testing/scripted-store.ts';

const SLOT = Symbol.for('breakwater.defaults.1');
const home = globalThis as { [SLOT]?: unknown };
const away = new StoreError('network', 'refused');

let store: ScriptedStore;
let clock: ManualClock;
let warnings: string[];

beforeEach(() => {
  store = scriptedStore();
  clock = manualClock();
  warnings = [];
  vi.spyOn(console, 'warn').mockImplementation((line: string) => warnings.push(line));
  const settings = {
    store: { kind: 'memory' },
    namespace: '',
    requestTimeoutMs: undefined,
    circuitOpenMs: undefined,
    plan: undefined,
    keys: { prefix: undefined, env: undefined, pepper: undefined, list: undefined },
    identitySecret: undefined,
    codePepper: undefined,
    sessionPepper: undefined,
    databaseUrl: undefined,
    cronSecret: undefined,
    metricsToken: undefined,
    clientIp: undefined,
    lists: {},
    redisCache: true,
    migrations: new Map(),
    production: false,
  } as const;
  home[SLOT] = { ...createDefaults(settings), kv: createKv({ store, clock }) };
});

afterEach(() => {
  delete home[SLOT];
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

const sent = () => store.sent.map(({ commands }) => commands);
const answer = (...replies: readonly Reply[]) =>
  store.respond((commands) => commands.map((_, index) => replies[index] ?? null));
const trip = async () => {
  store.respond(() => away);
  for (let index = 0; index < 5; index += 1) await kvGet('x');
  warnings.splice(0);
};

describe('while Redis answers', () => {
  it('kvGet gives the value under prefix and key, or null', async () => {
    answer('{"a":1}');
    expect(await kvGet('k', 'cache:')).toEqual({ a: 1 });
    answer(null);
    expect(await kvGet('k')).toBeNull();
    expect(sent()).toEqual([[['GET', 'cache:k']], [['GET', 'k']]]);
  });

  it('kvSet stores for so many seconds', async () => {
    answer('OK');
    expect(await kvSet('k', { a: 1 }, 60, 'cache:')).toBe(true);
    expect(sent()).toEqual([[['SET', 'cache:k', '{"a":1}', 'PX', 60_000]]]);
  });

  it('kvDelete says whether there was something', async () => {
    answer(1);
    expect(await kvDelete('k', 'cache:')).toBe(true);
    answer(0);
    expect(await kvDelete('k')).toBe(false);
    expect(sent()).toEqual([[['DEL', 'cache:k']], [['DEL', 'k']]]);
  });

  it('kvIncr counts under ratelimit: and sets the time to live where there is none, in one request', async () => {
    answer(3, 0);
    expect(await kvIncr('k', 60)).toBe(3);
    expect(sent()).toEqual([
      [
        ['INCR', 'ratelimit:k'],
        ['EXPIRE', 'ratelimit:k', 60, 'NX'],
      ],
    ]);
  });

  it.each([12, -1, -2])('kvTTL hands on %d', async (seconds) => {
    answer(seconds);
    expect(await kvTTL('k', 'cache:')).toBe(seconds);
    expect(sent()).toEqual([[['TTL', 'cache:k']]]);
  });

  it('kvMGet answers in the order of its keys', async () => {
    answer(['1', null, '"c"']);
    expect(await kvMGet(['a', 'b', 'c'], 'cache:')).toEqual([1, null, 'c']);
    expect(sent()).toEqual([[['MGET', 'cache:a', 'cache:b', 'cache:c']]]);
  });

  it.each([
    [undefined, ['SET', 'k', '1']],
    [{ ex: 5 }, ['SET', 'k', '1', 'PX', 5_000]],
    [{ px: 5 }, ['SET', 'k', '1', 'PX', 5]],
    [{ ex: 5, px: 7 }, ['SET', 'k', '1', 'PX', 7]],
  ])('kvSafeSet with %j sends %j', async (options, command) => {
    answer('OK');
    expect(await kvSafeSet('k', 1, options)).toBe(true);
    expect(sent()).toEqual([[command]]);
  });

  it('nothing is logged', async () => {
    answer('1', 1);
    await Promise.all([kvGet('a'), kvSafeGet('b'), kvSafeIncr('c', 1), kvSafeSet('d', 1)]);
    expect(warnings).toEqual([]);
  });
});

describe('while Redis is away', () => {
  const calls = {
    kvGet: [() => kvGet('secret-key'), null],
    kvSet: [() => kvSet('secret-key', 'secret-value', 60), false],
    kvDelete: [() => kvDelete('secret-key'), false],
    kvIncr: [() => kvIncr('secret-key', 60), null],
    kvTTL: [() => kvTTL('secret-key'), null],
    kvMGet: [() => kvMGet(['secret-key', 'other']), [null, null]],
    kvSafeGet: [() => kvSafeGet('secret-key'), null],
    kvSafeSet: [() => kvSafeSet('secret-key', 'secret-value'), false],
    kvSafeIncr: [() => kvSafeIncr('secret-key', 60), null],
  } as const;

  it.each(Object.entries(calls))(
    '%s answers that it does not know, with one line in the log',
    async (_, [call, unknown]) => {
      store.respond(() => away);
      expect(await call()).toEqual(unknown);
      expect(store.sent).toHaveLength(1);
      expect(warnings).toEqual([expect.stringMatching(/^\[KV\] Failed to .*: STORE \(refused\)$/)]);
      expect(warnings.join()).not.toContain('secret');
    },
  );

  it.each(Object.entries(calls))(
    '%s says nothing more and asks nothing once the circuit is open',
    async (_, [call, unknown]) => {
      await trip();
      expect(await call()).toEqual(unknown);
      expect(store.sent).toHaveLength(5);
      expect(warnings).toEqual([]);
    },
  );

  it.each(Object.entries(calls))('%s answers the same when Redis refuses the command', async (_, [call, unknown]) => {
    answer({ error: 'WRONGTYPE secret-key' });
    expect(await call()).toEqual(unknown);
    expect(warnings).toEqual([expect.stringMatching(/COMMAND \(Redis refused the command: WRONGTYPE\)$/)]);
  });
});

describe('a store that goes on refusing', () => {
  it('is one line a minute for each thing that cannot be done, however often it is tried', async () => {
    store.respond((commands) => commands.map(() => ({ error: 'WRONGPASS secret' })));
    for (let turn = 0; turn < 50; turn += 1) await Promise.all([kvGet('k'), kvMGet(['k']), kvSet('k', 1, 1)]);
    expect(warnings).toEqual(['get', 'set'].map((what) => expect.stringMatching(`^\\[KV\\] Failed to ${what}: STORE`)));
    answer({ error: 'WRONGTYPE secret' });
    await kvGet('k');
    expect(warnings).toHaveLength(3);
  });
});

describe('a wrong argument', () => {
  it('is thrown, for it is no outage', async () => {
    await expect(kvIncr('k', 0)).rejects.toMatchObject({ code: 'CONFIG', setting: 'ttlSeconds' });
    await expect(kvSet('k', 1, -1)).rejects.toMatchObject({ code: 'CONFIG', setting: 'ttlMs' });
    await expect(kvSet('k', undefined, 1)).rejects.toMatchObject({ code: 'CONFIG', setting: 'value' });
    expect(store.sent).toHaveLength(0);
  });

  it('is logged by the functions that never throw', async () => {
    expect(await kvSafeIncr('k', 0)).toBeNull();
    expect(await kvSafeSet('k', undefined)).toBe(false);
    expect(warnings).toEqual([
      '[KV] Failed to execute: ttlSeconds must be a whole number of at least 1, got 0',
      '[KV] Failed to execute: value must have a JSON form',
    ]);
    expect(store.sent).toHaveLength(0);
  });
});

describe('the circuit breaker of the default client', () => {
  it('is healthy unless it is open, and can be reset', async () => {
    expect(isKVHealthy()).toBe(true);
    expect(getCircuitBreakerState()).toMatchObject({ state: 'CLOSED', isHealthy: true, epoch: 0, openedAt: undefined });
    await trip();
    expect(isKVHealthy()).toBe(false);
    expect(getCircuitBreakerState()).toMatchObject({
      state: 'OPEN',
      isHealthy: false,
      openedAt: clock.now(),
      retryAfterMs: 10_000,
      lastFailure: { kind: 'network', at: clock.now() },
      totals: { failures: 5, opened: 1 },
    });
    clock.advance(10_000);
    expect(isKVHealthy()).toBe(true);
    expect(getCircuitBreakerState()).toMatchObject({ state: 'HALF_OPEN', isHealthy: true, epoch: 2 });
    resetCircuitBreaker();
    expect(getCircuitBreakerState()).toMatchObject({ state: 'CLOSED', isHealthy: true, epoch: 3 });
    expect(store.sent).toHaveLength(5);
  });
});

describe('without a usable environment', () => {
  it('importing is harmless, and each use says what to mend until it is mended', async () => {
    delete home[SLOT];
    vi.stubEnv('KV_STORE', 'secret-typo');
    await expect(kvGet('k')).rejects.toMatchObject({ code: 'CONFIG', setting: 'KV_STORE' });
    expect(() => isKVHealthy()).toThrow('KV_STORE must be memory, upstash or redis');
    expect(await kvSafeGet('k')).toBeNull();
    expect(warnings).toEqual(['[KV] Failed to execute: KV_STORE must be memory, upstash or redis']);
    vi.stubEnv('KV_STORE', 'memory');
    expect(await kvGet('k')).toBeNull();
    expect(isKVHealthy()).toBe(true);
  });
});
