import fc from 'fast-check';
import type { CacheHandler } from 'next/cache.js';
import { describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import { createRemoteCacheHandler } from '../../../lib/next/cache-handlers/remote-cache-handler.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Store } from '../../../lib/store/store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { nextEntry, textIn } from '../../support/next-cache-entries.ts';

const PROCESSES = 2;

type Handle = (handler: CacheHandler) => CacheHandler;

type Act = 'read' | 'change';

/** What several visitors do, each one thing after another. */
const visitors = fc.array(
  fc.record({
    process: fc.nat(PROCESSES - 1),
    acts: fc.array(fc.constantFrom<Act>('read', 'read', 'change'), { minLength: 1, maxLength: 4 }),
  }),
  { minLength: 2, maxLength: 5 },
);

/**
 * Processes that read one entry and make it where there is none, while others change what it is made of and then revalidate
 * its tag, with requests and answers that overtake each other as they like. An entry is the number of changes that it has
 * seen. Answers what was served though a change after it had been revalidated before it was asked for.
 */
async function play(
  scheduler: fc.Scheduler,
  visits: readonly { readonly process: number; readonly acts: readonly Act[] }[],
  handle: Handle = (handler) => handler,
): Promise<readonly string[]> {
  const clock = manualClock();
  const inner = memoryStore({ clock });
  let isQuiet = true;
  const pass = async (label: string) => {
    if (!isQuiet) await scheduler.schedule(Promise.resolve(), label);
    // So that nothing happens at the same instant by chance.
    clock.advance(0.001);
  };
  const store: Store = {
    ...inner,
    async execute(commands, options) {
      await pass('request');
      const replies = await inner.execute(commands, options);
      await pass('answer');
      return replies;
    },
  };
  const handlers = Array.from({ length: PROCESSES }, () =>
    handle(createRemoteCacheHandler({ kv: createKv({ store, clock }), now: clock.now })),
  );
  let changes = 0;
  let revalidated = 0;
  const wrong: string[] = [];

  const read = async (handler: CacheHandler) => {
    await pass('somebody asks');
    const least = revalidated;
    await handler.refreshTags();
    const text = await textIn(handler, 'key');
    if (text !== undefined) {
      if (Number(text) < least) wrong.push(`${text} was served after ${least}`);
      return;
    }
    const timestamp = clock.now();
    clock.advance(0.001);
    const seen = changes;
    await pass('it is made');
    await handler.set('key', Promise.resolve(nextEntry(String(seen), { timestamp, tags: ['tag'] })));
  };
  const change = async (handler: CacheHandler) => {
    await pass('something changes');
    changes += 1;
    const mine = changes;
    await handler.updateTags(['tag']);
    revalidated = Math.max(revalidated, mine);
  };

  // Processes that have just started store nothing until they have read the log.
  for (const handler of handlers) await handler.refreshTags();
  isQuiet = false;
  const visit = async (process: number, acts: readonly Act[]) => {
    const handler = handlers[process];
    for (const act of handler ? acts : []) await (act === 'read' ? read : change)(handler as CacheHandler);
  };
  await scheduler.waitFor(Promise.all(visits.map(({ process, acts }) => visit(process, acts))));
  return wrong;
}

describe('an entry that was begun before a revalidation', () => {
  it('is never served after it, in whatever order requests and answers arrive', async () => {
    const runs = fc.asyncProperty(fc.scheduler(), visitors, async (scheduler, visits) => {
      expect(await play(scheduler, visits)).toEqual([]);
    });
    await fc.assert(runs, { numRuns: 200 });
  });

  it('would be served if entries were dated by the end of their making', async () => {
    const datedLate: Handle = (handler) => ({
      ...handler,
      set: async (key, pending) => {
        await handler.get('another', []);
        const entry = await pending;
        return handler.set(key, Promise.resolve({ ...entry, timestamp: entry.timestamp + 60_000 }));
      },
    });
    let found = 0;
    const runs = fc.asyncProperty(fc.scheduler(), visitors, async (scheduler, visits) => {
      found += (await play(scheduler, visits, datedLate)).length;
    });
    await fc.assert(runs, { numRuns: 200 });
    expect(found).toBeGreaterThan(0);
  });
});
