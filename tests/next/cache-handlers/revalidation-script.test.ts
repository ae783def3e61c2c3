import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { revalidationScript } from '../../../lib/next/cache-handlers/revalidation-script.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Command, Store } from '../../../lib/store/store.ts';
import { onEveryStore, realRedis } from '../../support/every-store.ts';

const LOG = 'cache:next:revalidations';
/** Ahead of every clock: instants are those of the log, which the two stores have in common. */
const AHEAD = 9_000_000_000_000;

const tag = fc.constantFrom('x:a', 'x:b', 's:b', 's60:b', 'x:c c', 'x:~', 's:ü', 'x:d', 'x:e', 'x:f');

const write = fc.record({
  most: fc.integer({ min: 1, max: 12 }),
  members: fc.uniqueArray(tag, { maxLength: 10 }),
});

const commandOf = ({ most, members }: { most: number; members: readonly string[] }, mode = 'keep'): Command => [
  'EVAL',
  revalidationScript.lua,
  1,
  LOG,
  'fresh',
  mode,
  most,
  ...members,
];

const contents = async (store: Store) => (await store.execute([['ZRANGE', LOG, 0, -1, 'WITHSCORES']]))[0];

describe('the script of revalidations', () => {
  const redis = realRedis();

  it('answers and writes in Lua on a real Redis what its twin answers and writes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(write, { minLength: 1, maxLength: 12 }), async (writes) => {
        const memory = memoryStore();
        for (const store of [redis.store, memory]) {
          await store.execute([
            ['DEL', LOG],
            ['ZADD', LOG, AHEAD, '~first:0'],
          ]);
        }
        for (const one of writes) {
          const command = commandOf(one);
          expect(await redis.store.execute([command])).toEqual(await memory.execute([command]));
          expect(await contents(redis.store)).toEqual(await contents(memory));
        }
      }),
      { numRuns: 150 },
    );
  });
});

onEveryStore('the log of revalidations', (current) => {
  const run = async (members: readonly string[], most = 10, mode = 'keep') =>
    Number((await current().execute([commandOf({ most, members }, mode)]))[0]);

  it('begins with a head of its own, by the clock of Redis', async () => {
    const before = Date.now();
    const at = await run([]);
    expect(at).toBeGreaterThanOrEqual(before - 1);
    expect(await contents(current())).toEqual(['~fresh:0', String(at)]);
    expect(await run([])).toBe(at);
  });

  it('gives each call a later instant than the one before, also where the clock was set back', async () => {
    await current().execute([['ZADD', LOG, AHEAD, '~first:0']]);
    expect(await run(['x:a', 'x:b'])).toBe(AHEAD + 1);
    expect(await run(['x:a'])).toBe(AHEAD + 2);
    expect(await contents(current())).toEqual([
      ...['x:b', String(AHEAD + 1)],
      ...['x:a', String(AHEAD + 2)],
      ...['~first:0', String(AHEAD + 2)],
    ]);
  });

  it('forgets the oldest tags when there are too many, a tenth at once, and says up to which instant', async () => {
    await current().execute([['ZADD', LOG, AHEAD, '~first:0']]);
    for (let index = 1; index <= 10; index += 1) await run([`x:${index}`]);
    expect(String(await contents(current()))).toContain('~first:0');
    await run(['x:11']);
    const left = await contents(current());
    expect(left).toEqual([
      ...Array.from({ length: 9 }, (_, index) => [`x:${index + 3}`, String(AHEAD + index + 3)]).flat(),
      ...[`~first:${AHEAD + 2}`, String(AHEAD + 11)],
    ]);
  });

  it('begins anew when it is told to, or finds something that is no log', async () => {
    await current().execute([['ZADD', LOG, AHEAD, '~first:0', AHEAD, 'x:a']]);
    const at = await run([], 10, 'clear');
    expect(await contents(current())).toEqual(['~fresh:0', String(at)]);
    await current().execute([
      ['DEL', LOG],
      ['ZADD', LOG, AHEAD, 'somebody else'],
    ]);
    expect(await contents(current()).then((found) => (found as readonly string[])[0])).toBe('somebody else');
    await run(['x:a']);
    expect(String(await contents(current()))).toMatch(/^x:a,\d+,~fresh:0,\d+$/);
  });
});
