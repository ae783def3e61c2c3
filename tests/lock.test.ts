import { describe, expect, it, vi } from 'vitest';
import { getDefaults } from '../lib/default-client.ts';
import { acquireLock, defaultLocks, releaseLock, withLock } from '../lib/lock.ts';
import { useDefaultEnvironment } from './support/default-environment.ts';

describe('acquireLock and releaseLock', () => {
  useDefaultEnvironment();

  it('give a token to one caller, and the lock back for it', async () => {
    const token = await acquireLock('report');
    expect(token).toMatch(/^[0-9A-Za-z]{22}$/);
    expect(await acquireLock('report')).toBeNull();
    expect(await releaseLock('report', 'x'.repeat(22))).toBe(false);
    expect(await releaseLock('report', token ?? '')).toBe(true);
    expect(await releaseLock('report', token ?? '')).toBe(false);
    expect(await acquireLock('report')).not.toBeNull();
  });

  it('count the time to live in seconds, 30 unless told otherwise', async () => {
    await acquireLock('a');
    await acquireLock('b', 2);
    const { kv } = getDefaults();
    const lifeOf = async (key: string) =>
      Math.ceil(Number(await kv.command(['PTTL', `${kv.namespace}lock:{${key}}`])) / 1_000);
    expect([await lifeOf('a'), await lifeOf('b')]).toEqual([30, 2]);
    for (const ttl of [0, 0.5, 1.5, 86_401, Number.NaN]) {
      await expect(acquireLock('c', ttl)).rejects.toMatchObject({ code: 'CONFIG', setting: 'ttl' });
    }
    expect(await acquireLock('c', 86_400)).not.toBeNull();
  });
});

describe('withLock', () => {
  useDefaultEnvironment();

  it('runs work under a lock of the default client, which counts it', async () => {
    const outcome = await withLock('report', {}, async () => acquireLock('report'));
    expect(outcome).toEqual({ status: 'done', value: null });
    expect(defaultLocks().stats()).toMatchObject({ acquired: 1, timedOut: 1, released: 1, timeoutRate: 0.5 });
  });
});

describe('the locks of the default client while Redis is away', () => {
  // Nobody listens there.
  useDefaultEnvironment({ KV_STORE: '', REDIS_URL: 'redis://127.0.0.1:1' });

  it('are nobody’s, and it is logged why', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    expect(await acquireLock('report')).toBeNull();
    expect(await releaseLock('report', 'x'.repeat(22))).toBe(false);
    expect(await withLock('report', {}, () => 'ran')).toMatchObject({ status: 'unavailable' });
    expect(warn.mock.calls.flat().join()).toMatch(/\[KV\] Failed to ask about a lock: /);
    await getDefaults().kv.close();
  });
});
