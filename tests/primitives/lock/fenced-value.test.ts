import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import { fencedWriteScript, readFenced, writeFenced } from '../../../lib/primitives/lock/fenced-value.ts';
import { createLocks } from '../../../lib/primitives/lock/locks.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { onEveryKv } from '../../support/every-kv.ts';
import { realRedis } from '../../support/every-store.ts';
import { acquired } from '../../support/lock-rig.ts';
import { AWAY } from '../../support/scripted-client.ts';
import { watchedStore } from '../../support/watched-store.ts';

const HOUR_MS = 3_600_000;

onEveryKv('a value under a fence', (makeKv) => {
  it('is not overwritten by a holder whose lock has ended', async () => {
    const kv = makeKv({ namespace: 'app:' });
    const locks = createLocks({ kv });
    const late = acquired(await locks.acquireToken('balance'));
    await locks.releaseToken('balance', late.token);
    const next = acquired(await locks.acquireToken('balance'));
    expect(await readFenced(kv, 'balance')).toEqual({ status: 'miss' });
    const write = (fence: number, value: string) => writeFenced(kv, 'balance', { fence, value, ttlMs: HOUR_MS });
    expect(await write(late.fence, 'first')).toEqual({ status: 'written' });
    expect(await write(next.fence, 'second')).toEqual({ status: 'written' });
    expect(await write(late.fence, 'too late')).toEqual({ status: 'stale', fence: next.fence });
    expect(await write(next.fence, 'third')).toEqual({ status: 'written' });
    expect(await readFenced(kv, 'balance')).toEqual({ status: 'hit', value: 'third', fence: next.fence });
    expect(await kv.command(['PTTL', 'app:lock:{balance}:value'])).toBeGreaterThan(HOUR_MS - 60_000);
  });
});

describe('a value under a fence', () => {
  const redis = realRedis();

  it('costs one request to write and one to read, and is unavailable while Redis is away', async () => {
    const memory = memoryStore();
    await memory.execute([['SCRIPT', 'LOAD', fencedWriteScript.lua]]);
    const store = watchedStore(memory);
    const kv = createKv({ store });
    const write = () => writeFenced(kv, 'k', { fence: 1, value: 'v', ttlMs: HOUR_MS });
    await write();
    await readFenced(kv, 'k');
    expect(store.requests).toHaveLength(2);
    store.takeAway(AWAY);
    const away = { status: 'unavailable', retryAfterMs: 1_000, mayHaveRun: false };
    expect([await write(), await readFenced(kv, 'k')]).toEqual([away, away]);
  });

  it.each([
    ['fence', 0],
    ['fence', 1.5],
    ['fence', 2 ** 53],
    ['ttlMs', 0],
  ])('is refused by name with what cannot be: %s %d', async (option, value) => {
    const kv = createKv({ store: memoryStore() });
    const writing = writeFenced(kv, 'k', { fence: 1, value: 'v', ttlMs: HOUR_MS, [option]: value });
    await expect(writing).rejects.toMatchObject({ setting: option });
  });

  it('is written in Lua on a real Redis as by its twin, whatever stands there', async () => {
    const fence = fc.integer({ min: 1, max: 4 }).map((step) => 1_700_000_000_000_000 + step);
    const stored = fc.constantFrom('', 'x', '-5', '1e99', 'inf', ' 7', '1700000000000002', '9'.repeat(30), '007');
    const step = fc.oneof(fc.record({ fence, value: fc.string({ maxLength: 5 }) }), fc.record({ stored }));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 10 }), async (steps) => {
        await redis.store.execute([['FLUSHALL']]);
        const memory = memoryStore();
        for (const one of steps) {
          const outcomes = [];
          for (const store of [redis.store, memory]) {
            const [reply] = await store.execute([
              'stored' in one
                ? ['HSET', 'v', 'fence', one.stored]
                : ['EVAL', fencedWriteScript.lua, 1, 'v', one.fence, one.value, HOUR_MS],
            ]);
            outcomes.push([reply, ...(await store.execute([['HMGET', 'v', 'fence', 'value']]))]);
          }
          expect(outcomes[0]).toEqual(outcomes[1]);
        }
      }),
      { numRuns: 100 },
    );
  });
});
