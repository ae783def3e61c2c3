import { describe, expect, it } from 'vitest';
import { acquired, lockRig, outcomeOf } from '../../support/lock-rig.ts';
import { AWAY } from '../../support/scripted-client.ts';
import { allowNoUnhandledRejection } from '../../support/unhandled-rejections.ts';

/** Of 30 s: without the hundredth and the 2 ms that clocks may differ by. */
const VALID_MS = 29_698;

const reasonOf = (signal: AbortSignal) => (signal.aborted ? (signal.reason as { reason: string }).reason : undefined);

const rigWithLock = async () => {
  const rig = await lockRig();
  const { lock } = acquired(await rig.locks.acquire('k'));
  return { ...rig, lock };
};

describe('a lock', () => {
  allowNoUnhandledRejection();

  it('may be relied on for its life without a hundredth and 2 ms, and aborts its signal then', async () => {
    const { lock, clock, locks } = await rigWithLock();
    expect(lock.remainingMs()).toBe(VALID_MS);
    clock.advance(VALID_MS - 1);
    expect([lock.isValid(), lock.remainingMs(), lock.signal.aborted]).toEqual([true, 1, false]);
    clock.advance(1);
    expect([lock.signal.aborted, lock.isValid(), lock.remainingMs()]).toEqual([true, false, 0]);
    expect(lock.signal.reason).toMatchObject({ name: 'LockLostError', code: 'LOCK_LOST', reason: 'expired' });
    expect(locks.stats().lost).toBe(1);
    expect(clock.pending()).toBe(0);
  });

  it('counts its life from before it was asked for', async () => {
    const { locks, held, clock } = await lockRig();
    held.hold();
    const waiting = locks.acquire('k');
    await clock.run(400);
    held.deliver();
    expect(acquired(await waiting).lock.remainingMs()).toBe(VALID_MS - 400);
  });

  it('is over for a process that was suspended, before any timer has rung', async () => {
    const { lock, clock } = await rigWithLock();
    clock.suspend(VALID_MS - 1);
    expect(lock.isValid()).toBe(true);
    clock.suspend(1);
    expect(lock.signal.aborted).toBe(false);
    expect(lock.isValid()).toBe(false);
    expect(reasonOf(lock.signal)).toBe('expired');
  });

  it('does not last longer for a wall clock that is set back', async () => {
    const { lock, clock } = await rigWithLock();
    clock.jumpWall(-3_600_000);
    clock.advance(VALID_MS);
    expect(lock.signal.aborted).toBe(true);
  });

  it('has a whole life anew when it is extended, from before that was asked for', async () => {
    const { lock, clock, held, lifeMs } = await rigWithLock();
    clock.advance(20_000);
    held.hold();
    const extending = lock.extend();
    await clock.run(300);
    held.deliver();
    expect(await extending).toEqual({ status: 'extended' });
    expect(lock.remainingMs()).toBe(VALID_MS - 300);
    expect(await lifeMs('k')).toBe(29_700);
    clock.advance(VALID_MS - 301);
    expect(lock.signal.aborted).toBe(false);
    clock.advance(1);
    expect(lock.signal.aborted).toBe(true);
  });

  it('is not shortened by a short extension, and lengthened by a long one', async () => {
    const { lock, clock, lifeMs } = await rigWithLock();
    clock.advance(1_000);
    expect(await lock.extend(5_000)).toEqual({ status: 'extended' });
    expect([lock.remainingMs(), await lifeMs('k')]).toEqual([VALID_MS - 1_000, 29_000]);
    await lock.extend(60_000);
    expect([lock.remainingMs(), await lifeMs('k')]).toEqual([59_398, 60_000]);
  });

  it('is lost when Redis does not have it any more, and is not given again', async () => {
    const { lock, locks, memory, value, asked } = await rigWithLock();
    await memory.execute([['FLUSHALL']]);
    expect(await lock.extend()).toEqual({ status: 'lost' });
    expect([reasonOf(lock.signal), lock.isValid(), lock.remainingMs()]).toEqual(['gone', false, 0]);
    expect(await value('k')).toBeNull();
    expect([await lock.extend(), await lock.release()]).toEqual([{ status: 'lost' }, { status: 'lost' }]);
    expect(asked()).toEqual(['acquire', 'extend']);
    expect(locks.stats()).toMatchObject({ lost: 1, extended: 0, released: 0 });
  });

  it('is lost when another has it, who keeps it', async () => {
    const { lock, elsewhere, memory, value } = await rigWithLock();
    await memory.execute([['DEL', 'lock:{k}']]);
    acquired(await elsewhere.acquireToken('k'));
    const theirs = await value('k');
    expect(await lock.extend()).toEqual({ status: 'lost' });
    expect(await lock.release()).toEqual({ status: 'lost' });
    expect(await value('k')).toBe(theirs);
  });

  it('stays lost when Redis says too late that it was extended', async () => {
    const { lock, clock, held, asked } = await rigWithLock();
    clock.advance(VALID_MS - 10);
    held.hold();
    const extending = outcomeOf(lock.extend());
    await clock.run(10);
    expect(reasonOf(lock.signal)).toBe('expired');
    expect(extending.value).toMatchObject({ status: 'unavailable', mayHaveRun: true });
    held.deliver();
    await clock.run(0);
    expect(lock.isValid()).toBe(false);
    // It was extended for nobody: it is given back.
    expect(await lock.release()).toEqual({ status: 'released' });
    expect(asked()).toEqual(['acquire', 'extend', 'release']);
  });

  it('does not release what another has by then', async () => {
    const { lock, clock, elsewhere, value } = await rigWithLock();
    clock.advance(30_001);
    acquired(await elsewhere.acquireToken('k'));
    const theirs = await value('k');
    expect(await lock.release()).toEqual({ status: 'lost' });
    expect(await value('k')).toBe(theirs);
  });

  it('is released once, however often it is asked to, and does not abort its signal by that', async () => {
    const { lock, clock, asked, locks } = await rigWithLock();
    expect(await Promise.all([lock.release(), lock.release()])).toEqual([
      { status: 'released' },
      { status: 'released' },
    ]);
    await clock.run(60_000);
    expect([lock.signal.aborted, lock.isValid(), lock.remainingMs()]).toEqual([false, false, 0]);
    expect(await lock.extend()).toEqual({ status: 'lost' });
    expect(asked()).toEqual(['acquire', 'release']);
    expect(locks.stats()).toMatchObject({ released: 1, lost: 0 });
    expect(clock.pending()).toBe(0);
  });

  it('is not brought back by an extension that was under way when it was released', async () => {
    const { lock, clock, held, value } = await rigWithLock();
    held.hold();
    const extending = lock.extend();
    await clock.run(0);
    const releasing = lock.release();
    await clock.run(0);
    held.deliver();
    expect([await extending, await releasing]).toEqual([{ status: 'lost' }, { status: 'released' }]);
    expect([lock.isValid(), await value('k'), clock.pending()]).toEqual([false, null, 0]);
  });

  it('lasts as long as before while Redis is away, and is lost then', async () => {
    const { lock, clock, store, errors } = await rigWithLock();
    store.takeAway(AWAY);
    clock.advance(10_000);
    const away = { status: 'unavailable', retryAfterMs: 1_000, mayHaveRun: false };
    expect(await lock.extend()).toEqual(away);
    expect(lock.remainingMs()).toBe(VALID_MS - 10_000);
    clock.advance(VALID_MS - 10_000);
    expect(reasonOf(lock.signal)).toBe('expired');
    expect(await lock.release()).toEqual(away);
    expect(errors).toHaveLength(2);
  });

  it('says in its error what happened, and nothing of key or token', async () => {
    const { lock, clock } = await rigWithLock();
    clock.advance(30_000);
    expect(String(lock.signal.reason)).toBe('LockLostError: The lock was lost: it was not extended in time');
  });
});
