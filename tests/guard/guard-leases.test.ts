import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { createGuard } from '../../lib/guard/guard.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { createLimiter, type LimiterOptions } from '../../lib/limit/limiter.ts';
import type { Policy } from '../../lib/limit/policy.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { watchedStore } from '../support/watched-store.ts';

const LEASED: readonly Policy[] = [
  { name: 'ip', limit: 600, windowMs: 60_000, maxOverAdmission: 0.1 },
  { name: 'key', limit: 300, windowMs: 60_000, maxOverAdmission: 0.1 },
];
/** Of both: 0.1 of a minute. */
const LEASE_MS = 6_000;
const EXACT: readonly Policy[] = LEASED.map((policy) => ({ ...policy, maxOverAdmission: 0 }));

async function guarded(policies = LEASED, more: Partial<LimiterOptions> = {}) {
  const clock = manualClock();
  const redis = memoryStore({ clock });
  const process = () => {
    const store = watchedStore(redis);
    const kv = createKv({ store, clock });
    const keys = createApiKeys({ kv });
    const limiter = createLimiter({ kv, policies, ...more });
    const guard = createGuard({
      kv,
      keys,
      limiter,
      routes: [{ path: '/*', limits: { ip: 'ip', key: 'key' } }],
      clientIp: (headers) => headers.get('x-real-ip') ?? undefined,
    });
    const ask = (key: string, ip = '192.0.2.1') =>
      guard.check(new Request('https://example.test/', { headers: { 'x-api-key': key, 'x-real-ip': ip } }));
    /** How many requests to Redis `times` requests from outside cost. */
    const cost = async (key: string, times: number, ip?: string) => {
      const before = store.requests.length;
      for (let time = 0; time < times; time += 1) expect(await ask(key, ip)).toMatchObject({ outcome: 'allow' });
      return store.requests.length - before;
    };
    return { store, kv, keys, limiter, ask, cost };
  };
  const first = process();
  const { key, record } = await first.keys.create({ owner: 'acme' });
  return { ...first, clock, redis, key, id: record.id, process };
}

describe('a guard whose limits are leased', () => {
  it('asks Redis for few of many requests of a key that it knows', async () => {
    const { key, cost } = await guarded();
    expect(await cost(key, 100)).toBeLessThan(15);
  });

  it('says that it rests on a lease, and does not call that degraded', async () => {
    const { key, ask, cost } = await guarded();
    await cost(key, 20);
    expect(await ask(key)).toMatchObject({ outcome: 'allow', degraded: [], limits: { basis: 'lease' } });
  });

  it('asks again about a key after 10 s, however many permits it holds', async () => {
    const { clock, key, store, ask, cost } = await guarded([
      { name: 'ip', limit: 6_000, windowMs: 600_000, maxOverAdmission: 0.1 },
      { name: 'key', limit: 6_000, windowMs: 600_000, maxOverAdmission: 0.1 },
    ]);
    await cost(key, 50);
    clock.advance(10_000);
    const before = store.requests.length;
    expect(await ask(key)).toMatchObject({ outcome: 'allow' });
    expect(store.requests.length - before).toBe(1);
  });

  it('refuses a revoked key at once here, and within 10 s elsewhere', async () => {
    const { clock, key, id, keys, ask, cost, process } = await guarded();
    const elsewhere = process();
    await cost(key, 50);
    await elsewhere.cost(key, 50);
    await keys.revoke(id);
    expect(await ask(key)).toMatchObject({ status: 401 });
    clock.advance(9_999);
    await elsewhere.ask(key);
    clock.advance(1);
    expect(await elsewhere.ask(key)).toMatchObject({ status: 401 });
  });

  it('takes a key that the store calls revoked for revoked, and gives back what it had set aside for it', async () => {
    const { key, id, keys, limiter, ask, cost, process } = await guarded();
    await cost(key, 50);
    const account = await limiter.chargeOf('key', (await keys.digest(key)).digest);
    while (limiter.leases.held(account) === 0) await cost(key, 1);
    const held = limiter.leases.held(account);
    await process().keys.revoke(id);
    expect(await ask(key, '192.0.2.9')).toMatchObject({ status: 401 });
    expect(limiter.leases.held(account)).toBe(held);
  });

  it('spends permits of the address that it holds for another key of the same address', async () => {
    const { key, keys, limiter, cost, ask, store } = await guarded();
    const other = await keys.create({ owner: 'other' });
    await cost(key, 40);
    const address = await limiter.chargeOf('ip', '192.0.2.1');
    while (limiter.leases.held(address) === 0) await cost(key, 1);
    const held = limiter.leases.held(address);
    const before = store.requests.length;
    expect(await ask(other.key)).toMatchObject({ outcome: 'allow', limits: { policies: [{}, {}] } });
    const asked = store.requests
      .slice(before)
      .flat()
      .flat()
      .filter((word) => String(word).startsWith('ratelimit:'));
    expect(asked).toEqual([expect.stringMatching(/^ratelimit:key:/)]);
    expect(limiter.leases.held(address)).toBe(held - 1);
  });

  it('never admits more than its bound, whatever it holds when the window of the lease ends', async () => {
    const { clock, key, ask } = await guarded([
      { name: 'ip', limit: 600, windowMs: 60_000, burst: 10, maxOverAdmission: 0.1 },
      { name: 'key', limit: 600, windowMs: 60_000, burst: 10, maxOverAdmission: 0.1 },
    ]);
    let admitted = 0;
    const spanMs = 10_000;
    for (let elapsed = 0; elapsed <= spanMs; elapsed += 20) {
      if ((await ask(key)).outcome === 'allow') admitted += 1;
      clock.advance(20);
    }
    expect(admitted).toBeLessThanOrEqual(10 + Math.floor((spanMs + LEASE_MS) / 100));
    expect(admitted).toBeGreaterThanOrEqual(0.97 * (spanMs / 100));
  });

  it('takes further permits before the last are spent, with nobody waiting, where that is asked for', async () => {
    const { key, ask, store } = await guarded(LEASED, { prefetch: true });
    const pending: Promise<void>[] = [];
    for (let time = 0; time < 200; time += 1) {
      const { limits } = await ask(key);
      if (!limits?.pending) continue;
      pending.push(limits.pending);
      await limits.pending;
    }
    expect(pending.length).toBeGreaterThan(3);
    const before = store.requests.length;
    store.takeAway();
    const { limits } = await ask(key);
    expect(limits).toMatchObject({ allowed: true, basis: 'lease' });
    await expect(limits?.pending ?? Promise.resolve()).resolves.toBeUndefined();
    expect(store.requests.length - before).toBeLessThanOrEqual(1);
  });

  it('counts under the plan of the key from its first request on', async () => {
    const { keys, ask } = await guarded();
    const small = await keys.create({ owner: 'small', limits: { key: { limit: 3, windowMs: 3_600_000 } } });
    const outcomes = [];
    for (let time = 0; time < 5; time += 1) outcomes.push((await ask(small.key)).outcome);
    expect(outcomes).toEqual(['allow', 'allow', 'allow', 'deny', 'deny']);
  });
});

describe('a guard that was refused', () => {
  it('does not ask Redis again while the refusal stands', async () => {
    const { key, ask, store, clock } = await guarded([
      { name: 'ip', limit: 2, windowMs: 60_000 },
      { name: 'key', limit: 100, windowMs: 60_000 },
    ]);
    for (let time = 0; time < 3; time += 1) await ask(key);
    const before = store.requests.length;
    for (let time = 0; time < 10; time += 1) {
      expect(await ask(key)).toMatchObject({ status: 429, degraded: [], limits: { basis: 'lease', policy: 'ip' } });
    }
    expect(store.requests).toHaveLength(before);
    clock.advance(1_000);
    expect(await ask(key)).toMatchObject({ status: 429, limits: { basis: 'store' } });
  });

  it('by the key lets other keys of the address in', async () => {
    const { key, keys, ask } = await guarded([
      { name: 'ip', limit: 100, windowMs: 60_000 },
      { name: 'key', limit: 1, windowMs: 60_000 },
    ]);
    const other = await keys.create({ owner: 'other' });
    await ask(key);
    for (let time = 0; time < 2; time += 1) expect(await ask(key)).toMatchObject({ status: 429 });
    expect(await ask(other.key)).toMatchObject({ outcome: 'allow' });
  });

  it('asks one request for each of many where nothing is leased and nothing refused', async () => {
    const { key, cost } = await guarded(EXACT);
    await cost(key, 1);
    expect(await cost(key, 20)).toBe(20);
  });
});
