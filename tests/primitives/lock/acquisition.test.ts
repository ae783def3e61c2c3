import { describe, expect, it } from 'vitest';
import { sha256Sync } from '../../../lib/client/sha256.ts';
import { StoreError } from '../../../lib/errors.ts';
import { acquired, lockRig, outcomeOf } from '../../support/lock-rig.ts';
import { allowNoUnhandledRejection } from '../../support/unhandled-rejections.ts';

const LOST = new StoreError('network', 'reset', { mayHaveRun: true });

/** With `k` in another's hands. */
const contendedRig = async (...options: Parameters<typeof lockRig>) => {
  const rig = await lockRig(...options);
  const { token } = acquired(await rig.elsewhere.acquireToken('k'));
  return { ...rig, release: () => rig.elsewhere.releaseToken('k', token) };
};

describe('an acquisition', () => {
  allowNoUnhandledRejection();

  it('asks once unless it is told to wait', async () => {
    const { locks, asked, clock } = await contendedRig();
    clock.advance(1_000);
    expect(await locks.acquire('k')).toEqual({ status: 'contended', retryAfterMs: 29_000 });
    expect(asked()).toEqual(['acquire']);
  });

  it('asks again after a random share of retryMs, and has the lock when it is released', async () => {
    const shares = [0.5, 0.999, 0, 0.25];
    const { locks, asked, clock, release } = await contendedRig({ random: () => shares.shift() ?? 0.5 });
    const outcome = outcomeOf(locks.acquire('k', { waitMs: 10_000 }));
    const countAt = async (ms: number) => {
      await clock.run(ms);
      return asked().length;
    };
    expect(await countAt(0)).toBe(1);
    expect([await countAt(49), await countAt(1)]).toEqual([1, 2]);
    expect([await countAt(99), await countAt(1)]).toEqual([2, 3]);
    // However small the share, 5 ms.
    expect([await countAt(4), await countAt(1)]).toEqual([3, 4]);
    await release();
    expect([await countAt(24), await countAt(1)]).toEqual([4, 5]);
    expect(outcome.value?.status).toBe('acquired');
  });

  it('waits for less where the end of the lock is near', async () => {
    const { locks, asked, clock } = await contendedRig();
    await clock.run(29_960);
    const outcome = outcomeOf(locks.acquire('k', { waitMs: 10_000 }));
    await clock.run(19);
    expect(asked()).toHaveLength(1);
    await clock.run(1);
    expect(asked()).toHaveLength(2);
    await clock.run(30);
    expect(outcome.value?.status).toBe('acquired');
  });

  it('gives up when its time is over, having asked once more then, and sleeps no further', async () => {
    const { locks, asked, clock } = await contendedRig();
    const outcome = outcomeOf(locks.acquire('k', { waitMs: 120 }));
    await clock.run(119);
    expect([outcome, asked().length]).toEqual([{}, 3]);
    await clock.run(1);
    expect(outcome.value).toEqual({ status: 'contended', retryAfterMs: 29_880 });
    expect([asked().length, clock.pending()]).toEqual([4, 0]);
    expect(locks.stats()).toMatchObject({ timedOut: 1, contended: 1, acquired: 0 });
  });

  it('ends at once when its caller leaves while it waits, and asks nothing more', async () => {
    const { locks, asked, clock } = await contendedRig();
    const controller = new AbortController();
    const outcome = outcomeOf(locks.acquire('k', { waitMs: 10_000, signal: controller.signal }));
    await clock.run(10);
    controller.abort('left');
    await clock.run(10_000);
    expect(outcome).toEqual({ error: 'left' });
    expect([asked(), clock.pending()]).toEqual([['acquire'], 0]);
  });

  it('leaves nothing locked when its caller leaves while it asks', async () => {
    const { locks, held, clock, value, kept } = await lockRig();
    const controller = new AbortController();
    held.hold();
    const outcome = outcomeOf(locks.acquire('k', { signal: controller.signal }));
    await clock.run(0);
    expect(await value('k')).not.toBeNull();
    controller.abort('left');
    await clock.run(0);
    expect(outcome).toEqual({ error: 'left' });
    expect(kept).toHaveLength(1);
    held.deliver();
    await Promise.all(kept);
    expect(await value('k')).toBeNull();
  });

  it('leaves nothing locked when its caller leaves as the answer comes', async () => {
    const { locks, kv, held, clock, value, kept } = await lockRig();
    const controller = new AbortController();
    held.hold();
    // In one request with the acquisitions, whose answers go a longer way.
    kv.command(['GET', 'has been cancelled']).then(() => controller.abort('left'));
    const handle = outcomeOf(locks.acquire('a', controller));
    const token = outcomeOf(locks.acquireToken('b', controller));
    await clock.run(0);
    held.deliver();
    await clock.run(0);
    expect([handle, token]).toEqual([{ error: 'left' }, { error: 'left' }]);
    await Promise.all(kept);
    expect([await value('a'), await value('b'), clock.pending()]).toEqual([null, null, 0]);
  });

  it('whose reply is lost is made again with the same token, and has one grant', async () => {
    const { locks, held, clock, asked, value } = await lockRig();
    held.hold();
    const outcome = outcomeOf(locks.acquireToken('k'));
    await clock.run(0);
    const granted = await value('k');
    held.lose(LOST);
    await clock.run(0);
    const { token, fence } = acquired(outcome.value ?? ({ status: 'none' } as never));
    const kept = `${sha256Sync(token)}:${fence}`;
    expect([await value('k'), granted]).toEqual([kept, kept]);
    expect(asked()).toEqual(['acquire', 'acquire']);
    expect(locks.stats()).toMatchObject({ acquired: 1, unavailable: 0 });
  });

  it('is made again once, and then what it may have locked is given back', async () => {
    const { locks, held, clock, asked, errors, value } = await lockRig();
    held.hold();
    const outcome = outcomeOf(locks.acquire('k'));
    await clock.run(0);
    held.lose(LOST);
    held.hold();
    await clock.run(0);
    held.lose(LOST);
    await clock.run(0);
    expect(outcome.value).toEqual({ status: 'unavailable', retryAfterMs: 1_000, mayHaveRun: true });
    expect(asked()).toEqual(['acquire', 'acquire', 'release']);
    expect([errors, await value('k')]).toEqual([[LOST], null]);
  });

  it('may have locked the key, and gives it back, when its reply is lost and Redis is away then', async () => {
    const { locks, held, store, clock, asked, value } = await lockRig({ onError: () => store.giveBack() });
    held.hold();
    const outcome = outcomeOf(locks.acquire('k'));
    await clock.run(0);
    store.takeAway(new StoreError('network', 'refused', { mayHaveRun: false }));
    held.lose(LOST);
    await clock.run(0);
    expect(outcome.value).toEqual({ status: 'unavailable', retryAfterMs: 1_000, mayHaveRun: true });
    expect([asked(), await value('k')]).toEqual([['acquire', 'acquire', 'release'], null]);
  });

  it('is made again within its time only', async () => {
    const { locks, held, clock, asked } = await lockRig();
    held.hold();
    const once = outcomeOf(locks.acquire('a'));
    const longer = outcomeOf(locks.acquire('b', { waitMs: 1_500 }));
    await clock.run(1_000);
    expect(once.value).toEqual({ status: 'unavailable', retryAfterMs: 1_000, mayHaveRun: true });
    expect(asked()).toEqual(['acquire', 'acquire', 'release', 'acquire']);
    expect(longer).toEqual({});
    await clock.run(500);
    expect(longer.value?.status).toBe('unavailable');
  });

  it('whose answer comes when the lock may have ended is none, and gives it back', async () => {
    const { locks, held, clock, value, asked } = await lockRig({}, { requestTimeoutMs: 5_000 });
    held.hold();
    const outcome = outcomeOf(locks.acquire('k', { ttlMs: 1_000 }));
    await clock.run(988);
    held.deliver();
    await clock.run(0);
    expect(outcome.value).toEqual({ status: 'unavailable', retryAfterMs: 1_000, mayHaveRun: true });
    expect([asked(), await value('k')]).toEqual([['acquire', 'release'], null]);
  });

  it('whose answer comes a moment before that is one', async () => {
    const { locks, held, clock } = await lockRig({}, { requestTimeoutMs: 5_000 });
    held.hold();
    const outcome = outcomeOf(locks.acquireToken('k', { ttlMs: 1_000 }));
    await clock.run(987);
    held.deliver();
    await clock.run(0);
    expect(outcome.value).toMatchObject({ status: 'acquired', remainingMs: 1 });
  });
});

describe('an acquisition while Redis is away', () => {
  allowNoUnhandledRejection();

  const NEVER_SENT = new StoreError('network', 'refused', { mayHaveRun: false });

  it('is unavailable, whatever it asks with, and nothing runs here instead', async () => {
    const { locks, store, asked } = await lockRig();
    store.takeAway(NEVER_SENT);
    const away = { status: 'unavailable', retryAfterMs: 1_000, mayHaveRun: false };
    const work = () => {
      throw new Error('It has begun');
    };
    expect(await locks.acquire('k')).toEqual(away);
    expect(await locks.acquireToken('k', { waitMs: 60_000 })).toEqual(away);
    expect(await locks.withLock('k', {}, work)).toEqual(away);
    // Nothing has been lost: it is not made again, and there is nothing to give back.
    expect(asked()).toEqual(['acquire', 'acquire', 'acquire']);
    expect(locks.stats()).toMatchObject({ unavailable: 3, acquired: 0, timeoutRate: undefined });
  });

  it('asks nothing while the circuit is open, and says when that ends', async () => {
    const { locks, store, kv, asked } = await lockRig();
    store.takeAway(NEVER_SENT);
    for (let index = 0; index < 5; index += 1) await locks.acquire('k');
    const retryAfterMs = kv.circuit.state().retryAfterMs;
    expect(await locks.acquire('k')).toEqual({ status: 'unavailable', retryAfterMs, mayHaveRun: false });
    expect(asked()).toHaveLength(5);
  });

  it('is unavailable at once when Redis goes away while it waits', async () => {
    const { locks, store, clock } = await contendedRig();
    const outcome = outcomeOf(locks.acquire('k', { waitMs: 60_000 }));
    await clock.run(10);
    store.takeAway(NEVER_SENT);
    await clock.run(100);
    expect(outcome.value).toMatchObject({ status: 'unavailable' });
    expect(locks.stats()).toMatchObject({ unavailable: 1, timedOut: 0 });
  });

  it('is followed by no answer that is a guess: of tokens and status alike', async () => {
    const { locks, store, errors } = await lockRig();
    const { token } = acquired(await locks.acquireToken('k'));
    store.takeAway(LOST);
    const away = { status: 'unavailable', retryAfterMs: 1_000, mayHaveRun: true };
    expect(await locks.releaseToken('k', token)).toEqual(away);
    expect(await locks.extendToken('k', token)).toEqual(away);
    expect(await locks.status('k')).toMatchObject({ status: 'unavailable' });
    expect(locks.stats()).toMatchObject({ released: 0, releaseErrors: 1, extended: 0 });
    expect(errors).toHaveLength(3);
  });

  it('does not fail for a listener or a platform that does', async () => {
    const failing = () => {
      throw new Error('theirs');
    };
    const { locks, store } = await lockRig({ onError: failing, waitUntil: failing });
    store.takeAway(LOST);
    expect(await locks.acquire('k')).toMatchObject({ status: 'unavailable', mayHaveRun: true });
  });
});
