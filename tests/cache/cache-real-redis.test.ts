import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCache } from '../../lib/cache/cache.ts';
import { loaded } from '../../lib/cache/loaded.ts';
import { createKv } from '../../lib/client/kv-client.ts';
import { redisStore } from '../../lib/store/redis.ts';
import type { Store } from '../../lib/store/store.ts';
import { cacheHistory } from '../support/cache-history.ts';
import { type Dice, dice } from '../support/dice.ts';
import { onEveryStore } from '../support/every-store.ts';
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.ts';

const PROCESSES = 3;
const ACTORS = 8;
const ACTS = 60;
const TAGS = ['t0', 't1', 't2'];

/** Actors in several processes, each with one thing after the other, all at once, for which Redis really takes its time. */
async function race(store: Store, seed: number) {
  const history = cacheHistory(() => performance.now(), 0);
  const caches = Array.from({ length: PROCESSES }, () => {
    const kv = createKv({ store, requestTimeoutMs: 10_000, slowMs: false });
    return createCache<number>({ kv, namespace: 'race', ttlMs: 60_000, l1: false, swrMs: 1_000 });
  });

  const act = async (random: Dice): Promise<void> => {
    const process = random.whole(0, PROCESSES - 1);
    const cache = caches[process];
    if (!cache) return;
    const key = random.pick(['a', 'b', 'c']);
    const tag = random.pick(['t0', 't1', 't2']);
    const isLate = random.chance(0.5);
    const kind = random.whole(0, 11);
    if (kind >= 5) {
      const load = async () => {
        await delay(random.whole(0, 2));
        const value = history.value(key, [tag], true);
        await delay(random.whole(0, 3));
        return isLate ? loaded(value, { tags: [tag] }) : value;
      };
      const begun = history.moment();
      const read = await cache.getOrFetch(key, load, { tags: isLate ? [] : [tag] });
      if ('value' in read) history.served({ process, key, begun, value: read.value, isAlone: false });
    } else if (kind === 0) {
      const barrier = history.barrier({ what: 'set', process, ends: (other) => other === key });
      const value = history.value(key, [tag], false);
      if (!(await cache.set(key, value, { tags: [tag] }))) return;
      history.written(value);
      barrier.here = barrier.everywhere = history.moment();
    } else {
      const [what, end, ends] =
        kind === 1
          ? (['clear', () => cache.clear(), () => true] as const)
          : kind === 2
            ? (['delete', () => cache.delete(key), (other: string) => other === key] as const)
            : ([
                'tag',
                () => cache.invalidateTags([tag]),
                (_: string, tags: readonly string[]) => tags.includes(tag),
              ] as const);
      const barrier = history.barrier({ what, process, ends });
      expect(await end()).toEqual({ propagated: true });
      barrier.here = barrier.everywhere = history.moment();
    }
  };

  const actor = async (number: number): Promise<void> => {
    const random = dice(seed * 100 + number);
    for (let count = 0; count < ACTS; count += 1) await act(random);
  };
  await Promise.all(Array.from({ length: ACTORS }, (_, number) => actor(number)));
  await Promise.all(caches.map((cache) => cache.settled()));
  const totals = caches.map((cache) => cache.stats());
  return { history, hits: totals.reduce((sum, { storeHits }) => sum + storeHits, 0) };
}

async function expectNoneServed(store: Store): Promise<void> {
  const { history, hits } = await race(store, 1);
  expect(history.violations).toEqual([]);
  // There was something to see.
  expect(history.serves).toBeGreaterThan((ACTORS * ACTS) / 4);
  expect(hits).toBeGreaterThan(0);
}

onEveryStore('what several processes have ended', (current) => {
  it('is served to nobody who asks afterwards', () => expectNoneServed(current()));
});

describe('what several processes have ended, on a Cluster', () => {
  let cluster: RedisCluster | undefined;
  let store: Store | undefined;
  beforeAll(async () => {
    cluster = await startRedisCluster({ replicas: false });
    store = redisStore({ cluster: { nodes: cluster.names } });
  }, 40_000);
  afterAll(async () => {
    await store?.close();
    await cluster?.stop();
  });

  it('is served to nobody who asks afterwards, though a request runs on several nodes', async () => {
    if (!store) throw new Error('The cluster has not started');
    const { slotOf } = store;
    const slots = new Set(TAGS.map((tag) => slotOf?.(`cache:race:t:${tag}`)));
    expect(slots.size).toBe(TAGS.length);
    await expectNoneServed(store);
  });
});
