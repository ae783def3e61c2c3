import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import type { LimitResult } from '../../lib/limit/result.ts';
import { ALGORITHMS, heldRig, limitRig, sharedStore } from '../support/limit-rig.ts';
import { allowNoUnhandledRejection } from '../support/unhandled-rejections.ts';

allowNoUnhandledRejection();

const [LIMIT, HOUR_MS] = [40, 3_600_000];
const LEASED = { limit: LIMIT, windowMs: HOUR_MS, maxOverAdmission: 0.5 } as const;

const POLICIES = [
  ...ALGORITHMS.map((algorithm) => [algorithm, { algorithm, limit: LIMIT, windowMs: HOUR_MS }] as const),
  ['gcra with leases', LEASED] as const,
];

type Outcome = LimitResult | Error;

const outcomeOf = (check: Promise<LimitResult>): Promise<Outcome> =>
  check.catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));

const admittedOf = (outcomes: readonly Outcome[], costOf: (index: number) => number) =>
  outcomes.reduce((sum, one, index) => sum + (one instanceof Error || !one.allowed ? 0 : costOf(index)), 0);

describe.each(POLICIES)('a hundred checks at once: %s', (_, policy) => {
  const costOf = (index: number) => 1 + (index % 4);

  it('leave one by one while they are under way, and nobody pays for another', async () => {
    const { clock, held, take, peek } = heldRig(policy);
    await peek();
    held.hold();
    const controllers = Array.from({ length: 100 }, () => new AbortController());
    const checks = controllers.map(({ signal }, index) => outcomeOf(take(costOf(index), { signal })));
    const leave = (from: number) => {
      for (let index = from; index < 100; index += 6) controllers[index]?.abort(new Error('left'));
    };
    leave(0);
    await clock.run(0);
    leave(1);
    for (let turn = 0; turn < 20 && held.held > 0; turn += 1) {
      held.deliver(1);
      held.hold();
      await clock.run(1);
      if (turn === 1) leave(2);
    }
    held.deliver();
    await clock.run(1);
    const outcomes = await Promise.all(checks);
    outcomes.forEach((one, index) => {
      if (index % 6 < 2) expect(one).toEqual(new Error('left'));
    });
    const admitted = admittedOf(outcomes, costOf);
    expect(admitted).toBeLessThanOrEqual(LIMIT);
    const { remaining = -1 } = await peek();
    expect(admitted + remaining).toBeLessThanOrEqual(LIMIT);
    expect(clock.pending()).toBe(0);
  });

  it('run out of time one by one, and count here what Redis could not tell in time', async () => {
    const { clock, held, take, peek } = heldRig(policy, { onUnavailable: 'deny' });
    await peek();
    held.hold();
    const checks = Array.from({ length: 100 }, (_, index) => outcomeOf(take(1, { timeoutMs: 10 + index })));
    await clock.run(60);
    held.deliver();
    await clock.run(100);
    const outcomes = await Promise.all(checks);
    const bases = outcomes.map((one) => (one instanceof Error ? 'error' : one.basis));
    expect(bases.slice(0, 51)).toEqual(Array.from({ length: 51 }, () => 'policy'));
    expect(bases.slice(51)).not.toContain('policy');
    expect(admittedOf(outcomes, () => 1)).toBeLessThanOrEqual(LIMIT);
    expect(clock.pending()).toBe(0);
  });

  it('end all when the store hangs, each within its deadline', async () => {
    const { clock, held, take, peek } = heldRig(policy);
    await peek();
    held.hold();
    const checks = Array.from({ length: 100 }, (_, index) => take(costOf(index)));
    await clock.run(1_000);
    const results = await Promise.all(checks);
    expect(new Set(results.map(({ basis }) => basis))).toEqual(new Set(['local']));
    expect(admittedOf(results, costOf)).toBeLessThanOrEqual(LIMIT);
    held.deliver();
    await clock.run(10_000);
    expect(clock.pending()).toBe(0);
  });

  it('are charged in one epoch when all limits are cleared while they are under way', async () => {
    const shared = sharedStore();
    const [one, other] = [limitRig(policy, {}, shared), limitRig(policy, {}, shared)];
    await one.take(30);
    await other.limiter.clear();
    shared.clock.advance(1_000);
    const results = await Promise.all(Array.from({ length: 100 }, (_, index) => one.take(costOf(index))));
    const admitted = admittedOf(results, costOf);
    expect(admitted).toBeLessThanOrEqual(LIMIT);
    expect(admitted).toBeGreaterThan(LIMIT - 4);
  });
});

describe('permits taken in advance', () => {
  it('are not spent after all limits were cleared, here or elsewhere', async () => {
    const shared = sharedStore();
    const [one, other] = [limitRig(LEASED, {}, shared), limitRig(LEASED, {}, shared)];
    for (let turn = 0; turn < 10; turn += 1) await one.take();
    expect(await one.take()).toMatchObject({ basis: 'lease' });
    await other.limiter.clear();
    shared.clock.advance(1_000);
    await one.limiter.check({ p: 'bob' });
    expect(await one.take()).toMatchObject({ basis: 'store', remaining: LIMIT - 1 });
  });

  it('are taken behind an answer as work that ends without fail, and not twice at once', async () => {
    const { clock, held, limiter, take, peek, scripts } = heldRig({ ...LEASED, limit: 4_000 }, { prefetch: true });
    await peek();
    for (let turn = 0; turn < 200; turn += 1) await take();
    let result = await take();
    while (!result.pending) result = await take();
    await result.pending;
    const first = result.pending;
    expect(await first).toBeUndefined();
    for (let turn = 0; turn < 500; turn += 1) await take();
    await clock.run(0);
    const before = scripts();
    held.hold();
    result = await outcomeAsResult(take());
    while (!result.pending) result = await outcomeAsResult(take());
    expect((await take()).pending).toBeUndefined();
    await clock.run(0);
    held.lose();
    expect(await result.pending).toBeUndefined();
    expect(scripts() - before).toBe(1);
    expect(limiter.leases.size).toBe(1);
  });
});

async function outcomeAsResult(check: Promise<LimitResult>): Promise<LimitResult> {
  const outcome = await outcomeOf(check);
  if (outcome instanceof Error) throw outcome;
  return outcome;
}

describe('a subject from outside', () => {
  it('is no other account, nor two of them, for checks of the same turn', async () => {
    const { clock, store } = sharedStore();
    const quota = { limit: LIMIT, windowMs: HOUR_MS };
    const policies = [
      { name: 'one', ...quota },
      { name: 'two', ...quota },
    ];
    const limiter = createLimiter({ kv: createKv({ store, clock }), policies, refusalTtlMs: 0 });
    const { rule } = await limiter.chargeOf('two', 'b');
    const numbers = `${rule.kind}:${rule.periodUs}:${rule.capacity}:${rule.limit}:${rule.leaseMs}`;
    for (const hostile of [`a two:${numbers}:b`, `a two:${numbers}:1:b`]) {
      await Promise.all([limiter.check({ one: hostile }), limiter.check({ one: 'a', two: 'b' })]);
      expect((await limiter.peek({ one: hostile })).remaining).toBe(LIMIT - 1);
    }
    expect((await limiter.peek({ one: 'a' })).remaining).toBe(LIMIT - 2);
    expect((await limiter.peek({ two: 'b' })).remaining).toBe(LIMIT - 2);
  });
});
