import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { ConfigError } from '../../lib/errors.ts';
import type { BreakwaterEvent } from '../../lib/events.ts';
import { createLimiter, type LimiterOptions, type Subjects } from '../../lib/limit/limiter.ts';
import type { Policy } from '../../lib/limit/policy.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { contentsOf, onEveryStore } from '../support/every-store.ts';
import { watchedStore } from '../support/watched-store.ts';

/** Real time passes on some stores: nothing comes back within a test. */
const YEAR_MS = 366 * 86_400_000;
const POLICIES: readonly Policy[] = [
  { name: 'ip', limit: 5, windowMs: YEAR_MS },
  { name: 'key', limit: 3, windowMs: YEAR_MS, algorithm: 'fixedWindow' },
  { name: 'burst', limit: 100, windowMs: YEAR_MS, burst: 2 },
];

const HOSTILE = [
  '*',
  '?',
  '[a-z]*',
  ':',
  'a:b',
  'a',
  'a%3Ab',
  '{a}',
  '{}',
  '\0',
  '\u0085',
  '\u0085a',
  ' ',
  '\r\n',
  'é',
  'e\u0301',
  '🦀',
  '\ud83e',
  '\ud83f',
  '\ufffd',
  `${'x'.repeat(10_240)}\ud83e`,
  `${'x'.repeat(10_240)}\ud83f`,
  `${'x'.repeat(10_240)}\ufffd`,
  'x'.repeat(128),
  'x'.repeat(129),
  `sha256-${'A'.repeat(43)}`,
  '__proto__',
  'constructor',
  '%u85',
];

onEveryStore('a limiter', (store) => {
  const limiterOn = (options?: Partial<LimiterOptions>) =>
    createLimiter({ kv: createKv({ store: store() }), policies: POLICIES, ...options });

  it('counts down, refuses, and says what is left and why', async () => {
    const limiter = limiterOn();
    for (let left = 2; left >= 0; left -= 1) {
      expect(await limiter.check({ key: 'k' })).toMatchObject({
        allowed: true,
        remaining: left,
        limit: 3,
        retryAfterMs: undefined,
        basis: 'store',
        policy: 'key',
      });
    }
    const refused = await limiter.check({ key: 'k' });
    expect(refused).toMatchObject({ allowed: false, remaining: 0, policy: 'key' });
    expect(refused.retryAfterMs).toBeGreaterThan(0);
    expect(refused.retryAfterMs).toBeLessThanOrEqual(YEAR_MS);
  });

  it('charges every policy or none', async () => {
    const limiter = limiterOn();
    for (let used = 0; used < 3; used += 1) await limiter.check({ ip: 'i', key: 'k' });
    for (let more = 0; more < 3; more += 1) {
      expect(await limiter.check({ ip: 'i', key: 'k' })).toMatchObject({ allowed: false, policy: 'key' });
      expect(await limiter.check({ key: 'k', ip: 'i' })).toMatchObject({ allowed: false, policy: 'key' });
    }
    expect((await limiter.peek({ ip: 'i' })).remaining).toBe(2);
  });

  it('takes nothing for a look or for a cost of 0', async () => {
    const limiter = limiterOn();
    for (let look = 0; look < 10; look += 1) {
      expect(await limiter.peek({ ip: 'i', key: 'k' })).toMatchObject({ allowed: true, retryAfterMs: undefined });
      expect(await limiter.check({ ip: 'i', key: 'k' }, { cost: 0 })).toMatchObject({ allowed: true, remaining: 5 });
    }
    expect(await contentsOf(store())).toEqual(new Map());
  });

  it('tells a look what a check would be told, once nothing is left', async () => {
    const limiter = limiterOn();
    await limiter.check({ key: 'k' }, { cost: 3 });
    const look = await limiter.peek({ key: 'k' });
    expect(look).toMatchObject({ allowed: false, remaining: 0 });
    expect(look.retryAfterMs).toBeGreaterThan(0);
    expect(await limiter.check({ key: 'k' }, { cost: 0 })).toMatchObject({ allowed: true, retryAfterMs: undefined });
  });

  it('counts a subject under its own plan', async () => {
    const limiter = limiterOn();
    const quotas = { key: { limit: 1, windowMs: YEAR_MS } };
    expect(await limiter.check({ key: 'small' }, { quotas })).toMatchObject({ allowed: true, limit: 1, remaining: 0 });
    expect(await limiter.check({ key: 'small' }, { quotas })).toMatchObject({ allowed: false, limit: 1 });
    expect(await limiter.check({ key: 'other' })).toMatchObject({ allowed: true, limit: 3 });
  });

  it('gives a subject everything back, and nobody else', async () => {
    const limiter = limiterOn();
    for (const key of ['*', 'u', 'u:x', 'u1']) await limiter.check({ key }, { cost: 2 });
    await limiter.reset({ key: '*' });
    await limiter.reset({ key: 'u' });
    const left = async (key: string) => (await limiter.peek({ key })).remaining;
    expect([await left('*'), await left('u'), await left('u:x'), await left('u1')]).toEqual([3, 3, 1, 1]);
  });

  it('keeps hostile subjects apart, each in a short key of its own', async () => {
    const limiter = limiterOn();
    for (const ip of HOSTILE) {
      expect(await limiter.check({ ip })).toMatchObject({ allowed: true, remaining: 4 });
    }
    for (const ip of HOSTILE) expect((await limiter.peek({ ip })).remaining).toBe(4);
    const keys = [...(await contentsOf(store())).keys()];
    expect(keys).toHaveLength(HOSTILE.length);
    for (const key of keys) expect(key).toMatch(/^ratelimit:ip:[^:{}*?[\]\\\s\p{Cc}\p{Cs}]{1,768}$/u);
  });

  it('does not let a short subject pose as the digest of a long one', async () => {
    const limiter = limiterOn();
    await limiter.check({ ip: 'x'.repeat(500) });
    const [name = ''] = (await contentsOf(store())).keys();
    const digest = name.slice('ratelimit:ip:'.length);
    expect(digest).toMatch(/^sha256-/);
    expect(await limiter.check({ ip: digest })).toMatchObject({ remaining: 4 });
  });

  it('never writes a key without a time to live', async () => {
    const limiter = limiterOn();
    for (let turn = 0; turn < 40; turn += 1) {
      const subjects = { ip: `i${turn % 5}`, key: `k${turn % 3}`, burst: `b${turn % 2}` };
      await limiter.check(subjects, { cost: turn % 4 });
    }
    const contents = [...(await contentsOf(store())).values()];
    expect(contents.length).toBeGreaterThan(5);
    for (const { ttlMs } of contents) expect(ttlMs).toBeGreaterThan(0);
  });

  it('never admits more than its limit to many checks at once', async () => {
    const limiters = Array.from({ length: 5 }, () => limiterOn());
    const results = await Promise.all(
      Array.from({ length: 60 }, (_, index) => limiters[index % 5]?.check({ ip: 'i', key: 'k' })),
    );
    expect(results.filter((result) => result?.allowed)).toHaveLength(3);
    expect((await limiterOn().peek({ ip: 'i' })).remaining).toBe(2);
  });

  it('counts in this process, and says so, where a key holds something that is no limit', async () => {
    const events: BreakwaterEvent[] = [];
    const kv = createKv({ store: store(), onEvent: (event) => events.push(event) });
    const limiter = createLimiter({ kv, policies: POLICIES });
    await store().execute([['RPUSH', 'ratelimit:ip:i', 'mine']]);
    expect(await limiter.check({ ip: 'i', key: 'k' })).toMatchObject({ allowed: true, basis: 'local' });
    expect(events).toEqual([expect.objectContaining({ type: 'unreadable', feature: 'limit', problem: 'WRONGTYPE' })]);
    expect(
      await store().execute([
        ['LRANGE', 'ratelimit:ip:i', 0, -1],
        ['EXISTS', 'ratelimit:key:k'],
      ]),
    ).toEqual([['mine'], 0]);
    await limiter.reset({ ip: 'i' });
    expect(await limiter.check({ ip: 'i' })).toMatchObject({ basis: 'store', remaining: 4 });
  });
});

function away(options: Partial<LimiterOptions> = {}) {
  const clock = manualClock();
  const events: BreakwaterEvent[] = [];
  const store = watchedStore(memoryStore({ clock }));
  const kv = createKv({ store, clock, onEvent: (event) => events.push(event) });
  const limiter = createLimiter({ kv, policies: [{ name: 'p', limit: 3, windowMs: 60_000 }], ...options });
  return { clock, events, store, limiter };
}

describe('a limiter while Redis is away', () => {
  it('counts in this process against the same policy, unless told otherwise', async () => {
    const { clock, store, limiter } = away();
    store.takeAway();
    for (let left = 2; left >= 0; left -= 1) {
      expect(await limiter.check({ p: 'a' })).toMatchObject({ allowed: true, remaining: left, basis: 'local' });
    }
    expect(await limiter.check({ p: 'a' })).toMatchObject({ allowed: false, basis: 'local', retryAfterMs: 20_000 });
    expect(await limiter.check({ p: 'b' })).toMatchObject({ allowed: true, remaining: 2 });
    clock.advance(20_000);
    expect(await limiter.check({ p: 'a' })).toMatchObject({ allowed: true, basis: 'local' });
  });

  it.each([
    ['allow', true],
    ['deny', false],
  ] as const)('counts nothing and knows nothing under %s', async (onUnavailable, allowed) => {
    const { store, limiter } = away({ onUnavailable });
    store.takeAway();
    for (let turn = 0; turn < 10; turn += 1) {
      expect(await limiter.check({ p: 'a' })).toEqual({
        allowed,
        limit: 3,
        remaining: undefined,
        reset: undefined,
        retryAfterMs: undefined,
        basis: 'policy',
        policy: 'p',
        policies: [expect.objectContaining({ policy: 'p', allowed, remaining: undefined })],
      });
    }
  });

  it('says once that it has gone local, and once that it is back', async () => {
    const { clock, events, store, limiter } = away();
    store.takeAway();
    for (let turn = 0; turn < 8; turn += 1) await limiter.check({ p: `s${turn}` });
    store.giveBack();
    clock.advance(60_000);
    for (let turn = 0; turn < 3; turn += 1) expect((await limiter.check({ p: 'z' })).basis).toBe('store');
    const ofLimits = events.filter(({ type }) => type === 'fallback' || type === 'recovered');
    expect(ofLimits).toMatchObject([
      { type: 'fallback', feature: 'limit' },
      { type: 'recovered', feature: 'limit' },
    ]);
  });

  it('rejects a reset and a clear, which would otherwise be believed', async () => {
    const { store, limiter } = away();
    store.takeAway();
    await expect(limiter.reset({ p: 'a' })).rejects.toMatchObject({ code: 'STORE' });
    await expect(limiter.clear()).rejects.toMatchObject({ code: 'STORE' });
  });

  it('gives back what was counted here with a reset', async () => {
    const { store, limiter } = away();
    store.takeAway();
    await limiter.check({ p: 'a' }, { cost: 3 });
    await limiter.check({ p: 'b' }, { cost: 3 });
    await limiter.reset({ p: 'a' }).catch(() => undefined);
    expect((await limiter.check({ p: 'a' })).allowed).toBe(true);
    expect((await limiter.check({ p: 'b' })).allowed).toBe(false);
  });
});

describe('a limiter that is local only', () => {
  it.each(['local', 'allow', 'deny'] as const)(
    'counts, and never asks Redis for anything (onUnavailable %s)',
    async (onUnavailable) => {
      const { store, limiter } = away({ localOnly: true, onUnavailable });
      for (let left = 2; left >= 0; left -= 1) {
        expect(await limiter.check({ p: 'a' })).toMatchObject({ allowed: true, remaining: left, basis: 'local' });
      }
      expect((await limiter.peek({ p: 'a' })).allowed).toBe(false);
      await limiter.reset({ p: 'a' });
      expect((await limiter.check({ p: 'a' }, { cost: 3 })).allowed).toBe(true);
      await limiter.clear();
      expect((await limiter.peek({ p: 'a' })).remaining).toBe(3);
      expect(store.requests).toEqual([]);
    },
  );
});

describe('a check', () => {
  it('is one request, whatever the number of policies, once the script is known', async () => {
    const { store, limiter } = away({
      policies: ['a', 'b', 'c'].map((name) => ({ name, limit: 3, windowMs: 60_000 })),
    });
    await limiter.check({ a: 'x' });
    const before = store.requests.length;
    await limiter.check({ a: 'x', b: 'y', c: 'z' });
    expect(store.requests.slice(before)).toEqual([
      [
        [
          'EVALSHA',
          expect.any(String),
          3,
          ...['a:x', 'b:y', 'c:z'].map((key) => `ratelimit:${key}`),
          ...['', 'take', 1, 1, ''],
          ...['g:20000000:3:3:0:0', 'g:20000000:3:3:0:0', 'g:20000000:3:3:0:0'],
        ],
      ],
    ]);
  });

  it('shares its request with the checks of the same tick', async () => {
    const { store, limiter } = away();
    await limiter.check({ p: 'x' });
    const before = store.requests.length;
    const results = await Promise.all(Array.from({ length: 20 }, () => limiter.check({ p: 'a' })));
    expect(store.requests.length - before).toBe(1);
    expect(results.filter(({ allowed }) => allowed)).toHaveLength(3);
  });

  it('of a plan with another algorithm is reset under that plan', async () => {
    const limiter = createLimiter({
      kv: createKv({ store: memoryStore() }),
      policies: [{ name: 'p', limit: 3, windowMs: 60_000 }],
    });
    const quotas = { p: { algorithm: 'slidingLog', limit: 1, windowMs: 60_000 } } as const;
    const allowed = async () => (await limiter.check({ p: 'a' }, { quotas })).allowed;
    expect([await allowed(), await allowed()]).toEqual([true, false]);
    await limiter.reset({ p: 'a' }, { quotas });
    expect([await allowed(), await allowed()]).toEqual([true, false]);
  });

  it('shares no promise with another check where the client may not', async () => {
    const store = watchedStore(memoryStore());
    const kv = createKv({ store, coalesce: 'request' });
    const limiter = createLimiter({ kv, policies: [{ name: 'p', limit: 3, windowMs: 60_000 }] });
    await limiter.check({ p: 'x' });
    const before = store.requests.length;
    const results = await Promise.all(Array.from({ length: 5 }, () => limiter.check({ p: 'a' })));
    expect(store.requests.length - before).toBe(5);
    expect(results.map(({ allowed }) => allowed)).toEqual([true, true, true, false, false]);
  });

  it.each<[string, Subjects, object | undefined]>([
    ['a policy that does not exist', { q: 'a' }, undefined],
    ['a policy of the prototype', JSON.parse('{"__proto__":"a"}'), undefined],
    ['no policy', {}, undefined],
    ['an empty subject', { p: '' }, undefined],
    ['a negative cost', { p: 'a' }, { cost: -1 }],
    ['half a cost', { p: 'a' }, { cost: 0.5 }],
    ['a cost that is no number', { p: 'a' }, { cost: Number.NaN }],
    ['an unsafe cost', { p: 'a' }, { cost: 2 ** 60 }],
    ['a plan that is none', { p: 'a' }, { quotas: { p: { limit: 0, windowMs: 1_000 } } }],
  ])('rejects %s without asking Redis', async (_what, subjects, options) => {
    const { store, limiter } = away();
    await expect(limiter.check(subjects, options)).rejects.toThrow(ConfigError);
    await expect(limiter.peek(subjects, options)).rejects.toThrow(ConfigError);
    expect(store.requests).toEqual([]);
  });

  it('refuses for good what one of its policies can never grant, and charges neither', async () => {
    const { limiter } = away({
      policies: [
        { name: 'wide', limit: 100, windowMs: 60_000 },
        { name: 'narrow', limit: 2, windowMs: 60_000 },
      ],
    });
    expect(await limiter.check({ wide: 'a', narrow: 'a' }, { cost: 3 })).toMatchObject({
      allowed: false,
      policy: 'narrow',
      retryAfterMs: undefined,
      policies: [
        { policy: 'wide', allowed: true, remaining: 100 },
        { policy: 'narrow', allowed: false, remaining: 2, retryAfterMs: undefined },
      ],
    });
  });

  it('gives up with its caller, and is not counted as an outage', async () => {
    const { limiter, events } = away();
    const reason = new Error('the client left');
    await expect(limiter.check({ p: 'a' }, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(events).toEqual([]);
  });
});
