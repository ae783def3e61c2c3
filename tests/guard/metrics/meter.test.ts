import { describe, expect, it } from 'vitest';
import { createCache } from '../../../lib/cache/cache.ts';
import { createKv } from '../../../lib/client/kv-client.ts';
import type { GuardMode } from '../../../lib/guard/decision.ts';
import { createGuard } from '../../../lib/guard/guard.ts';
import { createMeter, type MeterOptions } from '../../../lib/guard/metrics/meter.ts';
import { createApiKeys } from '../../../lib/keys/api-keys.ts';
import { createLimiter } from '../../../lib/limit/limiter.ts';
import { createLocks } from '../../../lib/primitives/lock/locks.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { scriptedStore } from '../../../lib/testing/scripted-store.ts';
import { AWAY } from '../../support/scripted-client.ts';

const MINUTE_MS = 60_000;

/** A store that goes away when it is told to. */
function frailStore() {
  const store = memoryStore();
  let isAway = false;
  return {
    ...store,
    execute: (...asked: Parameters<typeof store.execute>) => (isAway ? Promise.reject(AWAY) : store.execute(...asked)),
    goAway: (away: boolean) => {
      isAway = away;
    },
  };
}

function rig(options: Omit<MeterOptions, 'clock'> = {}, mode: GuardMode = 'enforce') {
  const clock = manualClock();
  const store = frailStore();
  const meter = createMeter({ ...options, clock });
  const kv = createKv({ store, clock, telemetry: meter });
  const keys = createApiKeys({ kv });
  const limiter = createLimiter({
    kv,
    policies: [
      { name: 'ip', limit: 3, windowMs: MINUTE_MS },
      { name: 'key', limit: 2, windowMs: MINUTE_MS },
    ],
  });
  const guard = createGuard({
    ...{ kv, keys, limiter, mode },
    routes: [
      { path: '/public', auth: 'none', limits: { ip: 'ip' } },
      { path: '/open/*', auth: 'none' },
      { path: '/api/*', limits: { key: 'key' } },
    ],
    clientIp: (headers) => headers.get('x-real-ip') ?? undefined,
  });
  const ask = (path: string, headers: Record<string, string> = {}) =>
    guard.check(new Request(`https://example.test${path}`, { headers }));
  return { clock, store, meter, kv, keys, ask, look: () => meter.snapshot(kv) };
}

describe('a meter', () => {
  it('counts decisions by what became of them, and refusals by their code', async () => {
    const { ask, keys, look } = rig();
    const { key } = await keys.create({ owner: 'a' });
    for (let time = 0; time < 3; time += 1) await ask('/api/echo', { 'x-api-key': key });
    await ask('/api/echo');
    await ask('/elsewhere');
    const { decisions, decisionDuration } = look();
    expect(decisions).toEqual({
      ...{ allowed: 2, limited: 1, refused: 1, degraded: 0, degradedKeys: 0, reported: 0 },
      byCode: { 'quota-exceeded': 1, 'api-key-missing': 1 },
    });
    expect(decisionDuration.counts.reduce((sum, count) => sum + count)).toBe(4);
  });

  it('counts as allowed what is only reported, and says how much of it there was', async () => {
    const { ask, look } = rig({}, 'report');
    expect(await ask('/api/echo')).toMatchObject({ outcome: 'allow', reported: { code: 'api-key-missing' } });
    expect(look().decisions).toMatchObject({ allowed: 1, refused: 0, reported: 1, byCode: {} });
  });

  it('counts no decision about a route that asks for nothing, unless it is a refusal', async () => {
    const { ask, look } = rig();
    await ask('/open/page');
    expect(look().decisions).toMatchObject({ allowed: 0, refused: 0 });
    await ask('/open/%ff');
    expect(look().decisions).toMatchObject({ allowed: 0, refused: 1, byCode: { 'path-malformed': 1 } });
  });

  it('counts what was decided without Redis, and does not count a refusal as degraded', async () => {
    const { ask, keys, look, store } = rig();
    const { key, record } = await keys.create({ owner: 'a' });
    await ask('/api/echo', { 'x-api-key': key });
    store.goAway(true);
    expect(await ask('/api/echo', { 'x-api-key': key })).toMatchObject({ outcome: 'allow' });
    await ask('/public', { 'x-real-ip': '192.0.2.1' });
    await ask('/api/echo', { 'x-api-key': (await rig().keys.create({ owner: 'b' })).key });
    expect(look().decisions).toMatchObject({ allowed: 3, refused: 1, degraded: 2, degradedKeys: 1 });
    expect(look().busiest[0]).toMatchObject({ label: record.id, basis: 'local' });
  });

  it('counts checks by policy, and names accounts by the id of the key or a masked address', async () => {
    const { ask, keys, look } = rig();
    const { key, record } = await keys.create({ owner: 'a' });
    for (let time = 0; time < 3; time += 1) await ask('/api/echo', { 'x-api-key': key });
    for (let time = 0; time < 5; time += 1) await ask('/public', { 'x-real-ip': '192.0.2.1' });
    const { policies, busiest } = look();
    expect(policies).toEqual({ ip: { allowed: 3, limited: 2 }, key: { allowed: 2, limited: 1 } });
    expect(busiest).toMatchObject([
      { label: '192.0.2.*', policy: 'ip', limit: 3, used: 3, basis: 'lease', checks: 5 },
      { label: record.id, policy: 'key', limit: 2, used: 2, basis: 'store', checks: 3 },
    ]);
    expect(busiest[0]?.retryAfterMs).toBeGreaterThan(0);
    const text = JSON.stringify(look());
    for (const secret of [key, '192.0.2.1']) expect(text).not.toContain(secret);
  });

  it('counts requests, commands and how long callers waited, and what the circuit did', async () => {
    const { clock, kv, store, look } = rig();
    await Promise.all([kv.command(['GET', 'a']), kv.command(['GET', 'a']), kv.command(['GET', 'b'])]);
    store.goAway(true);
    for (let time = 0; time < 6; time += 1) await kv.command(['GET', 'a']).catch(() => undefined);
    clock.advance(2_000);
    const { requests, operationDuration, circuit, openMs, transitions, startedAt, at } = look();
    expect(requests).toEqual({
      ...{ success: 1, failure: 5, neutral: 0, refused: 1, commands: 7, coalesced: 1, failures: { network: 5 } },
    });
    expect(operationDuration.counts.reduce((sum, count) => sum + count)).toBe(9);
    expect(circuit.state).toBe('OPEN');
    expect(openMs).toBe(2_000);
    expect(transitions).toMatchObject([{ from: 'CLOSED', to: 'OPEN', reason: 'network', openForMs: 10_000 }]);
    expect(at - startedAt).toBe(2_000);
  });

  it('counts how long a call took from beginning to end', async () => {
    const clock = manualClock();
    const store = scriptedStore();
    const meter = createMeter({ clock });
    const kv = createKv({ store, clock, telemetry: meter });
    const asked = kv.command(['GET', 'a']);
    await clock.run(0);
    await clock.run(50);
    store.sent[0]?.answer(['1']);
    await asked;
    const { boundsMs, counts, sumMs } = meter.snapshot(kv).operationDuration;
    expect(counts[boundsMs.indexOf(50)]).toBe(1);
    expect(sumMs).toBe(50);
  });

  it('counts reads of caches: served, missed, and without Redis', async () => {
    const { kv, store, look } = rig();
    const cache = createCache<string>({ kv, namespace: 'test', ttlMs: MINUTE_MS });
    await cache.getOrFetch('a', async () => 'A');
    await cache.get('a');
    await cache.get('b');
    store.goAway(true);
    await cache.get('c');
    expect(look().caches).toEqual({ hits: 1, misses: 2, unavailable: 1 });
  });

  it('counts locks: acquired, not granted in time, and without Redis', async () => {
    const { clock, kv, store, look } = rig();
    const locks = createLocks({ kv });
    await locks.acquire('a');
    await locks.acquire('a');
    const waiting = locks.acquire('a', { waitMs: 1_000 });
    await clock.run(2_000);
    expect(await waiting).toMatchObject({ status: 'contended' });
    store.goAway(true);
    await locks.acquire('b');
    expect(look().locks).toEqual({ acquired: 1, timeouts: 2, unavailable: 1 });
  });

  it('says how much of the plan is used, of a day of UTC', async () => {
    const { clock, kv, look } = rig({ plan: { commandsPerDay: 100 } });
    for (let time = 0; time < 3; time += 1) await kv.command(['INCR', 'a']);
    expect(look().plan).toEqual({ commandsToday: 3, commandsPerDay: 100, maxBytes: null });
    clock.advance(86_400_000);
    expect(look().plan).toMatchObject({ commandsToday: 0 });
    expect(rig().look().plan).toBeNull();
  });

  it('knows 200 policies by their names, and counts all others together', () => {
    const meter = createMeter();
    const kv = createKv({ store: memoryStore() });
    const told = meter.instrument({ storeKind: 'memory', circuitState: () => 'CLOSED' });
    const check = (policy: string, allowed: boolean) =>
      told.limit?.({ policy, allowed, limit: 1, remaining: 0, retryAfterMs: undefined }, 'store', undefined);
    for (let policy = 0; policy < 1_000; policy += 1) check(`p-${policy}`, policy % 2 === 0);
    check('p-0', true);
    check('x'.repeat(65), false);
    const { policies } = meter.snapshot(kv);
    expect(Object.keys(policies)).toHaveLength(201);
    expect(policies['p-0']).toEqual({ allowed: 2, limited: 0 });
    expect(policies['p-199']).toEqual({ allowed: 0, limited: 1 });
    expect(policies._other).toEqual({ allowed: 400, limited: 401 });
  });

  it('is fit for JSON, and hands out what does not change any more', async () => {
    const { ask, look, kv } = rig({ plan: { maxBytes: 1 } });
    await ask('/public', { 'x-real-ip': '192.0.2.1' });
    const before = look();
    const text = JSON.stringify(before);
    expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(look())));
    await ask('/public', { 'x-real-ip': '192.0.2.1' });
    await kv.command(['GET', 'a']);
    expect(JSON.stringify(before)).toBe(text);
  });
});
