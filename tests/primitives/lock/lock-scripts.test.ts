import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { acquireScript, extendScript, releaseScript } from '../../../lib/primitives/lock/lock-scripts.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Command, Reply, Store } from '../../../lib/store/store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { contentsOf, onEveryStore, realRedis } from '../../support/every-store.ts';

const HOUR_MS = 3_600_000;
/** Time passes while these tests run: what is compared is compared in minutes. */
const MINUTE_MS = 60_000;

const run = async (store: Store, ...command: Command): Promise<Reply> => (await store.execute([command]))[0] ?? null;
const acquire = (store: Store, token: string, lifeMs = HOUR_MS) =>
  run(store, 'EVAL', acquireScript.lua, 2, 'l', 'l:fence', token, lifeMs);
const extend = (store: Store, token: string, lifeMs = HOUR_MS) =>
  run(store, 'EVAL', extendScript.lua, 1, 'l', token, lifeMs);
const release = (store: Store, token: string) => run(store, 'EVAL', releaseScript.lua, 1, 'l', token);
const fenceOf = (reply: Reply): number => (Array.isArray(reply) && reply[0] === 1 ? Number(reply[1]) : Number.NaN);
const lifeOf = async (store: Store, key: string) => (await contentsOf(store)).get(key)?.ttlMs ?? Number.NaN;

onEveryStore('the scripts of a lock', (current) => {
  it('give it to one token, and tell others when it ends', async () => {
    expect(fenceOf(await acquire(current(), 'A'))).toBeGreaterThan(Date.UTC(2020) * 1_000);
    const [isGranted, endsInMs] = (await acquire(current(), 'B')) as readonly number[];
    expect(isGranted).toBe(0);
    expect(Math.round((endsInMs ?? 0) / MINUTE_MS)).toBe(60);
  });

  it('give the token that has it the same fence, and a whole life anew', async () => {
    const fence = fenceOf(await acquire(current(), 'A', MINUTE_MS));
    expect(fenceOf(await acquire(current(), 'A'))).toBe(fence);
    expect(await lifeOf(current(), 'l')).toBeGreaterThan(MINUTE_MS);
  });

  it('never shorten a life: a request that comes late is not the last word', async () => {
    await acquire(current(), 'A');
    expect(await extend(current(), 'A', MINUTE_MS)).toBe(1);
    await acquire(current(), 'A', MINUTE_MS);
    expect(await lifeOf(current(), 'l')).toBeGreaterThan(MINUTE_MS);
    expect(await extend(current(), 'A', 2 * HOUR_MS)).toBe(1);
    expect(await lifeOf(current(), 'l')).toBeGreaterThan(HOUR_MS);
  });

  it('extend and release for the token that has it, and for no other', async () => {
    await acquire(current(), 'A');
    expect([await extend(current(), 'B'), await release(current(), 'B')]).toEqual([0, 0]);
    expect(await release(current(), 'A')).toBe(1);
    expect([await extend(current(), 'A'), await release(current(), 'A')]).toEqual([0, 0]);
    expect((await contentsOf(current())).has('l')).toBe(false);
  });

  it('give each a greater fence than all before', async () => {
    let last = 0;
    for (let turn = 0; turn < 30; turn += 1) {
      const fence = fenceOf(await acquire(current(), `T${turn}`));
      expect(fence).toBeGreaterThan(last);
      last = fence;
      if (turn % 3 === 0) await current().execute([['DEL', 'l']]);
      else await release(current(), `T${turn}`);
    }
  });

  it('go on from the last fence when the clock of Redis is behind it', async () => {
    await current().execute([['SET', 'l:fence', '9000000000000000']]);
    expect(fenceOf(await acquire(current(), 'A'))).toBe(9_000_000_000_000_001);
  });

  it('keep the last fence for a day beyond the life of the lock, not for ever', async () => {
    await acquire(current(), 'A');
    expect(Math.round((await lifeOf(current(), 'l:fence')) / MINUTE_MS)).toBe(25 * 60);
  });

  it('leave what is no lock as it is, and take it for held', async () => {
    await current().execute([['SET', 'l', 'something else']]);
    expect(await acquire(current(), 'A')).toEqual([0, -1]);
    expect([await extend(current(), 'A'), await release(current(), 'A')]).toEqual([0, 0]);
    expect((await contentsOf(current())).get('l')?.value).toBe('something else');
  });
});

describe('the fence of a Redis that loses everything', () => {
  const redis = realRedis();

  it('is greater than all before, however quickly the lock goes from hand to hand', async () => {
    let last = 0;
    for (let turn = 0; turn < 500; turn += 1) {
      const fence = fenceOf(await acquire(redis.store, 'A'));
      expect(fence).toBeGreaterThan(last);
      last = fence;
      await (turn % 20 === 19 ? redis.store.execute([['FLUSHALL']]) : release(redis.store, 'A'));
    }
  });
});

describe('the fence on a store whose clock stands still, or goes back', () => {
  it('grows by one', async () => {
    const clock = manualClock();
    const store = memoryStore({ clock });
    const first = fenceOf(await acquire(store, 'A'));
    expect(first).toBe(clock.now() * 1_000);
    await release(store, 'A');
    expect(fenceOf(await acquire(store, 'B'))).toBe(first + 1);
    await release(store, 'B');
    clock.jumpWall(-HOUR_MS);
    expect(fenceOf(await acquire(store, 'C'))).toBe(first + 2);
  });
});

describe('the scripts of a lock in Lua and their twins', () => {
  const redis = realRedis();
  const token = fc.constantFrom('A', 'B', 'C');
  const life = fc.integer({ min: 1, max: 50 }).map((hours) => hours * HOUR_MS);
  const fence = fc.oneof(
    fc.constantFrom('', '0', '-5', '1e3', '0x10', 'inf', 'nan', ' 7', '7.5', '9007199254740990', '9007199254740991'),
    fc.constantFrom('9'.repeat(30), '9'.repeat(400), '9000000000000000', '007'),
  );
  const value = fc.oneof(
    fc.constantFrom('', 'A', 'A:', ':1', 'A:1', 'A:1:2', 'A:-1', 'A:x', ' A:1', 'A:1\n', 'é:1', 'B:9000000000000000'),
    fc.string({ unit: fc.constantFrom('A', ':', '1', ' ', 'é'), maxLength: 6 }),
  );
  const step = fc.oneof(
    fc.record({ kind: fc.constant('acquire' as const), token, life }),
    fc.record({ kind: fc.constant('extend' as const), token, life }),
    fc.record({ kind: fc.constant('release' as const), token }),
    fc.record({ kind: fc.constant('fence' as const), text: fence }),
    fc.record({ kind: fc.constant('value' as const), text: value }),
    fc.constant({ kind: 'flush' as const }),
  );
  type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

  const take = (store: Store, one: Step): Promise<Reply> => {
    switch (one.kind) {
      case 'acquire':
        return acquire(store, one.token, one.life);
      case 'extend':
        return extend(store, one.token, one.life);
      case 'release':
        return release(store, one.token);
      case 'fence':
        return run(store, 'SET', 'l:fence', one.text);
      case 'value':
        return run(store, 'SET', 'l', one.text, 'PX', HOUR_MS);
      case 'flush':
        return run(store, 'FLUSHALL');
    }
  };

  /** Fences by the clock differ, by the time between two requests; those by the last one do not. */
  const known = (text: string): string =>
    text.replace(/\d{16,}/, (digits) => (digits.startsWith('1') ? 'by the clock' : digits));

  const seen = (reply: Reply): unknown => {
    if (!Array.isArray(reply)) return reply;
    const [isGranted, number] = reply;
    return isGranted === 1 ? known(String(number)) : Math.round(Number(number) / MINUTE_MS);
  };

  const stateOf = async (store: Store) =>
    [...(await contentsOf(store))]
      .map(([key, { value: held, ttlMs }]) => [key, known(String(held)), Math.round(ttlMs / MINUTE_MS)])
      .sort();

  it('answer and write the same on a real Redis, whatever is asked in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        await redis.store.execute([['FLUSHALL']]);
        const memory = memoryStore();
        for (const one of steps) {
          expect(seen(await take(redis.store, one))).toEqual(seen(await take(memory, one)));
          expect(await stateOf(redis.store)).toEqual(await stateOf(memory));
        }
      }),
      { numRuns: 300 },
    );
  });
});
