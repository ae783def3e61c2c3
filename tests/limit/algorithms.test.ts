import { expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import type { Policy } from '../../lib/limit/policy.ts';
import { contentsOf, onEveryStore } from '../support/every-store.ts';
import { ALGORITHMS } from '../support/limit-rig.ts';
import { watchedStore } from '../support/watched-store.ts';

/** Real time passes on some stores: nothing comes back within a test. */
const windowMs = 366 * 86_400_000;
const LIMIT = 20;

/** A policy for each algorithm, of its name. */
const POLICIES: readonly Policy[] = ALGORITHMS.map((algorithm) => ({
  name: algorithm.toLowerCase(),
  algorithm,
  limit: LIMIT,
  windowMs,
}));

const HOSTILE = [
  '\0',
  'a\r\nDEL *\r\n',
  '\ud83e',
  '\udfff\ud800',
  '{}',
  '{a}b{c}',
  '*',
  ':',
  'x'.repeat(1_048_576),
  '\0'.repeat(1_048_576),
];

onEveryStore('every algorithm of limits', (current) => {
  const rig = () => {
    const store = watchedStore(current());
    const limiter = createLimiter({
      kv: createKv({ store, requestTimeoutMs: 10_000 }),
      policies: POLICIES,
      refusalTtlMs: 0,
    });
    return { store, limiter };
  };

  it.each(POLICIES)('takes, looks, refuses and is reset, each in one atomic request: $name', async ({ name }) => {
    const { store, limiter } = rig();
    const who = { [name]: 'alice' };
    expect(await limiter.check(who, { cost: 8 })).toMatchObject({ allowed: true, remaining: 12, basis: 'store' });
    const before = store.requests.length;
    expect(await limiter.check(who, { cost: 12 })).toMatchObject({ allowed: true, remaining: 0 });
    expect(await limiter.check(who)).toMatchObject({ allowed: false, remaining: 0, policy: name });
    const look = await limiter.peek(who);
    expect(look).toMatchObject({ allowed: false, remaining: 0 });
    expect(look.retryAfterMs).toBeGreaterThan(0);
    expect(look.retryAfterMs).toBeLessThanOrEqual(2 * windowMs);
    expect(await limiter.check(who, { cost: LIMIT + 1 })).toMatchObject({ allowed: false, retryAfterMs: undefined });
    const sent = store.requests.slice(before).map((commands) => commands.map(([command]) => command));
    // The epoch is asked for once a second, along with a check.
    const scripts = sent.map((commands) => commands.filter((command) => command !== 'GET'));
    expect(scripts).toEqual(Array.from({ length: 4 }, () => ['EVALSHA']));
    await limiter.reset(who);
    expect(await limiter.check(who, { cost: LIMIT })).toMatchObject({ allowed: true, remaining: 0 });
    for (const { ttlMs } of (await contentsOf(store)).values()) expect(ttlMs).toBeGreaterThan(0);
  });

  it.each(POLICIES.filter(({ algorithm }) => algorithm !== 'concurrency'))(
    'gives back what was taken and no more: $name',
    async ({ name }) => {
      const { limiter } = rig();
      const who = { [name]: 'alice' };
      await limiter.check(who, { cost: 5 });
      expect(await limiter.refund(who, { cost: 2 })).toMatchObject({ allowed: true, remaining: 17 });
      expect(await limiter.refund(who, { cost: 1_000 })).toMatchObject({ allowed: true, remaining: LIMIT });
      expect(await limiter.refund({ [name]: 'nobody' }, { cost: 1 })).toMatchObject({ remaining: LIMIT });
      expect(await limiter.check(who, { cost: LIMIT })).toMatchObject({ allowed: true, remaining: 0 });
      expect((await limiter.check(who)).allowed).toBe(false);
    },
  );

  it.each(POLICIES)(
    'charges exactly what it admits of a hundred checks at once, of all costs: $name',
    async ({ name }) => {
      const processes = Array.from({ length: 4 }, () => rig().limiter);
      const who = { [name]: 'crowd' };
      const costs = Array.from({ length: 100 }, (_, index) => 1 + ((index * 7) % 5));
      const results = await Promise.all(costs.map((cost, index) => processes[index % 4]?.check(who, { cost })));
      const admitted = results.reduce((sum, result, index) => sum + (result?.allowed ? (costs[index] ?? 0) : 0), 0);
      expect(admitted).toBeLessThanOrEqual(LIMIT);
      expect(admitted).toBeGreaterThan(LIMIT - 5);
      expect((await rig().limiter.peek(who)).remaining).toBe(LIMIT - admitted);
      expect(results.every((result) => result?.basis === 'store')).toBe(true);
    },
  );

  it('charges all of them together or none, for subjects of whatever make', async () => {
    const { store, limiter } = rig();
    const all = (subject: string) => Object.fromEntries(POLICIES.map(({ name }) => [name, subject]));
    for (const subject of HOSTILE) {
      const { allowed, policies } = await limiter.check(all(subject), { cost: 3 });
      expect(allowed).toBe(true);
      expect(policies.map(({ remaining }) => remaining)).toEqual(POLICIES.map(() => LIMIT - 3));
    }
    const keys = [...(await contentsOf(store)).keys()];
    expect(keys).toHaveLength(HOSTILE.length * POLICIES.length);
    for (const key of keys) expect(key).toMatch(/^ratelimit:[\w.]+:[^:{}*?\s\p{Cc}\p{Cs}]{1,128}$/u);
    await limiter.check({ slidinglog: '*' }, { cost: LIMIT - 3 });
    expect((await limiter.check(all('*'))).policy).toBe('slidinglog');
    expect((await limiter.peek(all('*'))).policies.map(({ remaining }) => remaining)).toEqual(
      POLICIES.map(({ name }) => (name === 'slidinglog' ? 0 : LIMIT - 3)),
    );
  });

  it('fails for all of them where one key holds something else, and charges none', async () => {
    const { store, limiter } = rig();
    await store.execute([['SET', 'ratelimit:slidinglog.l:mine', 'mine']]);
    const subjects = Object.fromEntries(POLICIES.map(({ name }) => [name, 'mine']));
    expect(await limiter.check(subjects)).toMatchObject({ allowed: true, basis: 'local' });
    expect([...(await contentsOf(store)).keys()]).toEqual(['ratelimit:slidinglog.l:mine']);
  });
});
