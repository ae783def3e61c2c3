import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { countAccounts } from '../../lib/limit/account-count.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { realRedis } from '../support/every-store.ts';
import { watchedStore } from '../support/watched-store.ts';

describe('the number of accounts', () => {
  const redis = realRedis();
  const fill = (name: string, count: number) =>
    redis.store.execute([['EVAL', "for i = 1, ARGV[2] do redis.call('SET', ARGV[1] .. i, 1) end", 0, name, count]]);

  it('is exact where one look at all keys is allowed, and leaves out what only resembles an account', async () => {
    await fill('ratelimit:ip:', 1_500);
    await fill('xratelimit:ip:', 500);
    await fill('auth:', 500);
    expect(await countAccounts(createKv({ store: redis.store }))).toBe(1_500);
    await fill('a[b]*:ratelimit:ip:', 30);
    expect(await countAccounts(createKv({ store: redis.store, namespace: 'a[b]*:' }))).toBe(30);
  });

  it('is extrapolated from 20,000 keys of more, in 21 requests', async () => {
    await fill('ratelimit:ip:', 40_000);
    await fill('other:', 20_000);
    const store = watchedStore(redis.store);
    const found = await countAccounts(createKv({ store, requestTimeoutMs: 10_000 }));
    expect(found).toBeGreaterThan(36_000);
    expect(found).toBeLessThan(44_000);
    expect(store.requests).toHaveLength(21);
  });

  it('is not known where nobody can be asked', async () => {
    const store = watchedStore(memoryStore());
    store.takeAway();
    expect(await countAccounts(createKv({ store }))).toBeUndefined();
  });
});
