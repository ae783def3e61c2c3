import { describe, expect, it } from 'vitest';
import { type Cache, type CacheOptions, createCache } from '../../lib/cache/cache.ts';
import { cacheNames } from '../../lib/cache/cache-names.ts';
import { notFound } from '../../lib/cache/loaded.ts';
import { clearNamespace, hasNamespace, listNamespaces } from '../../lib/cache/namespaces.ts';
import { readTallies, readTally } from '../../lib/cache/tally.ts';
import { createKv, type KvClient } from '../../lib/client/kv-client.ts';
import { DeadlineError, StoreError } from '../../lib/errors.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Command, Store } from '../../lib/store/store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { scriptedStore } from '../../lib/testing/scripted-store.ts';
import { onEveryStore } from '../support/every-store.ts';

const EVERY_MS = 10_000;
const NOTHING = {
  ...{ hits: 0, stale: 0, negative: 0, misses: 0, unavailable: 0, loads: 0, loadErrors: 0 },
  ...{ writes: 0, droppedWrites: 0, unreadable: 0, invalidations: 0, hitRate: undefined },
};

const isTally = ([name]: Command) => name === 'HINCRBY';

/** Counts in the requests that passed. */
function world(store: Store = memoryStore()) {
  const clock = manualClock();
  const sent: (readonly Command[])[] = [];
  const watched: Store = {
    ...store,
    execute(commands, options) {
      sent.push(commands);
      return store.execute(commands, options);
    },
  };
  const kv = createKv({ store: watched, clock });
  const cache = (options: Partial<CacheOptions<string>> = {}): Cache<string> =>
    createCache<string>({ kv, namespace: 'things', ttlMs: 60_000, l1: false, jitter: 0, ...options });
  const told = () => sent.flat().filter(isTally);
  return { clock, kv, sent, cache, told };
}

onEveryStore('what all processes have counted', (current) => {
  const client = () => {
    const clock = manualClock();
    return { clock, kv: createKv({ store: current(), clock }) };
  };
  const made = (kv: KvClient, namespace = 'things') =>
    createCache<string>({ kv, namespace, ttlMs: 60_000, negativeTtlMs: 1_000, l1: false, jitter: 0, earlyRefresh: 0 });

  it('is the sum of what each has told, with its share of hits', async () => {
    const { clock, kv } = client();
    const processes = [made(kv), made(kv)];
    for (const cache of processes) {
      await cache.getOrFetch('a', () => 'A');
      await cache.settled();
      await cache.get('a');
      await cache.get('none');
      await cache.getOrFetch('nobody', () => notFound());
      await cache.settled();
    }
    await processes[0]?.delete('b');
    clock.advance(EVERY_MS);
    for (const cache of processes) {
      await cache.get('a');
      await cache.settled();
    }
    // The read that the counts came along with had not been answered yet.
    expect(await readTally(kv, 'things')).toEqual({
      ...NOTHING,
      ...{ hits: 3, negative: 1, misses: 4, loads: 2, writes: 2, invalidations: 1, hitRate: 4 / 8 },
    });
  });

  it('is kept for each namespace, and nothing for one that nobody uses', async () => {
    const { clock, kv } = client();
    for (const namespace of ['b', 'a']) {
      const cache = made(kv, namespace);
      await cache.getOrFetch('k', () => 'v');
      await cache.settled();
      clock.advance(EVERY_MS);
      await cache.get('k');
      await cache.settled();
    }
    expect(await listNamespaces(kv)).toEqual(['a', 'b']);
    expect([await hasNamespace(kv, 'a'), await hasNamespace(kv, 'c')]).toEqual([true, false]);
    const one = { ...NOTHING, misses: 1, loads: 1, writes: 1, hitRate: 0 };
    expect(await readTallies(kv, ['a', 'c', 'b'])).toEqual([one, NOTHING, one]);
  });

  it('does not end with the entries, which can be ended from outside', async () => {
    const { clock, kv } = client();
    const cache = made(kv);
    await cache.getOrFetch('k', () => 'v');
    await cache.settled();
    clock.advance(EVERY_MS);
    expect(await cache.get('k')).toMatchObject({ status: 'hit' });
    await clearNamespace(kv, 'things');
    expect(await cache.get('k')).toEqual({ status: 'miss' });
    expect((await readTally(kv, 'things')).writes).toBe(1);
    // What is loaded from then on stands again.
    await cache.getOrFetch('k', () => 'w');
    await cache.settled();
    expect(await cache.get('k')).toMatchObject({ status: 'hit', value: 'w' });
  });
});

describe('counts', () => {
  it('are told along with another request, at most every 10 s, and only what is new', async () => {
    const { clock, sent, cache } = world();
    const things = cache();
    await things.get('a');
    clock.advance(EVERY_MS - 1);
    await things.get('a');
    expect(sent.flat().filter(isTally)).toEqual([]);
    clock.advance(1);
    await things.get('a');
    await things.settled();
    const tally = cacheNames(world().kv, 'things').tally;
    expect(sent).toHaveLength(3);
    expect(sent[2]?.filter(isTally)).toEqual([['HINCRBY', tally, 'misses', 2]]);
    clock.advance(EVERY_MS);
    await things.get('a');
    await things.settled();
    expect(sent[3]?.filter(isTally)).toEqual([['HINCRBY', tally, 'misses', 1]]);
    expect(sent).toHaveLength(4);
  });

  it('are asked for by nobody: without traffic nothing is sent, and no timer waits', async () => {
    const { clock, sent, cache } = world();
    await cache().get('a');
    expect(clock.pending()).toBe(0);
    clock.advance(10 * EVERY_MS);
    expect(sent).toHaveLength(1);
  });

  it('are not told where that is not wanted, nor where Redis is not asked', async () => {
    const { clock, cache, told } = world();
    for (const things of [cache({ tally: false }), cache({ localOnly: true })]) {
      await things.getOrFetch('a', () => 'A');
      clock.advance(EVERY_MS);
      await things.get('b');
      await things.settled();
    }
    expect(told()).toEqual([]);
  });

  it('are told again when they have certainly not arrived, and not when they may have', async () => {
    const store = scriptedStore();
    const { clock, told, cache } = world(store);
    const things = cache();
    const failures: Error[] = [];
    store.respond((commands) => {
      const failure = commands.some(isTally) ? failures.shift() : undefined;
      return failure ?? commands.map(([name]) => (name === 'HMGET' ? [null, null] : null));
    });
    const counts = () => told().map((command) => [command[2], command[3]]);
    failures.push(new StoreError('network', 'refused', { mayHaveRun: false }));
    await things.get('a');
    clock.advance(EVERY_MS);
    await things.get('a');
    await things.settled();
    expect(counts()).toEqual([['misses', 1]]);
    failures.push(new StoreError('network', 'reset'));
    clock.advance(EVERY_MS);
    await things.get('a');
    await things.settled();
    // The read of the failed request was answered as away.
    expect(counts().slice(1)).toEqual([
      ['misses', 1],
      ['unavailable', 1],
    ]);
    clock.advance(EVERY_MS);
    await things.get('a');
    await things.settled();
    expect(counts().slice(3)).toEqual([['unavailable', 1]]);
  });

  it('cost nobody anything when Redis refuses or loses them', async () => {
    const store = scriptedStore();
    const { clock, cache } = world(store);
    const things = cache();
    store.respond((commands) => commands.map((command) => (command[0] === 'HMGET' ? [null, null] : null)));
    await things.get('a');
    clock.advance(EVERY_MS);
    store.respond(() => new DeadlineError(1_000, true));
    expect(await things.get('a')).toMatchObject({ status: 'unavailable' });
    await expect(things.settled()).resolves.toBeUndefined();
  });

  it('do not take the place of a call when one probe is let out', async () => {
    const store = scriptedStore();
    const { clock, kv, cache, told } = world(store);
    const things = cache();
    store.respond(() => new StoreError('network', 'refused', { mayHaveRun: false }));
    for (let index = 0; index < 5; index += 1) await things.get('a');
    expect(kv.circuit.state().state).toBe('OPEN');
    clock.advance(EVERY_MS);
    store.respond((commands) => commands.map((command) => (command[0] === 'HMGET' ? [null, null] : null)));
    const asked = store.sent.length;
    await things.get('a');
    await things.settled();
    expect(store.sent.slice(asked).map(({ commands }) => commands.map(([name]) => name))).toEqual([['GET', 'HMGET']]);
    expect(told()).toEqual([]);
  });
});
