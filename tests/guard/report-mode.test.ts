import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import type { BreakwaterEvent } from '../../lib/events.ts';
import { createClientIp } from '../../lib/guard/client-ip.ts';
import type { Decision } from '../../lib/guard/decision.ts';
import { createGuard, type GuardOptions } from '../../lib/guard/guard.ts';
import { decisionHeaders } from '../../lib/guard/respond.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { createLimiter, type LimiterOptions } from '../../lib/limit/limiter.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { eventually } from '../support/eventually.ts';
import { heldStore } from '../support/held-store.ts';
import { watchedStore } from '../support/watched-store.ts';

const YEAR_MS = 366 * 86_400_000;

function reporting(options: Partial<GuardOptions> = {}, limits: Partial<LimiterOptions> = {}, shared = memoryStore()) {
  const store = watchedStore(shared);
  const events: BreakwaterEvent[] = [];
  const kv = createKv({ store, slowMs: false, onEvent: (event) => events.push(event) });
  const keys = createApiKeys({ kv });
  const limiter = createLimiter({
    kv,
    policies: [
      { name: 'ip', limit: 3, windowMs: YEAR_MS },
      { name: 'key', limit: 2, windowMs: YEAR_MS },
    ],
    ...limits,
  });
  const guard = createGuard({
    ...{ kv, keys, limiter, mode: 'report', clientIp: createClientIp({ source: 'vercel' }) },
    routes: [
      { path: '/public', auth: 'none', limits: { ip: 'ip' } },
      { path: '/strict', mode: 'enforce' },
      { path: '/admin', scopes: ['admin'] },
      { path: '/free' },
      { path: '/*', limits: { ip: 'ip', key: 'key' } },
    ],
    ...options,
  });
  const ask = (key?: string, path = '/api', ip = '192.0.2.1') => {
    const headers = new Headers({ 'x-real-ip': ip });
    if (key !== undefined) headers.set('x-api-key', key);
    return guard.check(new Request(`https://example.test${path}`, { headers }));
  };
  const reported = () => events.flatMap((event) => (event.type === 'reported' ? [[event.status, event.code]] : []));
  return { shared, store, events, reported, keys, limiter, ask };
}

const codeOf = (decision: Decision) => (decision.outcome === 'allow' ? decision.reported?.code : 'refused');

describe('a guard that only reports', () => {
  it('lets pass what it would refuse, with no identity but that of a valid key', async () => {
    const { keys, ask, reported } = reporting();
    const { key, record } = await keys.create({ owner: 'acme' });
    const revoked = await keys.create({ owner: 'b' });
    await keys.revoke(revoked.key);
    for (const [sent, code] of [
      [undefined, 'api-key-missing'],
      ['nonsense', 'api-key-malformed'],
      [keys.format.generate(), 'api-key-invalid'],
      [revoked.key, 'api-key-invalid'],
    ] as const) {
      const decision = await ask(sent, '/free');
      expect(decision).toMatchObject({ outcome: 'allow', mode: 'report', identity: undefined, reported: { code } });
    }
    const identity = { id: record.id, owner: 'acme', scopes: [] };
    expect(await ask(key, '/free')).toMatchObject({ outcome: 'allow', mode: 'report', identity, reported: undefined });
    const lacking = await ask(key, '/admin');
    expect(lacking).toMatchObject({ identity, reported: { status: 403, code: 'scope-missing', scopes: ['admin'] } });
    expect(reported().map(([, code]) => code)).toEqual([
      'api-key-missing',
      'api-key-malformed',
      'api-key-invalid',
      'api-key-invalid',
      'scope-missing',
    ]);
  });

  it('counts as one that enforces, whose next request is then refused', async () => {
    const { shared, keys, ask, reported } = reporting();
    const { key, record } = await keys.create({ owner: 'acme' });
    const decisions: Decision[] = [];
    for (let time = 0; time < 4; time += 1) decisions.push(await ask(key));
    expect(decisions.map(codeOf)).toEqual([undefined, undefined, 'quota-exceeded', 'quota-exceeded']);
    for (const decision of decisions) expect(decision).toMatchObject({ identity: { id: record.id } });
    expect(reported()).toEqual([
      [429, 'quota-exceeded'],
      [429, 'quota-exceeded'],
    ]);
    const enforcing = reporting({ mode: 'enforce' }, {}, shared);
    expect(await enforcing.ask(key)).toMatchObject({ outcome: 'deny', status: 429, limits: { policy: 'key' } });
    // What it reported has taken nothing.
    expect((await enforcing.limiter.peek({ ip: '192.0.2.1' })).remaining).toBe(1);
  });

  it('tells clients nothing: neither what is left, nor that they would have been refused', async () => {
    const { keys, ask } = reporting();
    const { key } = await keys.create({ owner: 'acme' });
    for (let time = 0; time < 4; time += 1) {
      const decision = await ask(key);
      expect(decision.limits).toBeDefined();
      expect(decisionHeaders(decision, { headers: ['draft-11', 'legacy'] })).toEqual([]);
    }
  });

  it('finds the identity also where a refusal came before anybody asked for the key', async () => {
    const lists = { deny: ['192.0.2.66'] };
    const { shared, keys } = reporting();
    const { key, record } = await keys.create({ owner: 'acme' });
    const unknown = keys.format.generate();
    for (const [path, ip, code, used] of [
      ['/api', '192.0.2.66', 'address-denied', 0],
      ['/%ff', '192.0.2.1', 'path-malformed', 0],
      // A refusal of the address stands, and this process has not seen the key.
      ['/api', '192.0.2.7', 'quota-exceeded', 3],
    ] as const) {
      const { ask } = reporting({ lists }, { refusalTtlMs: 60_000 }, shared);
      for (let time = 0; time <= used; time += 1) await ask(undefined, '/public', ip);
      expect(await ask(key, path, ip)).toMatchObject({ identity: { id: record.id }, reported: { code } });
      expect(await ask(unknown, path, ip)).toMatchObject({ outcome: 'allow', identity: undefined, reported: { code } });
      expect(await ask(undefined, path, ip)).toMatchObject({ outcome: 'allow', identity: undefined });
    }
  });

  it('hands on the identity of a denied key while it is valid, and not when it is revoked', async () => {
    const { shared, keys } = reporting();
    const { key, record } = await keys.create({ owner: 'acme' });
    const { ask, keys: others } = reporting({ lists: { deny: [record.id] } }, {}, shared);
    expect(await ask(key)).toMatchObject({ identity: { id: record.id }, reported: { code: 'key-denied' } });
    await others.revoke(key);
    expect(await ask(key)).toMatchObject({ outcome: 'allow', identity: undefined });
  });

  it('lets an unknown key pass without an identity while nobody can say, and a known one with its own', async () => {
    const { keys, ask, store } = reporting();
    const { key, record } = await keys.create({ owner: 'acme' });
    await ask(key, '/free');
    store.takeAway();
    expect(await ask(key, '/api')).toMatchObject({ identity: { id: record.id }, degraded: ['keys', 'limit'] });
    expect(await ask(keys.format.generate(), '/free')).toMatchObject({
      outcome: 'allow',
      identity: undefined,
      reported: { status: 503, code: 'key-store-unavailable' },
    });
  });

  it('takes no longer than one that enforces, where Redis lets both wait', async () => {
    const clock = manualClock();
    const store = heldStore(memoryStore());
    const kv = createKv({ store, clock });
    const keys = createApiKeys({ kv });
    const policies = [{ name: 'ip', limit: 1, windowMs: YEAR_MS }];
    const limiter = createLimiter({ kv, policies, onUnavailable: 'deny' });
    const routes = [{ path: '/*', limits: { ip: 'ip' } }] as const;
    const clientIp = createClientIp({ source: 'vercel' });
    const guard = createGuard({ kv, keys, limiter, clientIp, routes, mode: 'report', budgetMs: 300 });
    const headers = { 'x-real-ip': '192.0.2.1', 'x-api-key': keys.format.generate() };
    store.hold();
    const startedAt = clock.monotonic();
    let endedAt = Number.POSITIVE_INFINITY;
    const asked = guard.check(new Request('https://example.test/', { headers })).finally(() => {
      endedAt = clock.monotonic();
    });
    await eventually(() => store.held > 0);
    await clock.run(300);
    await eventually(() => endedAt < Number.POSITIVE_INFINITY || store.held > 1);
    expect(endedAt - startedAt).toBe(300);
    expect(await asked).toMatchObject({ outcome: 'allow', identity: undefined });
    expect(codeOf(await asked)).toBe('limits-unavailable');
  });

  it('asks for no key on a route that has none', async () => {
    const { ask, keys, store } = reporting();
    const { key } = await keys.create({ owner: 'a' });
    for (let time = 0; time < 4; time += 1) await ask(key, '/public');
    const before = store.requests.length;
    expect(await ask(key, '/public')).toMatchObject({ identity: undefined, reported: { code: 'quota-exceeded' } });
    expect(store.requests.length).toBe(before);
  });

  it('is enforcing all the same on routes that say so, and the other way round', async () => {
    const { ask } = reporting();
    expect(await ask(undefined, '/strict')).toMatchObject({ outcome: 'deny', status: 401 });
    const one = reporting({ mode: 'enforce', routes: [{ path: '/new', mode: 'report' }, { path: '/*' }] });
    expect(await one.ask(undefined, '/new')).toMatchObject({ outcome: 'allow', reported: { status: 401 } });
    expect(await one.ask(undefined, '/old')).toMatchObject({ outcome: 'deny', status: 401 });
    expect(one.reported()).toHaveLength(1);
  });

  it.each(['Report', 'dry-run', '', null])('is not to be had by a slip of the pen: %j', (mode) => {
    const wrong = mode as 'report';
    expect(() => reporting({ mode: wrong })).toThrow(/^mode must be 'enforce' or 'report'/);
    expect(() => reporting({ routes: [{ path: '/x', mode: wrong }] })).toThrow(/^route \/x: mode must be/);
  });
});
