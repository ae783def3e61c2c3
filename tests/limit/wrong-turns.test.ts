import { describe, expect, it } from 'vitest';
import type { Command } from '../../lib/store/store.ts';
import { contentsOf } from '../support/every-store.ts';
import { ALGORITHMS, heldRig, limitRig, type SharedStore, sharedStore } from '../support/limit-rig.ts';

/**
 * What limiters are known to get wrong, and what must hold instead. Elsewhere: a denial is never remembered beyond the
 * return of capacity, nor for a smaller cost (refusals.test.ts), and halves no throughput (overload.test.ts); addresses that
 * a client has made up (guard/client-ip.test.ts).
 */
const REFUNDED = ALGORITHMS.filter((algorithm) => algorithm !== 'concurrency');
const POLICY = { limit: 10, windowMs: 60_000 } as const;

const sizeOf = (commands: readonly Command[]) => JSON.stringify(commands).length;

async function ttls(store: SharedStore['store']): Promise<readonly number[]> {
  return [...(await contentsOf(store)).values()].map(({ ttlMs }) => ttlMs);
}

describe('a limiter', () => {
  it.each(ALGORITHMS)('gives every key an end, whatever the cost of the first check: %s', async (algorithm) => {
    for (const cost of [1, 2, 10]) {
      const { clock, store, take } = limitRig({ algorithm, ...POLICY });
      for (let turn = 0; turn < 30; turn += 1) {
        await take(cost);
        for (const ttlMs of await ttls(store)) {
          expect(ttlMs).toBeGreaterThan(0);
          expect(ttlMs).toBeLessThanOrEqual(2 * POLICY.windowMs);
        }
        clock.advance(3_700);
      }
      clock.advance(2 * POLICY.windowMs);
      expect(await ttls(store)).toEqual([]);
    }
  });

  it.each(ALGORITHMS)(
    'charges nothing for what it refuses, so that a smaller cost still fits: %s',
    async (algorithm) => {
      const { take, peek } = limitRig({ algorithm, ...POLICY });
      await take(8);
      for (let turn = 0; turn < 5; turn += 1) expect((await take(5)).allowed).toBe(false);
      expect((await peek()).remaining).toBe(2);
      for (let turn = 0; turn < 2; turn += 1) expect((await take(1)).allowed).toBe(true);
    },
  );

  it.each(ALGORITHMS)('locks nobody out who keeps on asking: %s', async (algorithm) => {
    const { clock, take } = limitRig({ algorithm, ...POLICY });
    await take(10);
    let admitted = 0;
    for (let ms = 0; ms < 2 * POLICY.windowMs; ms += 100) {
      clock.advance(100);
      const { allowed, release } = await take();
      if (allowed) admitted += 1;
      await release?.();
    }
    expect(admitted).toBeGreaterThanOrEqual(10);
  });

  it.each(REFUNDED)('never gives back above its capacity: %s', async (algorithm) => {
    const { take, refund } = limitRig({ algorithm, ...POLICY });
    await take(1);
    for (const cost of [50, 1, 1_000_000]) expect(await refund(cost)).toMatchObject({ remaining: 10 });
    let admitted = 0;
    for (let turn = 0; turn < 60; turn += 1) if ((await take()).allowed) admitted += 1;
    expect(admitted).toBe(10);
  });

  it.each(ALGORITHMS)('resets the subject it is told, and takes no name for a pattern: %s', async (algorithm) => {
    const { limiter } = limitRig({ algorithm, ...POLICY });
    const names = ['*', '?', 'u*', 'u', 'u1', 'u:x', '[u]', '\\*'];
    for (const p of names) await limiter.check({ p }, { cost: 4 });
    for (const [index, p] of names.entries()) {
      await limiter.reset({ p });
      const left = await Promise.all(names.map(async (name) => (await limiter.peek({ p: name })).remaining));
      expect(left).toEqual(names.map((_, other) => (other <= index ? 10 : 6)));
    }
  });

  it.each(ALGORITHMS)('charges once for a check whose reply was lost, and asks once: %s', async (algorithm) => {
    const { clock, held, store, take, peek } = heldRig({ algorithm, ...POLICY }, { onUnavailable: 'allow' });
    await peek();
    const before = store.requests.length;
    held.hold();
    const lost = take(3);
    await clock.run(0);
    held.lose();
    expect(await lost).toMatchObject({ allowed: true, basis: 'policy', remaining: undefined });
    await clock.run(10_000);
    expect(store.requests.length - before).toBe(1);
    expect((await peek()).remaining).toBe(algorithm === 'gcra' ? 8 : 7);
  });

  it.each(ALGORITHMS)('remembers no more subjects than it is told, whoever makes them up: %s', async (algorithm) => {
    const bounds = { maxLocalKeys: 20, refusalTtlMs: 60_000 };
    const { limiter, store } = limitRig({ algorithm, limit: 1, windowMs: 60_000 }, bounds);
    const stranger = async (index: number) => {
      await limiter.check({ p: `stranger-${index}` });
      await limiter.check({ p: `stranger-${index}` });
    };
    for (let index = 0; index < 60; index += 1) await stranger(index);
    expect(limiter.leases.size).toBe(algorithm === 'concurrency' ? 0 : 20);
    store.takeAway();
    for (let index = 100; index < 160; index += 1) await stranger(index);
    expect(limiter.leases.size).toBeLessThanOrEqual(20);
    const isRefused = async (index: number) => !(await limiter.check({ p: `stranger-${index}` })).allowed;
    expect([await isRefused(159), await isRefused(100)]).toEqual([true, false]);
  });

  it.each(ALGORITHMS)('admits its limit, not its limit for each process: %s', async (algorithm) => {
    const shared = sharedStore();
    const rigs = Array.from({ length: 20 }, () => limitRig({ algorithm, ...POLICY }, { refusalTtlMs: 1_000 }, shared));
    const results = await Promise.all(Array.from({ length: 10 }, () => rigs.map(({ take }) => take())).flat());
    expect(results.filter(({ allowed }) => allowed)).toHaveLength(10);
  });

  it.each(REFUNDED)('tells a look what has come back by now: %s', async (algorithm) => {
    const { clock, take, peek } = limitRig({ algorithm, ...POLICY });
    await take(10);
    clock.advance(2 * POLICY.windowMs);
    expect(await peek()).toMatchObject({ allowed: true, remaining: 10, reset: clock.now() });
  });

  it.each(ALGORITHMS)('sends and hears the same few bytes, however much has been taken: %s', async (algorithm) => {
    const { store, take, kv } = limitRig({ algorithm, limit: 2_000, windowMs: 60_000 });
    await take();
    await take();
    const atFirst = sizeOf(store.requests.at(-1) ?? []);
    await take(1_900);
    await take();
    expect(sizeOf(store.requests.at(-1) ?? [])).toBeLessThan(atFirst + 8);
    const reply = await kv.execute([store.requests.at(-1)?.[0] ?? ['PING']]);
    expect(JSON.stringify(reply).length).toBeLessThan(60);
  });

  it.each(ALGORITHMS)(
    'never says 0 where it does not know, and never calls an outage a grant of the store: %s',
    async (algorithm) => {
      for (const [onUnavailable, allowed] of [
        ['allow', true],
        ['deny', false],
      ] as const) {
        const { store, take, peek } = limitRig({ algorithm, ...POLICY }, { onUnavailable });
        store.takeAway();
        for (const act of [take, peek]) {
          expect(await act()).toMatchObject({
            allowed,
            remaining: undefined,
            reset: undefined,
            retryAfterMs: undefined,
            basis: 'policy',
          });
        }
      }
    },
  );
});

describe('the approximation of slidingWindow', () => {
  const worstCase = async (algorithm: 'slidingWindow' | 'slidingLog') => {
    const { clock, take } = limitRig({ algorithm, limit: 100, windowMs: 60_000 });
    clock.advance(59_999);
    const admitted: number[] = [];
    for (let turn = 0; turn < 100; turn += 1) if ((await take()).allowed) admitted.push(clock.now());
    for (let ms = 0; ms < 60_000; ms += 300) {
      clock.advance(300);
      if ((await take()).allowed) admitted.push(clock.now());
    }
    return Math.max(...admitted.map((from) => admitted.filter((at) => at >= from && at < from + 60_000).length));
  };

  it('can admit nearly twice its limit in an interval across two windows, which slidingLog never does', async () => {
    expect(await worstCase('slidingWindow')).toBeGreaterThan(190);
    expect(await worstCase('slidingLog')).toBe(100);
  });
});
