import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { onEveryStore } from '../support/every-store.ts';
import { watchedStore } from '../support/watched-store.ts';

onEveryStore('a counter', (current) => {
  const counting = () => {
    const store = watchedStore(current());
    return { kv: createKv({ store }), store };
  };

  it('gets its time to live with its first hit, and no later hit pushes that back', async () => {
    const { kv, store } = counting();
    expect(await kv.incr('n', 1_000)).toBe(1);
    expect(await kv.ttl('n')).toBeGreaterThan(900);
    await current().execute([['EXPIRE', 'n', 500]]);
    for (let hits = 2; hits <= 20; hits += 1) expect(await kv.incr('n', 1_000)).toBe(hits);
    expect(await kv.ttl('n')).toBeLessThanOrEqual(500);
    // Each hit was one request, and each look.
    expect(store.requests).toHaveLength(22);
  });

  it('that is found without a time to live gets one with the next hit', async () => {
    const { kv } = counting();
    await current().execute([['SET', 'n', 41]]);
    expect(await kv.incr('n', 1_000)).toBe(42);
    expect(await kv.ttl('n')).toBeGreaterThan(900);
  });

  it('hit by many at once counts each of them, in one request', async () => {
    const { kv, store } = counting();
    const counts = await Promise.all(Array.from({ length: 50 }, () => kv.incr('n', 1_000)));
    expect(counts.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    expect(store.requests).toHaveLength(1);
  });
});

onEveryStore('a hundred reads of one key at once', (current) => {
  it('are one command, and each gets the value', async () => {
    const store = watchedStore(current());
    const kv = createKv({ store });
    await kv.set('k', { list: [1] });
    const values = await Promise.all(Array.from({ length: 100 }, () => kv.get('k')));
    expect(values).toEqual(Array.from({ length: 100 }, () => ({ list: [1] })));
    expect(store.requests.slice(1)).toEqual([[['GET', 'k']]]);
  });
});

describe('two clients', () => {
  it('coexist: the outage of one is nothing to the circuit of the other', async () => {
    const [one, two] = [watchedStore(memoryStore()), watchedStore(memoryStore())];
    const [away, there] = [createKv({ store: one }), createKv({ store: two })];
    one.takeAway();
    for (let failures = 0; failures < 5; failures += 1) await expect(away.get('k')).rejects.toThrow();
    expect(await there.get('k')).toBeNull();
    expect([away.circuit.state().state, there.circuit.state().state]).toEqual(['OPEN', 'CLOSED']);
  });
});
