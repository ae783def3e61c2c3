import { describe, expect, it, vi } from 'vitest';
import type { LockContext } from '../../../lib/primitives/lock/lock.ts';
import type { WithLockOptions } from '../../../lib/primitives/lock/lock-options.ts';
import { acquired, lockRig, outcomeOf } from '../../support/lock-rig.ts';
import { AWAY } from '../../support/scripted-client.ts';
import { allowNoUnhandledRejection } from '../../support/unhandled-rejections.ts';

/** Work under a lock that ends when the test says so. */
const rigAtWork = async (options: WithLockOptions = {}) => {
  const rig = await lockRig();
  let context: LockContext | undefined;
  let end: (value: string) => void = () => {};
  const working = rig.locks.withLock('k', options, (given) => {
    context = given;
    return new Promise<string>((resolve) => {
      end = resolve;
    });
  });
  const outcome = outcomeOf(working);
  await rig.clock.run(0);
  if (!context) throw new Error('It has not begun');
  return { ...rig, context, working, outcome, end: () => end('done') };
};

const reasonOf = ({ signal }: LockContext) =>
  signal.aborted ? (signal.reason as { reason: string }).reason : undefined;

describe('work under a lock', () => {
  allowNoUnhandledRejection();

  it('keeps it by an extension every third of its life', async () => {
    const { clock, asked, lifeMs, context, working, end } = await rigAtWork();
    await clock.run(9_999);
    expect(asked()).toEqual(['acquire']);
    await clock.run(1);
    expect(asked()).toEqual(['acquire', 'extend']);
    expect(await lifeMs('k')).toBe(30_000);
    await clock.run(50_000);
    expect(asked()).toEqual(['acquire', ...Array.from({ length: 6 }, () => 'extend')]);
    expect([context.isValid(), context.remainingMs()]).toEqual([true, 29_698]);
    end();
    expect(await working).toEqual({ status: 'done', value: 'done' });
    expect([asked().at(-1), await lifeMs('k'), clock.pending()]).toEqual(['release', -2, 0]);
  });

  it('keeps it where each answer takes a good part of its life', async () => {
    const { clock, held, asked, context, working, end } = await rigAtWork({ ttlMs: 2_000 });
    held.hold();
    await clock.run(667);
    // The life that is asked for at 667 ms is to be asked for again at 1,334: the answer comes at 1,467.
    for (let count = 0; count < 5; count += 1) {
      expect(asked()).toHaveLength(count + 2);
      await clock.run(800);
      held.deliver();
      held.hold();
      await clock.run(0);
    }
    expect([reasonOf(context), context.isValid()]).toEqual([undefined, true]);
    held.deliver();
    end();
    expect((await working).status).toBe('done');
  });

  it('extends it a third of its life after it was asked for, not after it was granted', async () => {
    const { locks, held, clock, asked } = await lockRig({ ttlMs: 2_000 });
    held.hold();
    const outcome = outcomeOf(
      locks.withLock('k', {}, () => new Promise((resolve) => clock.after(100, () => resolve(1)))),
    );
    await clock.run(900);
    held.deliver();
    await clock.run(0);
    expect(asked()).toEqual(['acquire', 'extend']);
    await clock.run(100);
    expect(outcome.value?.status).toBe('done');
  });

  it('keeps it for maxHoldMs and no longer, whatever extensions there were', async () => {
    const { clock, lifeMs, context, working, end, locks } = await rigAtWork({ maxHoldMs: 45_000 });
    await clock.run(20_000);
    // What is left of the 45 s is less than a life.
    expect(await lifeMs('k')).toBe(25_000);
    await clock.run(24_747);
    expect(context.isValid()).toBe(true);
    await clock.run(1);
    expect(reasonOf(context)).toBe('max-hold');
    expect(await lifeMs('k')).toBeLessThanOrEqual(252);
    expect(locks.stats()).toMatchObject({ extended: 2, lost: 1 });
    end();
    expect(await working).toEqual({ status: 'lost', value: 'done' });
  });

  it('holds it for as long as its options say, or those of all locks', async () => {
    const { locks, clock } = await lockRig({ maxHoldMs: 40_000 });
    const outcome = outcomeOf(
      locks.withLock('k', {}, ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', resolve))),
    );
    await clock.run(39_697);
    expect(outcome).toEqual({});
    await clock.run(1);
    expect(outcome.value?.status).toBe('lost');
  });

  it('is not extended where maxHoldMs is its life', async () => {
    const { clock, asked, context, end, working } = await rigAtWork({ maxHoldMs: 30_000 });
    await clock.run(29_698);
    expect([asked(), reasonOf(context)]).toEqual([['acquire'], 'max-hold']);
    end();
    expect((await working).status).toBe('lost');
  });

  it('holds it for five minutes at most where nothing else is said', async () => {
    const { clock, context, end, working } = await rigAtWork();
    await clock.run(299_000);
    expect(context.signal.aborted).toBe(false);
    await clock.run(1_000);
    expect(reasonOf(context)).toBe('max-hold');
    end();
    await working;
  });

  it('is not extended any more when it has ended, whatever becomes of an extension that is under way', async () => {
    const { clock, held, end, working, asked } = await rigAtWork();
    held.hold();
    await clock.run(10_000);
    end();
    await clock.run(0);
    held.lose(AWAY);
    expect((await working).status).toBe('done');
    expect([asked(), clock.pending()]).toEqual([['acquire', 'extend', 'release'], 0]);
  });

  it('tries again within its life when Redis is away for a while', async () => {
    const { clock, store, context, end, working, locks } = await rigAtWork();
    store.takeAway(AWAY);
    await clock.run(20_000);
    expect(context.remainingMs()).toBe(9_698);
    store.giveBack();
    await clock.run(5_000);
    expect(locks.stats().extended).toBe(1);
    expect(context.remainingMs()).toBeGreaterThan(20_000);
    await clock.run(60_000);
    end();
    expect((await working).status).toBe('done');
  });

  it('loses it at its end when Redis stays away, and is told by its signal', async () => {
    const { clock, store, context, end, working, outcome, locks } = await rigAtWork();
    store.takeAway(AWAY);
    await clock.run(29_697);
    expect(context.signal.aborted).toBe(false);
    await clock.run(1);
    expect(reasonOf(context)).toBe('expired');
    // What it does then is its own decision: it is waited for.
    expect(outcome).toEqual({});
    end();
    expect(await working).toEqual({ status: 'lost', value: 'done' });
    expect(locks.stats()).toMatchObject({ lost: 1, released: 0, releaseErrors: 1 });
  });

  it('loses it with the first extension that Redis refuses', async () => {
    const { clock, memory, asked, context, end, working } = await rigAtWork();
    await memory.execute([['FLUSHALL']]);
    await clock.run(10_000);
    expect(reasonOf(context)).toBe('gone');
    await clock.run(60_000);
    expect(asked()).toEqual(['acquire', 'extend']);
    end();
    expect((await working).status).toBe('lost');
  });

  it('has lost it when Redis does not have it any more at its release', async () => {
    const { clock, memory, elsewhere, context, end, working, locks } = await rigAtWork();
    await memory.execute([['FLUSHALL']]);
    acquired(await elsewhere.acquireToken('k'));
    await clock.run(5_000);
    expect(context.isValid()).toBe(true);
    end();
    expect(await working).toEqual({ status: 'lost', value: 'done' });
    expect(locks.stats()).toMatchObject({ lost: 1, released: 0, releaseErrors: 0 });
    expect((await elsewhere.status('k')).status).toBe('held');
  });

  it('loses it when its process was suspended for too long, and hears of it at once', async () => {
    const { clock, elsewhere, context, end, working, asked } = await rigAtWork();
    clock.suspend(31_000);
    const { fence } = acquired(await elsewhere.acquireToken('k'));
    expect(fence).toBeGreaterThan(context.fence);
    expect([context.isValid(), reasonOf(context)]).toEqual([false, 'expired']);
    await clock.run(20_000);
    expect(asked()).toEqual(['acquire']);
    end();
    expect((await working).status).toBe('lost');
    expect((await elsewhere.status('k')).status).toBe('held');
  });

  it('gives it back when it fails, and its error to the caller', async () => {
    const { locks, asked, clock } = await lockRig();
    const failing = locks.withLock('k', {}, () => Promise.reject(new TypeError('mine')));
    await expect(failing).rejects.toThrow(new TypeError('mine'));
    const throwing = locks.withLock('k', {}, () => {
      throw new TypeError('mine too');
    });
    await expect(throwing).rejects.toThrow(new TypeError('mine too'));
    expect([asked(), clock.pending()]).toEqual([['acquire', 'release', 'acquire', 'release'], 0]);
  });

  it('is not disturbed by a release that fails, which is counted', async () => {
    const { store, working, end, locks, errors } = await rigAtWork();
    store.takeAway(AWAY);
    end();
    expect(await working).toEqual({ status: 'done', value: 'done' });
    expect(locks.stats()).toMatchObject({ released: 0, releaseErrors: 1 });
    expect(errors).toEqual([AWAY]);
  });

  it('is not disturbed by a key that holds something else by then', async () => {
    const { memory, clock, working, end, context } = await rigAtWork();
    await memory.execute([
      ['DEL', 'lock:{k}'],
      ['RPUSH', 'lock:{k}', 'something else'],
    ]);
    await clock.run(29_698);
    expect(reasonOf(context)).toBe('expired');
    end();
    expect(await working).toEqual({ status: 'lost', value: 'done' });
  });

  it('is told by its signal when the caller leaves', async () => {
    const controller = new AbortController();
    const { context, working, end } = await rigAtWork({ signal: controller.signal });
    controller.abort(new Error('left'));
    expect(context.signal.reason).toEqual(new Error('left'));
    expect(context.isValid()).toBe(true);
    end();
    expect(await working).toEqual({ status: 'done', value: 'done' });
  });

  it('does not begin for a caller who leaves as the lock is granted, and gives it back', async () => {
    const { locks, clock, asked } = await lockRig();
    const controller = new AbortController();
    const after = clock.after;
    vi.spyOn(clock, 'after').mockImplementation((ms, run) => {
      // The end of the lock: it has just been granted.
      if (ms === 29_698) controller.abort('left');
      return after(ms, run);
    });
    const begun = vi.fn();
    await expect(locks.withLock('k', { signal: controller.signal }, begun)).rejects.toBe('left');
    expect(begun).not.toHaveBeenCalled();
    expect([asked(), clock.pending()]).toEqual([['acquire', 'release'], 0]);
  });

  it('does not begin for a caller who has left, nor while another holds the lock', async () => {
    const { locks, elsewhere, asked } = await lockRig();
    const work = () => {
      throw new Error('It has begun');
    };
    await expect(locks.withLock('k', { signal: AbortSignal.abort('left') }, work)).rejects.toBe('left');
    expect(asked()).toEqual([]);
    await elsewhere.acquireToken('k');
    expect(await locks.withLock('k', {}, work)).toEqual({ status: 'contended', retryAfterMs: 30_000 });
  });
});
