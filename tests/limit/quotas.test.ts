import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import type { Quota } from '../../lib/client/quota.ts';
import { ConfigError } from '../../lib/errors.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import type { QuotaOf } from '../../lib/limit/policy.ts';
import { ALGORITHMS, limitRig, sharedStore } from '../support/limit-rig.ts';
import { allowNoUnhandledRejection } from '../support/unhandled-rejections.ts';

allowNoUnhandledRejection();

const HOUR_MS = 3_600_000;
const PLANS: Readonly<Record<string, Quota>> = {
  free: { limit: 2, windowMs: HOUR_MS },
  pro: { limit: 20, windowMs: HOUR_MS },
};

function planned(limit: QuotaOf) {
  const { clock, store } = sharedStore();
  const asked: string[] = [];
  const limiter = createLimiter({
    kv: createKv({ store, clock }),
    policies: [
      {
        name: 'p',
        limit: (subject) => {
          asked.push(subject);
          return limit(subject);
        },
      },
    ],
  });
  return { limiter, clock, store, asked, take: (p: string, cost = 1) => limiter.check({ p }, { cost }) };
}

const planOf = (subject: string): Quota => PLANS[subject.split('-')[0] ?? ''] ?? { limit: 1, windowMs: HOUR_MS };

describe('a limit that depends on the subject', () => {
  it.each<[string, QuotaOf]>([
    ['at once', planOf],
    ['later', async (subject) => planOf(subject)],
  ])('counts each subject under its own plan, which is known %s', async (_, limit) => {
    const { take, asked } = planned(limit);
    expect(await take('free-a', 2)).toMatchObject({ allowed: true, remaining: 0, limit: 2 });
    expect(await take('free-a')).toMatchObject({ allowed: false, limit: 2 });
    expect(await take('pro-a', 2)).toMatchObject({ allowed: true, remaining: 18, limit: 20 });
    expect(asked).toEqual(['free-a', 'free-a', 'pro-a']);
  });

  it('is asked about the subject as it was given, however long, and not where a quota is given with the check', async () => {
    const { limiter, take, asked } = planned(planOf);
    const long = `free-${'x'.repeat(10_000)}`;
    expect(await take(long)).toMatchObject({ limit: 2 });
    expect(asked).toEqual([long]);
    expect(await limiter.check({ p: 'free-b' }, { quotas: { p: { limit: 9, windowMs: HOUR_MS } } })).toMatchObject({
      limit: 9,
    });
    expect(asked).toEqual([long]);
  });

  it('counts here under the same plan while Redis is away', async () => {
    const { store, take } = planned(planOf);
    store.takeAway();
    expect(await take('pro-a', 20)).toMatchObject({ allowed: true, limit: 20, basis: 'local' });
    expect(await take('free-a', 3)).toMatchObject({ allowed: false, limit: 2, basis: 'local' });
  });

  it.each<[string, QuotaOf]>([
    [
      'throws',
      () => {
        throw new Error('the plans are away');
      },
    ],
    ['rejects', () => Promise.reject(new Error('the plans are away'))],
  ])('fails the check with its own error when the function %s, and charges nobody', async (_, limit) => {
    const { limiter, store, take } = planned(limit);
    for (const subject of ['a', 'x'.repeat(10_000)]) {
      await expect(take(subject)).rejects.toThrow('the plans are away');
      await expect(limiter.peek({ p: subject })).rejects.toThrow('the plans are away');
    }
    expect(store.requests).toEqual([]);
  });

  it('is waited for no longer than a request may take', async () => {
    const { clock, store, take } = planned(() => new Promise<Quota>(() => undefined));
    const told = take('a').catch((error: unknown) => error);
    await clock.run(1_000);
    expect(await told).toMatchObject({ code: 'DEADLINE', mayHaveRun: false });
    expect(store.requests).toEqual([]);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['nothing, later', Promise.resolve(undefined)],
    ['null', null],
    ['an empty plan', {}],
    ['a limit of 0', { limit: 0, windowMs: HOUR_MS }],
    ['half a permit', { limit: 0.5, windowMs: HOUR_MS }],
    ['a number', 5],
  ])('is refused as wrong when the function answers %s: never a limit that nobody has set', async (_, answer) => {
    const { store, take } = planned(() => answer as Quota);
    await expect(take('a')).rejects.toThrow(ConfigError);
    expect(store.requests).toEqual([]);
  });

  it.each(ALGORITHMS)(
    'takes effect at once when a plan goes up or down, and forgets nothing: %s',
    async (algorithm) => {
      const { take, peek } = limitRig({ algorithm, limit: 10, windowMs: HOUR_MS });
      const plan = (limit: number) => ({ quotas: { p: { limit, windowMs: HOUR_MS } } });
      await take(6);
      expect(await take(1, plan(4))).toMatchObject({ allowed: false, limit: 4, remaining: 0 });
      expect(await peek(1, plan(20))).toMatchObject({ allowed: true, limit: 20, remaining: 14 });
      expect(await take(10, plan(20))).toMatchObject({ allowed: true, remaining: 4 });
      expect(await take(1, plan(10))).toMatchObject({ allowed: false, remaining: 0 });
      expect(await take(4, plan(20))).toMatchObject({ allowed: true, remaining: 0 });
    },
  );
});
