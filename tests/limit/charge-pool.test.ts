import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { StoreError } from '../../lib/errors.ts';
import type { Ask } from '../../lib/limit/asking.ts';
import { createChargePool } from '../../lib/limit/charge-pool.ts';
import { createLeases } from '../../lib/limit/leases.ts';
import { createLedger } from '../../lib/limit/ledger.ts';
import { compilePolicy } from '../../lib/limit/policy.ts';
import type { Answer, LimitResult } from '../../lib/limit/result.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { allowNoUnhandledRejection } from '../support/unhandled-rejections.ts';

allowNoUnhandledRejection();

interface Asked {
  readonly cost: number;
  readonly need: number;
  answer(taken: number, left: number): void;
  fail(error: Error): void;
}

/** A pool whose questions the test answers. */
function pooled(maxOverAdmission = 0) {
  const clock = manualClock();
  const asked: Asked[] = [];
  const ask: Ask = (charges, { cost, need }) =>
    new Promise<Answer | undefined>((resolve, reject) => {
      asked.push({
        cost,
        need,
        fail: reject,
        answer(taken, left) {
          const retryUs = taken < need ? 6_000_000 : 0;
          const account = { taken, left, resetUs: 60_000_000, retryUs };
          resolve({ granted: taken >= cost, accounts: charges.map(() => account) });
        },
      });
    });
  const kv = createKv({ store: memoryStore({ clock }), clock });
  const leases = createLeases({ clock, maxKeys: 100, refusalTtlMs: 0 });
  const ledger = createLedger({ kv, onUnavailable: 'local', maxLocalKeys: 100, expectedProcesses: 1, leases });
  const pool = createChargePool({ clock, sharesPromises: true, timeoutMs: 1_000, ask, ledger, leases });
  const { rule } = compilePolicy({ name: 'p', limit: 10, windowMs: 60_000, maxOverAdmission });
  const seen: string[] = [];
  const join = (
    name: string,
    options: { cost?: number; subject?: string; signal?: AbortSignal; timeoutMs?: number } = {},
  ) => {
    const { cost = 1, subject = 'a', ...callOptions } = options;
    const told = ({ allowed, basis }: LimitResult) => `${name} ${allowed ? 'granted' : 'refused'} (${basis})`;
    pool.join([{ rule, subject }], cost, callOptions).then(
      (result) => seen.push(told(result)),
      (error: unknown) => seen.push(`${name} ! ${error instanceof StoreError ? error.kind : String(error)}`),
    );
  };
  const question = (index: number): Asked => {
    const found = asked.at(index);
    if (!found) throw new Error(`question ${index} was not asked`);
    return found;
  };
  return { clock, pool, asked, seen, join, question };
}

describe('checks made together', () => {
  it('are one question when they are of one cost and one account, in the order in which they came', async () => {
    const { clock, pool, asked, seen, join, question } = pooled();
    for (const name of ['a', 'b', 'c']) join(name);
    join('weighty', { cost: 3 });
    join('other', { subject: 'b' });
    await clock.run(0);
    expect(asked.map(({ cost, need }) => [cost, need])).toEqual([
      [1, 3],
      [3, 3],
      [1, 1],
    ]);
    question(0).answer(2, 0);
    question(1).answer(0, 1);
    question(2).answer(1, 9);
    await clock.run(0);
    expect(seen).toEqual([
      'a granted (store)',
      'b granted (store)',
      'c refused (store)',
      'weighty refused (store)',
      'other granted (store)',
    ]);
    expect(pool.size).toBe(0);
  });

  it('all hear of an error, each of them, and the next check asks anew', async () => {
    const { clock, pool, asked, seen, join, question } = pooled();
    for (const name of ['a', 'b', 'c']) join(name);
    await clock.run(0);
    question(0).fail(new StoreError('network', 'gone', { mayHaveRun: true }));
    await clock.run(0);
    expect(seen).toEqual(['a ! network', 'b ! network', 'c ! network']);
    expect(pool.size).toBe(0);
    join('d');
    await clock.run(0);
    expect(asked).toHaveLength(2);
    question(1).answer(1, 9);
    await clock.run(0);
    expect(seen.at(-1)).toBe('d granted (store)');
  });

  it.each([0, 0.5])('are not charged for those who leave before the question is asked (lease %s)', async (share) => {
    const { clock, pool, asked, seen, join, question } = pooled(share);
    const controller = new AbortController();
    join('leaver', { signal: controller.signal });
    join('stayer');
    controller.abort('left');
    await clock.run(0);
    expect(asked.map(({ need }) => need)).toEqual([1]);
    question(0).answer(1, 9);
    await clock.run(0);
    expect(seen.toSorted()).toEqual(['leaver ! left', 'stayer granted (store)']);
    expect(pool.size).toBe(0);
  });

  it('ask nothing when all of them leave, and leave nothing behind', async () => {
    const { clock, pool, asked, seen, join } = pooled();
    for (let index = 0; index < 50; index += 1) {
      const controller = new AbortController();
      join(`${index}`, { signal: controller.signal, subject: `s${index}`, cost: 1 + (index % 3) });
      controller.abort('left');
      join('gone already', { signal: controller.signal });
    }
    await clock.run(0);
    expect([asked.length, pool.size, seen.length, clock.pending()]).toEqual([0, 0, 100, 0]);
  });

  it('are charged once for one who leaves while the question is out, and the others get their answer', async () => {
    const { clock, pool, asked, seen, join, question } = pooled();
    const controller = new AbortController();
    join('a');
    join('leaver', { signal: controller.signal });
    join('c');
    await clock.run(0);
    controller.abort('left');
    question(0).answer(3, 7);
    await clock.run(0);
    expect(seen.toSorted()).toEqual(['a granted (store)', 'c granted (store)', 'leaver ! left']);
    expect([asked.length, pool.size, clock.pending()]).toEqual([1, 0, 0]);
  });

  it('end with the deadline of each, not with the first, and a late answer is for those who still wait', async () => {
    const { clock, pool, seen, join, question } = pooled();
    join('hasty', { timeoutMs: 50 });
    join('patient');
    await clock.run(49);
    expect(seen).toEqual([]);
    await clock.run(1);
    expect(seen).toEqual(['hasty ! DeadlineError: No answer within 50 ms']);
    question(0).answer(2, 8);
    await clock.run(0);
    expect(seen.at(-1)).toBe('patient granted (store)');
    expect([pool.size, clock.pending()]).toEqual([0, 0]);
  });
});

describe('checks of a leased account', () => {
  it('wait for the one question that is out, are served from it in order, and ask for the rest', async () => {
    const { clock, pool, asked, seen, join, question } = pooled(0.5);
    join('a');
    await clock.run(0);
    for (const name of ['b', 'c', 'd']) join(name);
    await clock.run(0);
    expect(asked).toHaveLength(1);
    question(0).answer(2, 8);
    await clock.run(0);
    expect(seen).toEqual(['a granted (store)', 'b granted (lease)']);
    expect(asked.map(({ need }) => need)).toEqual([1, 2]);
    question(1).answer(2, 6);
    await clock.run(0);
    expect(seen.slice(2)).toEqual(['c granted (store)', 'd granted (store)']);
    expect([pool.size, clock.pending()]).toEqual([0, 0]);
  });

  it('are not kept by one who leaves, nor by a question that never comes back', async () => {
    const { clock, pool, asked, seen, join, question } = pooled(0.5);
    const controller = new AbortController();
    join('a');
    await clock.run(0);
    join('leaver', { signal: controller.signal });
    join('b', { timeoutMs: 200 });
    await clock.run(0);
    controller.abort('left');
    await clock.run(200);
    expect(seen).toEqual(['leaver ! left', 'b ! DeadlineError: No answer within 200 ms']);
    await clock.run(800);
    expect(seen.at(-1)).toBe('a ! DeadlineError: No answer within 1000 ms');
    expect([asked.length, pool.size, clock.pending()]).toEqual([1, 1, 0]);
    await clock.run(2_000);
    join('c');
    await clock.run(0);
    question(1).answer(1, 9);
    await clock.run(0);
    expect(seen.at(-1)).toBe('c granted (store)');
  });

  it('keep what was granted to one who had left, for those who come next', async () => {
    const { clock, asked, seen, join, question } = pooled(0.5);
    const controller = new AbortController();
    join('leaver', { signal: controller.signal });
    await clock.run(0);
    controller.abort('left');
    question(0).answer(5, 5);
    await clock.run(0);
    for (const name of ['a', 'b', 'c', 'd']) join(name);
    await clock.run(0);
    expect(seen.filter((line) => line.endsWith('granted (lease)'))).toHaveLength(4);
    expect(asked).toHaveLength(1);
  });

  it('all hear of an error, those who came while the question was out by a question of their own', async () => {
    const { clock, pool, asked, seen, join, question } = pooled(0.5);
    join('a');
    await clock.run(0);
    join('b');
    await clock.run(0);
    question(0).fail(new StoreError('network', 'gone'));
    await clock.run(0);
    expect(seen).toEqual(['a ! network']);
    expect(asked).toHaveLength(2);
    question(1).fail(new StoreError('network', 'gone'));
    await clock.run(0);
    expect(seen).toEqual(['a ! network', 'b ! network']);
    expect(pool.size).toBe(0);
  });

  it('are never more than one question at a time, whoever leaves in which turn', async () => {
    const { clock, pool, asked, join, question } = pooled(0.5);
    join('a');
    await clock.run(0);
    const controller = new AbortController();
    question(0).answer(1, 9);
    join('leaver', { signal: controller.signal });
    controller.abort('left');
    for (let turn = 0; turn < 6; turn += 1) {
      await Promise.resolve();
      join(`${turn}`);
    }
    await clock.run(0);
    expect(asked).toHaveLength(2);
    question(1).answer(6, 3);
    await clock.run(0);
    expect([asked.length, pool.size]).toEqual([2, 0]);
  });
});
