import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { instant } from '../../lib/clock.ts';
import { StoreError } from '../../lib/errors.ts';
import type { BreakwaterEvent } from '../../lib/events.ts';
import { type ApiKeysOptions, createApiKeys } from '../../lib/keys/api-keys.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { keyWorld } from '../support/key-world.ts';
import { watchedStore } from '../support/watched-store.ts';

function verifier(options: Partial<ApiKeysOptions> = {}) {
  const clock = manualClock();
  const events: BreakwaterEvent[] = [];
  const store = watchedStore(memoryStore({ clock }));
  const kv = createKv({ store, clock, onEvent: (event) => events.push(event) });
  const keys = createApiKeys({ kv, ...options });
  const elsewhere = createApiKeys({ kv: createKv({ store, clock }), ...options });
  const entryOf = async (key: string) => `auth:1:plain:${(await keys.digest(key)).digest}`;
  const recordOf = async (key: string) => `apikey:1:plain:${(await keys.digest(key)).digest}`;
  return { clock, events, store, keys, elsewhere, entryOf, recordOf };
}

const UNAVAILABLE = { status: 'UNAVAILABLE', reason: 'away', retryAfterMs: expect.any(Number) };

describe('validating a key', () => {
  it('asks Redis once, and then nobody while the answer is fresh', async () => {
    const { clock, store, keys, elsewhere } = verifier();
    const { key } = await elsewhere.create({ owner: 'a' });
    await keys.validate(key);
    const asked = store.requests.length;
    clock.advance(9_999);
    expect((await keys.validate(key)).status).toBe('VALID');
    expect(store.requests).toHaveLength(asked);
    clock.advance(1);
    await keys.validate(key);
    expect(store.requests).toHaveLength(asked + 1);
    expect(keys.stats()).toEqual({ hits: 1, misses: 2, negativeHits: 0, size: 1, revocations: 0 });
  });

  it('takes an unknown key for unknown without asking again, until it is created here or 30 s have passed', async () => {
    const { clock, store, keys, elsewhere } = verifier();
    await elsewhere.create({ owner: 'a' });
    const unknown = keys.format.generate();
    expect(await keys.validate(unknown)).toEqual({ status: 'INVALID', reason: 'unknown' });
    const asked = store.requests.length;
    clock.advance(29_999);
    expect(await keys.validate(unknown)).toEqual({ status: 'INVALID', reason: 'unknown' });
    expect(store.requests).toHaveLength(asked);
    expect(keys.stats().negativeHits).toBe(1);
    clock.advance(1);
    await keys.validate(unknown);
    expect(store.requests).toHaveLength(asked + 1);
  });

  it('refuses what cannot be a key without asking or remembering anything', async () => {
    const { store, keys } = verifier();
    for (const text of ['', 'x', 'bw_live_', '\0'.repeat(1_000_000), '*']) {
      expect(await keys.validate(text)).toEqual({ status: 'INVALID', reason: 'malformed' });
    }
    expect(store.requests).toEqual([]);
    expect(keys.stats().size).toBe(0);
  });

  it('ends with the key, to the millisecond, fresh answer or not', async () => {
    const { clock, keys, elsewhere } = verifier();
    const { key } = await elsewhere.create({ owner: 'a', expiresAt: clock.now() + 5_000 });
    await keys.validate(key);
    clock.advance(4_999);
    expect((await keys.validate(key)).status).toBe('VALID');
    clock.advance(1);
    expect(await keys.validate(key)).toEqual({ status: 'INVALID', reason: 'expired' });
    clock.advance(60_000);
    expect(await keys.validate(key)).toEqual({ status: 'INVALID', reason: 'expired' });
  });

  it('is never a no while nobody can say: an outage, a refused token, a lost store', async () => {
    for (const error of [new Error('gone'), new StoreError('auth', 'no'), new StoreError('quota', 'no')]) {
      const { store, keys, elsewhere } = verifier();
      const { key } = await elsewhere.create({ owner: 'a' });
      store.takeAway(error);
      for (const one of [key, keys.format.generate()]) expect(await keys.validate(one)).toEqual(UNAVAILABLE);
      store.giveBack();
      expect((await keys.validate(key)).status).toBe('VALID');
    }
    const { events, store, keys, elsewhere } = verifier();
    const { key } = await elsewhere.create({ owner: 'a' });
    store.takeAway();
    expect(await keys.validate(key)).toEqual(UNAVAILABLE);
    expect(events).toEqual([]);
    store.giveBack();
    await store.execute([['FLUSHALL']]);
    expect(await keys.validate(key)).toEqual(UNAVAILABLE);
    expect(events).toEqual([expect.objectContaining({ type: 'keys-lost' })]);
  });

  it('passes a known key on its old answer for the grace, marked as degraded, and no other', async () => {
    const { clock, store, keys, elsewhere } = verifier();
    const { key } = await elsewhere.create({ owner: 'a' });
    await keys.validate(key);
    store.takeAway();
    clock.advance(299_999);
    expect(await keys.validate(key)).toMatchObject({ status: 'VALID', degraded: true });
    expect(await keys.validate(keys.format.generate())).toEqual(UNAVAILABLE);
    clock.advance(1);
    expect(await keys.validate(key)).toEqual(UNAVAILABLE);
  });

  it('passes nobody on an old answer where that is turned off', async () => {
    const { clock, store, keys, elsewhere } = verifier({ staleIfErrorMs: 0 });
    const { key } = await elsewhere.create({ owner: 'a' });
    expect(await keys.validate(key)).toMatchObject({ status: 'VALID' });
    store.takeAway();
    clock.advance(10_000);
    expect(await keys.validate(key)).toEqual(UNAVAILABLE);
  });

  it('does not pass an expired key on an old answer', async () => {
    const { clock, store, keys, elsewhere } = verifier();
    const { key } = await elsewhere.create({ owner: 'a', expiresAt: clock.now() + 60_000 });
    await keys.validate(key);
    store.takeAway();
    clock.advance(60_000);
    expect(await keys.validate(key)).toEqual({ status: 'INVALID', reason: 'expired' });
  });

  it('says when to come back while the circuit is open', async () => {
    const { clock, store, keys, elsewhere } = verifier();
    await elsewhere.create({ owner: 'a' });
    store.takeAway();
    for (let turn = 0; turn < 6; turn += 1) await keys.validate(keys.format.generate());
    clock.advance(4_000);
    const answer = await keys.validate(keys.format.generate());
    expect(answer).toEqual(UNAVAILABLE);
    if (answer.status === 'UNAVAILABLE') expect(answer.retryAfterMs).toBeLessThanOrEqual(6_000);
  });

  it('believes its own revocation over an answer that was already under way', async () => {
    const { clock, keys, elsewhere, store, entryOf, recordOf } = verifier();
    const { key } = await elsewhere.create({ owner: 'a' });
    const [record] = await store.execute([['GET', await recordOf(key)]]);
    await keys.revoke(key);
    const question = { digests: await keys.digest.all(key), client: undefined };
    const learn = (status: string, text: string) => keys.verifier.learn(question, status, text, instant(clock));
    expect(learn('active', String(record))).toEqual({ status: 'INVALID', reason: 'revoked' });
    expect(learn('absent', '')).toEqual({ status: 'INVALID', reason: 'unknown' });
    // Even if Redis has lost the tombstone and somebody has put the old record back.
    await store.execute([['SET', await entryOf(key), String(record)]]);
    expect(await keys.validate(key)).toEqual({ status: 'INVALID', reason: 'revoked' });
    store.takeAway();
    expect(await keys.validate(key)).toEqual({ status: 'INVALID', reason: 'revoked' });
  });

  it.each([
    'x',
    '[]',
    'null',
    '5',
    '"x"',
    '{}',
    '{"v":2,"status":"active"}',
    '{"v":1,"status":"active"}',
    '{"v":1,"status":"active","id":"k","owner":"o","scopes":"all","limits":{},"generation":1,"createdAt":1,"expiresAt":null,"display":"d"}',
    '{"v":1,"status":"active","id":"k","owner":"o","scopes":[],"limits":{},"generation":1,"createdAt":1,"expiresAt":"1","display":"d"}',
    '{"v":1,"status":"gone","id":"k","generation":1}',
    '{"v":1,"status":"revoked"}',
  ])('answers that nobody can say, and tells of it, for the record %s', async (text) => {
    const { events, store, keys, recordOf, elsewhere } = verifier();
    await elsewhere.create({ owner: 'a' });
    const key = keys.format.generate();
    await store.execute([['SET', await recordOf(key), text]]);
    expect(await keys.validate(key)).toEqual(UNAVAILABLE);
    const problem = 'record of another kind or version';
    expect(events).toEqual([expect.objectContaining({ type: 'unreadable', feature: 'keys', problem })]);
  });

  it('answers that nobody can say where something else stands in its place', async () => {
    const { events, store, keys, elsewhere, entryOf } = verifier();
    const { key } = await elsewhere.create({ owner: 'a' });
    await keys.validate(key);
    const other = keys.format.generate();
    await store.execute([
      ['DEL', await entryOf(key)],
      ['RPUSH', await entryOf(key), 'x'],
      ['RPUSH', await entryOf(other), 'x'],
    ]);
    expect(await keys.validate(other)).toEqual(UNAVAILABLE);
    expect(events).toEqual([expect.objectContaining({ type: 'unreadable', problem: 'WRONGTYPE' })]);
  });

  it('throws what its caller aborted with', async () => {
    const { keys, elsewhere } = verifier();
    const { key } = await elsewhere.create({ owner: 'a' });
    const reason = new Error('the client left');
    await expect(keys.validate(key, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe('what a process has seen of keys', () => {
  it.each(['valid', 'revoked', 'unknown'])(
    'with one that is %s: that Redis has keys, and none begins anew',
    async (what) => {
      const { store, keys, elsewhere } = verifier();
      const { key } = await elsewhere.create({ owner: 'a' });
      if (what === 'revoked') await elsewhere.revoke(key);
      await keys.validate(what === 'unknown' ? keys.format.generate() : key);
      await store.execute([['FLUSHALL']]);
      await expect(keys.create({ owner: 'b' })).rejects.toMatchObject({ code: 'STORE' });
      expect(await store.execute([['DBSIZE']])).toEqual([0]);
    },
  );

  it('tells the id of a key without asking, for as long as its old answer may be used', async () => {
    const { clock, store, keys, elsewhere } = verifier();
    const { key, record } = await elsewhere.create({ owner: 'a' });
    const idOf = async (one: string) => keys.verifier.idOf({ digests: await keys.digest.all(one), client: undefined });
    expect(await idOf(key)).toBeUndefined();
    await keys.validate(key);
    const asked = store.requests.length;
    clock.advance(299_999);
    expect(await idOf(key)).toBe(record.id);
    clock.advance(1);
    expect(await idOf(key)).toBeUndefined();
    expect(await idOf(keys.format.generate())).toBeUndefined();
    expect(store.requests).toHaveLength(asked);
  });
});

describe('with a source, and without an answer of Redis', () => {
  const away = new StoreError('network', 'gone');
  const asking = (missed?: string) => ({ status: 'ASK', missed, saidAt: undefined });

  async function process() {
    const world = keyWorld('function');
    const key = await world.issue();
    const { keys, events } = world.start();
    const questionOf = async (one: string) => ({ digests: await keys.digest.all(one), client: '192.0.2.1' });
    return { world, key, keys, events, questionOf };
  }

  it('nobody is asked about what this process knows well enough', async () => {
    const { world, key, keys, events, questionOf } = await process();
    const unknown = world.unknown();
    for (const one of [key, unknown]) await keys.validate(one);
    const without = async (one: string) => keys.verifier.without(await questionOf(one), away);
    expect(await without(key)).toMatchObject({ status: 'VALID', degraded: false });
    expect(await without(unknown)).toEqual({ status: 'INVALID', reason: 'unknown' });
    world.clock.advance(30_000);
    expect(await without(key)).toEqual(asking());
    expect(await without(unknown)).toEqual(asking('here'));
    expect(events).toEqual([]);
  });

  it('what is not looked for in the end was no miss of its client', async () => {
    const { world, keys, questionOf } = await process();
    const missed = async () => keys.verifier.without(await questionOf(world.unknown()), away);
    for (let turn = 0; turn < 19; turn += 1) expect(await missed()).toEqual(asking('here'));
    for (let turn = 0; turn < 5; turn += 1) {
      const finding = await missed();
      if (finding.status !== 'ASK') throw new Error(finding.status);
      keys.verifier.dismiss(await questionOf(world.unknown()), finding);
    }
    expect(await missed()).toEqual(asking('here'));
    // What was counted elsewhere, or not at all, is not counted here either.
    for (const elsewhere of ['store', 'nowhere', undefined] as const) {
      keys.verifier.dismiss(await questionOf(world.unknown()), { status: 'ASK', missed: elsewhere, saidAt: undefined });
    }
    expect(await missed()).toEqual({ status: 'UNAVAILABLE', reason: 'locked', retryAfterMs: 1_000 });
  });

  it('an entry that cannot be read is told of, and the source asked', async () => {
    const { world, key, keys, events } = await process();
    const { kid, digest } = await keys.digest(key);
    for (const [text, problem] of [
      ['x', 'record of another kind or version'],
      ['{"v":1,"status":"active"}', 'record of another kind or version'],
    ] as const) {
      await world.redis.execute([['SET', `auth:1:${kid}:${digest}`, text]]);
      expect(await keys.validate(key)).toMatchObject({ status: 'VALID', degraded: false });
      expect(events.splice(0)).toEqual([expect.objectContaining({ type: 'unreadable', feature: 'keys', problem })]);
      world.clock.advance(10_000);
    }
    expect(world.source?.looks).toHaveLength(2);
  });

  it('a key that is looked for is one miss of this process', async () => {
    const { key, keys } = await process();
    await keys.validate(key);
    await keys.validate(key);
    expect(keys.stats()).toMatchObject({ hits: 1, misses: 1, negativeHits: 0, size: 1 });
  });
});
