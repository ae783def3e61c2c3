import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { createGuard } from '../../lib/guard/guard.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import { isQuota } from '../../lib/limit/policy.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Argument, Command, Reply, Store } from '../../lib/store/store.ts';
import { realRedis } from '../support/every-store.ts';
import { watchedStore } from '../support/watched-store.ts';

const [ENTRY, RECORD, SENTINEL, IP, KEY] = [
  'auth:1:plain:d',
  'apikey:1:plain:d',
  'apikey:sentinel',
  'ratelimit:ip:i',
  'ratelimit:key:d',
];
const [MISSES, BUDGET] = ['auth:misses:i', 'auth:budget'];
const ALL = [ENTRY, RECORD, SENTINEL, IP, KEY];
const KEYS = [SENTINEL, MISSES, BUDGET, ENTRY, RECORD, IP, KEY];
const NOW_MS = 1_700_000_000_123;
/** Real time passes in Redis, so nothing may be about to expire there. */
const HOUR_MS = 3_600_000;

const ACTIVE = {
  v: 1,
  status: 'active',
  id: 'key_0000000000000000',
  owner: 'o',
  scopes: [],
  limits: {},
  config: null,
  dailyQuota: null,
  generation: 1,
  createdAt: 1,
  expiresAt: null,
  display: 'd',
};

/** The text that the front door sends. */
async function sentScript(): Promise<string> {
  const store = watchedStore(memoryStore());
  const kv = createKv({ store });
  const keys = createApiKeys({ kv });
  const limiter = createLimiter({ kv, policies: [] });
  const guard = createGuard({ kv, keys, limiter, routes: [{ path: '/*' }], clientIp: () => undefined });
  await guard.check(new Request('https://example.test/', { headers: { 'x-api-key': keys.format.generate() } }));
  const sent = store.requests.flat().find(([name]) => name === 'EVAL');
  return String(sent?.[1]);
}

describe('the front-door script', () => {
  const redis = realRedis();
  let lua = '';
  beforeAll(async () => {
    lua = await sentScript();
    expect(lua).toContain('redis.call');
  });

  type Kind = 'g' | 'f' | 's' | 'b' | 'l';

  interface Situation {
    readonly state: Readonly<Record<string, string>>;
    readonly kind?: Kind;
    readonly cost?: number;
    readonly times?: number;
  }

  const rule = (kind: Kind, capacity: number): Argument => `${kind}:${HOUR_MS * 24_000}:${capacity}:${capacity}:0:0`;

  async function answersOf(
    store: Store,
    { state, kind = 'g', cost = 1, times = 2 }: Situation,
  ): Promise<readonly (readonly Reply[])[]> {
    const writes = Object.entries(state).map(([key, value]): Command => ['SET', key, value]);
    await store.execute([['DEL', ...ALL], ...writes]);
    const script: Command = [
      'EVAL',
      lua,
      KEYS.length,
      ...KEYS,
      NOW_MS * 1_000,
      ...['record', 1, 300_000, '', '', '', '', ''],
      ...[cost, '', ''],
      ...['ip', 0, rule('g', 5)],
      ...['key', 1, rule(kind, 3)],
    ];
    const answers: (readonly Reply[])[] = [];
    for (let time = 0; time < times; time += 1) answers.push(await store.execute([script, ['MGET', ...ALL]]));
    return answers;
  }

  /** What both answer alike. */
  async function answersOfBoth(situation: Situation): Promise<readonly (readonly Reply[])[]> {
    const real = await answersOf(redis.store, situation);
    expect(await answersOf(memoryStore(), situation)).toEqual(real);
    return real;
  }

  const listOf = (reply: Reply | undefined): readonly Reply[] => (Array.isArray(reply) ? reply : []);
  const chargesOf = (answers: readonly (readonly Reply[])[]) => answers.map(([reply]) => listOf(listOf(reply)[2]));
  const record = (fields: object) => JSON.stringify({ ...ACTIVE, ...fields });

  it('finds an active key, fills its entry and charges address and key', async () => {
    const [first, second] = await answersOfBoth({ state: { [RECORD]: record({}), [SENTINEL]: '1' } });
    const period = HOUR_MS * 24_000;
    expect(first?.[0]).toEqual(['active', record({}), [1, 1, 4, period, 0, 1, 2, period, 0], -1]);
    expect(first?.[1]).toEqual([
      record({}),
      record({}),
      '1',
      `${NOW_MS * 1_000 + period}:${period}:5`,
      `${NOW_MS * 1_000 + period}:${period}:3`,
    ]);
    expect(second?.[0]).toEqual(['active', record({}), [1, 1, 3, 2 * period, 0, 1, 1, 2 * period, 0], -1]);
  });

  it.each<[string, Record<string, string>]>([
    ['absent', { [SENTINEL]: '1' }],
    ['lost', {}],
    ['revoked', { [RECORD]: '{"v":1,"status":"revoked","id":"k","generation":2}' }],
    ['revoked', { [ENTRY]: '{"v":1,"status":"revoked","id":"k","generation":2}', [RECORD]: record({}) }],
    ['expired', { [RECORD]: record({ expiresAt: NOW_MS }) }],
    ['expired', { [ENTRY]: record({ expiresAt: 1 }) }],
    ['expired', { [RECORD]: record({ expiresAt: -5 }) }],
    ['active', { [RECORD]: record({ expiresAt: NOW_MS + HOUR_MS }) }],
    ['active', { [ENTRY]: record({}) }],
    ['active', { [RECORD]: record({ expiresAt: '1' }) }],
    ['active', { [RECORD]: record({ expiresAt: [1] }) }],
    ['active', { [RECORD]: record({ limits: 'x', scopes: 5 }) }],
    ['active', { [RECORD]: record({ owner: 'a\0b"\\\u2028🦀', config: { '\u0000': ['\u0001'] } }) }],
    ['unreadable', { [RECORD]: '' }],
    ['unreadable', { [RECORD]: 'x' }],
    ['unreadable', { [RECORD]: '{' }],
    ['unreadable', { [RECORD]: '{"v":1,"status":"active"' }],
    ['unreadable', { [RECORD]: `${record({})} x` }],
    ['unreadable', { [RECORD]: '5' }],
    ['unreadable', { [RECORD]: '"x"' }],
    ['unreadable', { [RECORD]: 'null' }],
    ['unreadable', { [RECORD]: 'true' }],
    ['unreadable', { [RECORD]: '[]' }],
    ['unreadable', { [RECORD]: '[1,2]' }],
    ['unreadable', { [RECORD]: record({ v: '1' }) }],
    ['unreadable', { [RECORD]: record({ v: 2 }) }],
    ['unreadable', { [RECORD]: record({ v: null }) }],
    ['unreadable', { [ENTRY]: 'x', [RECORD]: record({}) }],
  ])('calls a key %s, in Lua and in its twin: %j', async (status, state) => {
    const [[reply, written] = [], [, later] = []] = await answersOfBoth({ state });
    const [found, , charged] = listOf(reply);
    expect(found).toBe(status);
    // The account of the key is not touched unless it is valid.
    expect(charged).toHaveLength(status === 'active' ? 9 : 5);
    expect(listOf(written)[4] === null).toBe(status !== 'active');
    if (status !== 'active') expect(listOf(later)[0]).toBe(state[ENTRY] ?? null);
  });

  const LIMIT_3 = [1, 1, 4, HOUR_MS * 24_000, 0, 1, 2, HOUR_MS * 24_000, 0];

  it.each<[unknown]>([
    [{ limit: 0, windowMs: HOUR_MS }],
    [{ limit: -1, windowMs: HOUR_MS }],
    [{ limit: 0.5, windowMs: HOUR_MS }],
    [{ limit: 2.5, windowMs: HOUR_MS }],
    [{ limit: '2', windowMs: HOUR_MS }],
    [{ limit: 2, windowMs: '3600000' }],
    [{ limit: 2, windowMs: 0 }],
    [{ limit: 2, windowMs: -HOUR_MS }],
    [{ limit: 2, windowMs: 1e300 }],
    [{ limit: 1e300, windowMs: HOUR_MS }],
    [{ limit: 1_000_000_001, windowMs: 366 * 86_400_000 }],
    [{ limit: 2_000, windowMs: 1 }],
    [{ limit: 2 }],
    [{ windowMs: HOUR_MS }],
    [{ limit: null, windowMs: HOUR_MS }],
    [{ limit: { limit: 2 }, windowMs: HOUR_MS }],
    [{ limit: 2, windowMs: HOUR_MS, burst: null }],
    [{ limit: 2, windowMs: HOUR_MS, burst: '2' }],
    [{ limit: 2, windowMs: HOUR_MS, burst: 0 }],
    [{ limit: 2, windowMs: HOUR_MS, burst: -3 }],
    [{ limit: 2, windowMs: HOUR_MS, burst: 1.5 }],
    [{ limit: 1, windowMs: 366 * 86_400_000, burst: 1_000_000 }],
    [null],
    [5],
    ['x'],
    [true],
    [[]],
    [[2, HOUR_MS]],
    [{}],
  ])('counts under the policy when the plan in the record is none: %j', async (plan) => {
    const state = { [RECORD]: record({ limits: { key: plan } }) };
    expect(chargesOf(await answersOfBoth({ state }))[0]).toEqual(LIMIT_3);
  });

  it.each<[unknown]>([
    [null],
    [5],
    ['key'],
    [[]],
    [[{ limit: 1, windowMs: HOUR_MS }]],
    [{ other: { limit: 1, windowMs: HOUR_MS } }],
    [{ ip: { limit: 1, windowMs: HOUR_MS } }],
  ])('counts under the policy when the record has no plan for it: %j', async (limits) => {
    expect(chargesOf(await answersOfBoth({ state: { [RECORD]: record({ limits }) } }))[0]).toEqual(LIMIT_3);
  });

  it.each(['g', 'f', 's', 'b', 'l'] as const)(
    'counts under the plan in the record from the first request on (%s)',
    async (kind) => {
      const plan = { limit: 2, windowMs: 366 * 86_400_000 };
      const answers = await answersOfBoth({ kind, times: 4, state: { [RECORD]: record({ limits: { key: plan } }) } });
      const charges = chargesOf(answers);
      expect(charges.map(([granted]) => granted)).toEqual([1, 1, 0, 0]);
      // The refused ones were not charged to the address either.
      expect(charges.map((reply) => reply[2])).toEqual([4, 3, 3, 3]);
    },
  );

  it('answers and writes as its twin for any plan and any cost', async () => {
    const odd = fc.oneof(
      fc.constantFrom<unknown>(null, '', '5', true, [], {}, -1, 0, 0.5, 1e10, 1e300),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
    );
    const limit = fc.integer({ min: 1, max: 1_000 });
    const plans = fc.oneof(
      fc.record({ limit: fc.oneof(limit, odd), windowMs: fc.oneof(fc.constant(366 * 86_400_000), odd) }),
      fc.record({ limit, windowMs: fc.constant(366 * 86_400_000), burst: fc.oneof(limit, odd) }),
    );
    // Real time passes in Redis: a plan of microseconds would be over between two commands.
    const slow = plans.filter((plan) => !isQuota(plan, 'g') || plan.windowMs >= plan.limit * HOUR_MS);
    await fc.assert(
      fc.asyncProperty(
        slow,
        fc.constantFrom<Kind>('g', 'f', 's', 'b', 'l'),
        fc.nat({ max: 7 }),
        async (plan, kind, cost) => {
          await answersOfBoth({
            kind,
            cost,
            times: 3,
            state: { [RECORD]: record({ limits: { key: plan } }), [SENTINEL]: '1' },
          });
        },
      ),
      { numRuns: 150 },
    );
  });
});
