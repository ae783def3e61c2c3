import { afterEach, describe, expect, it, vi } from 'vitest';
import { ConfigError } from '../../lib/errors.ts';
import type { WaitOptions } from '../../lib/limit/limiter.ts';
import { ALGORITHMS, limitRig, type OnePolicy } from '../support/limit-rig.ts';
import { allowNoUnhandledRejection } from '../support/unhandled-rejections.ts';

allowNoUnhandledRejection();

const TEN = { limit: 10, windowMs: 10_000 } as const;

/** A rig whose ten permits are taken, and a wait on it that says when it has ended. */
async function spentRig(policy: OnePolicy = TEN, share = 0) {
  vi.spyOn(Math, 'random').mockReturnValue(share);
  const rig = limitRig(policy);
  await rig.take(10);
  const wait = (options: WaitOptions) => {
    const startedAt = rig.clock.now();
    let endedAfterMs: number | undefined;
    const result = rig.limiter.blockUntilReady({ p: 'alice' }, options).finally(() => {
      endedAfterMs = rig.clock.now() - startedAt;
    });
    return { result, endedAfterMs: () => endedAfterMs };
  };
  return { ...rig, wait };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('blockUntilReady', () => {
  it.each(ALGORITHMS)('waits as long as the refusal says, asks twice and leaves no timer: %s', async (algorithm) => {
    const { clock, wait, scripts, peek } = await spentRig({ algorithm, ...TEN });
    const { retryAfterMs = 0 } = await peek(3);
    const before = scripts();
    const { result, endedAfterMs } = wait({ cost: 3, maxWaitMs: 60_000 });
    await clock.run(retryAfterMs - 1);
    expect(endedAfterMs()).toBeUndefined();
    await clock.run(1);
    expect(endedAfterMs()).toBe(retryAfterMs);
    expect(await result).toMatchObject({ allowed: true, basis: 'store' });
    expect(scripts() - before).toBe(2);
    expect(clock.pending()).toBe(0);
  });

  it.each([
    [0, 1_000],
    [0.5, 1_050],
    [0.999, 1_100],
  ])('waits up to a tenth longer, by chance (%s)', async (share, waitMs) => {
    const { clock, wait } = await spentRig(TEN, share);
    const { result, endedAfterMs } = wait({ maxWaitMs: 60_000 });
    await clock.run(1_200);
    expect(Math.ceil(endedAfterMs() ?? 0)).toBe(waitMs);
    expect((await result).allowed).toBe(true);
  });

  it('begins no wait that cannot end in time, on both sides of the deadline', async () => {
    const { clock, wait, scripts } = await spentRig(TEN, 0.999);
    const before = scripts();
    expect(await wait({ maxWaitMs: 999 }).result).toMatchObject({ allowed: false, retryAfterMs: 1_000 });
    expect(await wait({ maxWaitMs: 0 }).result).toMatchObject({ allowed: false });
    expect(scripts() - before).toBe(2);
    expect(clock.pending()).toBe(0);
    const { result, endedAfterMs } = wait({ maxWaitMs: 1_000 });
    await clock.run(1_000);
    // Without the jitter: that would be too late.
    expect(endedAfterMs()).toBe(1_000);
    expect((await result).allowed).toBe(true);
  });

  it('begins none for a cost that never fits, and none where nobody can say', async () => {
    const { limiter, store, wait } = await spentRig();
    expect(await wait({ cost: 11, maxWaitMs: 60_000 }).result).toMatchObject({
      allowed: false,
      retryAfterMs: undefined,
    });
    store.takeAway();
    const denying = limitRig(TEN, { onUnavailable: 'deny' }, { clock: limitRig(TEN).clock, store });
    expect(await denying.limiter.blockUntilReady({ p: 'alice' }, { maxWaitMs: 60_000 })).toMatchObject({
      allowed: false,
      basis: 'policy',
    });
    expect((await limiter.blockUntilReady({ p: 'bob' }, { maxWaitMs: 60_000 })).basis).toBe('local');
  });

  it('waits on while others take what it has waited for, asks once a refusal, and ends in time', async () => {
    const { clock, wait, take, peek, scripts } = await spentRig();
    await peek();
    const before = scripts();
    const { result, endedAfterMs } = wait({ maxWaitMs: 5_500 });
    await clock.run(0);
    for (let second = 1; second <= 5; second += 1) {
      clock.jumpWall(1_000);
      expect((await take()).allowed).toBe(true);
      clock.jumpWall(-1_000);
      await clock.run(1_000);
    }
    expect(endedAfterMs()).toBe(5_000);
    expect(await result).toMatchObject({ allowed: false, retryAfterMs: 1_000 });
    expect(scripts() - before - 5).toBe(6);
  });

  it('leaves with its caller at once, before it asks, while it asks and while it waits', async () => {
    const { clock, wait, peek, scripts } = await spentRig();
    await peek();
    const before = scripts();
    const reason = new Error('the client left');
    await expect(wait({ maxWaitMs: 60_000, signal: AbortSignal.abort(reason) }).result).rejects.toBe(reason);
    expect(scripts()).toBe(before);
    const whileAsking = new AbortController();
    const asking = wait({ maxWaitMs: 60_000, signal: whileAsking.signal });
    whileAsking.abort(reason);
    await expect(asking.result).rejects.toBe(reason);
    const whileWaiting = new AbortController();
    const waiting = wait({ maxWaitMs: 60_000, signal: whileWaiting.signal });
    await clock.run(500);
    whileWaiting.abort(reason);
    await expect(waiting.result).rejects.toBe(reason);
    expect(clock.pending()).toBe(0);
  });

  it('ends at a clock that stands still within a request, as they do on some platforms', async () => {
    const { clock, store, take } = limitRig(TEN);
    await take(10);
    const timers: (() => void)[] = [];
    const frozen = {
      ...clock,
      after(ms: number, run: () => void) {
        // Deadlines of requests never ring here: each is answered at once.
        if (ms < 1_000 || ms > 1_100) return () => {};
        timers.push(run);
        return () => {};
      },
    };
    const { limiter, scripts } = limitRig(TEN, {}, { clock: frozen, store });
    const before = scripts();
    let isDone = false;
    const result = limiter.blockUntilReady({ p: 'alice' }, { maxWaitMs: 10_000, timeoutMs: 900 }).finally(() => {
      isDone = true;
    });
    for (let turn = 0; turn < 100 && !isDone; turn += 1) {
      await clock.run(0);
      timers.splice(0).forEach((run) => {
        run();
      });
    }
    expect(await result).toMatchObject({ allowed: false, retryAfterMs: 1_000 });
    expect(scripts() - before).toBeLessThanOrEqual(11);
  });

  it('asks a thousand times at most in a second of refusals that name hardly any time', async () => {
    const { clock, wait, scripts } = await spentRig({ limit: 1_000_000, windowMs: 1_000, burst: 10 });
    clock.jumpWall(-10);
    const before = scripts();
    const { result } = wait({ cost: 10, maxWaitMs: 1_000 });
    await clock.run(1_000);
    expect((await result).allowed).toBe(true);
    expect(scripts() - before).toBeLessThanOrEqual(1_001);
  });

  it.each([Number.NaN, -1, 2 ** 31, Number.POSITIVE_INFINITY])('refuses %s for a time to wait', async (maxWaitMs) => {
    const { wait, scripts } = await spentRig();
    const before = scripts();
    const { result } = wait({ maxWaitMs });
    await expect(result).rejects.toThrow(ConfigError);
    await expect(result).rejects.toMatchObject({ setting: 'maxWaitMs' });
    expect(scripts()).toBe(before);
  });
});
