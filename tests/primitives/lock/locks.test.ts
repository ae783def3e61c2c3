import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../lib/errors.ts';
import { createLocks } from '../../../lib/primitives/lock/locks.ts';
import { onEveryKv } from '../../support/every-kv.ts';
import { acquired, lockRig } from '../../support/lock-rig.ts';

const MINUTE_MS = 60_000;

onEveryKv('locks', (makeKv) => {
  const make = () => createLocks({ kv: makeKv({ namespace: 'app:' }) });

  it('are held by one at a time, and by another when they are released', async () => {
    const [here, there] = [make(), make()];
    const { lock } = acquired(await here.acquire('orders:7'));
    expect(lock.isValid()).toBe(true);
    const refused = await there.acquire('orders:7');
    expect(refused).toEqual({ status: 'contended', retryAfterMs: expect.any(Number) });
    expect(await lock.release()).toEqual({ status: 'released' });
    expect(lock.isValid()).toBe(false);
    const { lock: next } = acquired(await there.acquire('orders:7'));
    expect(next.fence).toBeGreaterThan(lock.fence);
    await next.release();
  });

  it('of different keys are different locks, whatever is in the keys', async () => {
    const locks = make();
    const keys = ['a', 'a:b', 'a}b', '{', '', 'x'.repeat(500), 'x'.repeat(501)];
    const all = await Promise.all(keys.map((key) => locks.acquire(key)));
    expect(all.map(({ status }) => status)).toEqual(keys.map(() => 'acquired'));
    await Promise.all(all.map((one) => acquired(one).lock.release()));
  });

  it('leave no token in Redis: what is there ends nobody’s lock', async () => {
    const kv = makeKv({ namespace: 'app:' });
    const locks = createLocks({ kv });
    const { token, fence } = acquired(await locks.acquireToken('k'));
    const stored = String(await kv.command(['GET', 'app:lock:{k}']));
    expect(stored).toMatch(new RegExp(`^[\\w-]{43}:${fence}$`));
    expect(stored).not.toContain(token);
    expect(await locks.releaseToken('k', stored.slice(0, 22))).toEqual({ status: 'lost' });
    expect(await locks.releaseToken('k', token)).toEqual({ status: 'released' });
  });

  it('are waited for', async () => {
    const [here, there] = [make(), make()];
    const { lock } = acquired(await here.acquire('k'));
    const waiting = there.acquire('k', { waitMs: MINUTE_MS, retryMs: 5 });
    await lock.release();
    const { lock: next } = acquired(await waiting);
    expect(next.fence).toBeGreaterThan(lock.fence);
    await next.release();
  });

  it('are held while work is done under them, and released then', async () => {
    const locks = make();
    const outcome = await locks.withLock('k', {}, async ({ fence, signal, isValid }) => {
      expect([signal.aborted, isValid()]).toEqual([false, true]);
      expect((await locks.acquire('k')).status).toBe('contended');
      return fence;
    });
    expect(outcome).toEqual({ status: 'done', value: expect.any(Number) });
    expect(await locks.status('k')).toEqual({ status: 'free' });
  });

  it('are extended and released by their token elsewhere, and by no other token', async () => {
    const [here, there] = [make(), make()];
    const { token, fence, remainingMs } = acquired(await here.acquireToken('k', { ttlMs: MINUTE_MS }));
    expect(token).toMatch(/^[0-9A-Za-z]{22}$/);
    expect(fence).toBeGreaterThan(0);
    expect(remainingMs).toBeGreaterThan(0);
    const wrong = 'x'.repeat(22);
    expect(await there.extendToken('k', wrong)).toEqual({ status: 'lost' });
    expect(await there.releaseToken('k', wrong)).toEqual({ status: 'lost' });
    expect(await there.extendToken('k', token, 10 * MINUTE_MS)).toEqual({ status: 'extended' });
    expect(await there.status('k')).toMatchObject({ status: 'held' });
    expect(await there.releaseToken('k', token)).toEqual({ status: 'released' });
    expect(await there.releaseToken('k', token)).toEqual({ status: 'lost' });
    expect(await there.extendToken('k', token)).toEqual({ status: 'lost' });
  });

  it('say whether they are held, and until when, and nothing of by whom', async () => {
    const locks = make();
    const { token } = acquired(await locks.acquireToken('k', { ttlMs: MINUTE_MS }));
    const status = await locks.status('k');
    expect(status).toEqual({ status: 'held', endsInMs: expect.any(Number) });
    expect(Math.round(Number(status.status === 'held' && status.endsInMs) / MINUTE_MS)).toBe(1);
    expect(JSON.stringify(status)).not.toContain(token);
  });

  it('do not touch what is no lock', async () => {
    const kv = makeKv();
    const locks = createLocks({ kv });
    await kv.execute([['SET', 'lock:{text}', 'something else']]);
    expect(await locks.acquire('text')).toEqual({ status: 'contended', retryAfterMs: 1_000 });
    expect(await locks.status('text')).toEqual({ status: 'held', endsInMs: undefined });
    await kv.execute([['RPUSH', 'lock:{list}', 'something else']]);
    await expect(locks.acquire('list')).rejects.toMatchObject({ code: 'COMMAND', replyCode: 'WRONGTYPE' });
    expect(await kv.command(['GET', 'lock:{text}'])).toBe('something else');
  });

  it('leave nothing in Redis that has no end', async () => {
    const kv = makeKv();
    const locks = createLocks({ kv });
    acquired(await locks.acquireToken('k'));
    for (const key of ['lock:{k}', 'lock:{k}:fence']) expect(await kv.command(['PTTL', key])).toBeGreaterThan(0);
  });
});

describe('a lock of this process', () => {
  it('costs one request to acquire, one to extend, one to release, and one to look at', async () => {
    const { locks, asked, store } = await lockRig();
    const { lock } = acquired(await locks.acquire('k'));
    await lock.extend();
    await locks.status('k');
    await lock.release();
    const { token } = acquired(await locks.acquireToken('k'));
    await locks.extendToken('k', token);
    await locks.releaseToken('k', token);
    expect(asked()).toEqual(['acquire', 'extend', 'PTTL', 'release', 'acquire', 'extend', 'release']);
    expect(store.requests).toHaveLength(7);
  });

  it('costs two requests around work that is soon done, and no timer stays', async () => {
    const { locks, asked, clock } = await lockRig();
    await locks.withLock('k', {}, () => {});
    expect(asked()).toEqual(['acquire', 'release']);
    expect(clock.pending()).toBe(0);
  });

  it('asks nothing for what cannot be a token', async () => {
    const { locks, store } = await lockRig();
    const noTexts = [null, undefined, 7, Array.from({ length: 22 }, () => 'x')] as unknown as readonly string[];
    for (const token of ['', 'short', 'x'.repeat(23), `${'x'.repeat(21)}:`, 'é'.repeat(22), ...noTexts]) {
      expect(await locks.releaseToken('k', token)).toEqual({ status: 'lost' });
      expect(await locks.extendToken('k', token)).toEqual({ status: 'lost' });
    }
    expect(store.requests).toEqual([]);
  });

  it('is counted, with what became of it', async () => {
    const { locks, elsewhere, clock, store } = await lockRig();
    expect(locks.stats()).toEqual({
      ...{
        acquired: 0,
        timedOut: 0,
        unavailable: 0,
        contended: 0,
        extended: 0,
        lost: 0,
        released: 0,
        releaseErrors: 0,
      },
      timeoutRate: undefined,
    });
    const { lock } = acquired(await locks.acquire('k'));
    await lock.extend();
    await lock.release();
    await lock.release();
    const { lock: other } = acquired(await elsewhere.acquire('k'));
    await locks.acquire('k');
    const waiting = locks.acquire('k', { waitMs: 1_000 });
    await clock.run(100);
    await other.release();
    await clock.run(100);
    acquired(await waiting);
    clock.advance(30_000);
    store.takeAway();
    await locks.acquire('k');
    expect(locks.stats()).toMatchObject({ acquired: 2, timedOut: 1, unavailable: 1, contended: 2 });
    expect(locks.stats()).toMatchObject({ extended: 1, lost: 1, released: 1, timeoutRate: 1 / 3 });
  });
});

describe('the options of locks', () => {
  it.each([
    ['ttlMs', 9],
    ['ttlMs', 86_400_001],
    ['ttlMs', 100.5],
    ['waitMs', -1],
    ['waitMs', Number.POSITIVE_INFINITY],
    ['retryMs', 0],
    ['maxHoldMs', 29_999],
  ])('are refused by name: %s %d', async (option, value) => {
    const { kv, locks, store } = await lockRig();
    expect(() => createLocks({ kv, [option]: value })).toThrow(ConfigError);
    await expect(locks.withLock('k', { [option]: value }, () => {})).rejects.toMatchObject({ setting: option });
    expect(store.requests).toEqual([]);
  });

  it('hold for each lock that names none of its own, as do our defaults for what is undefined', async () => {
    const { locks, lifeMs } = await lockRig({ ttlMs: 1_000 });
    await locks.acquireToken('a');
    await locks.acquireToken('b', { ttlMs: 2_000 });
    await locks.acquireToken('c', { ttlMs: undefined });
    expect([await lifeMs('a'), await lifeMs('b'), await lifeMs('c')]).toEqual([1_000, 2_000, 1_000]);
    const { locks: ours, lifeMs: life } = await lockRig({ ttlMs: undefined });
    await ours.acquireToken('a');
    expect(await life('a')).toBe(30_000);
  });

  it('refuse an extension that is none', async () => {
    const { locks } = await lockRig();
    const {
      lock,
      lock: { token },
    } = acquired(await locks.acquire('k'));
    await expect(lock.extend(9)).rejects.toMatchObject({ setting: 'ttlMs' });
    await expect(locks.extendToken('k', token, 0.5)).rejects.toMatchObject({ setting: 'ttlMs' });
    expect(lock.isValid()).toBe(true);
    await lock.release();
  });
});
