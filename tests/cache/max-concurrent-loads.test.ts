import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { notFound, skip } from '../../lib/cache/loaded.ts';
import { cacheRig } from '../support/cache-rig.ts';
import { AWAY } from '../support/scripted-client.ts';
import { allowNoUnhandledRejection } from '../support/unhandled-rejections.ts';

interface Step {
  readonly do: 'ask' | 'answer' | 'fail' | 'abort' | 'pass' | 'away' | 'back' | 'clear' | 'delete';
  readonly key: string;
  readonly ms: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom<Step['do'][]>(
    ...['ask' as const, 'ask' as const, 'ask' as const, 'ask' as const, 'answer' as const, 'fail' as const],
    ...['abort' as const, 'pass' as const, 'away' as const, 'back' as const, 'clear' as const, 'delete' as const],
  ),
  key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
  ms: fc.constantFrom(1, 100, 500, 1_000, 3_000),
});

const answers = ['v', skip('v'), notFound()] as const;

describe('loads at the same time', () => {
  allowNoUnhandledRejection();

  it('are never more than maxConcurrentLoads, whatever callers, loaders and Redis do, and leave nothing behind', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 3 }), fc.array(step, { maxLength: 40 }), async (places, steps) => {
        const stale = { swrMs: 500, staleIfErrorMs: 5_000, negativeTtlMs: 100 };
        const { cache, clock, store } = cacheRig<string>({
          ...{ ...stale, ttlMs: 1_000, maxConcurrentLoads: places, loadTimeoutMs: 1_500, softTimeoutMs: 200 },
        });
        const ends: { resolve: (value: (typeof answers)[number]) => void; reject: (error: Error) => void }[] = [];
        const callers: AbortController[] = [];
        let running = 0;
        let most = 0;
        let open = 0;
        const load = ({ signal }: { readonly signal: AbortSignal }) => {
          running += 1;
          most = Math.max(most, running);
          let isOver = false;
          const over = () => {
            if (!isOver) running -= 1;
            isOver = true;
          };
          // One that is told to end does: the place is free from then on.
          signal.addEventListener('abort', over);
          return new Promise<(typeof answers)[number]>((resolve, reject) => {
            ends.push({ resolve, reject });
          }).finally(over);
        };
        for (const [index, { do: what, key, ms }] of steps.entries()) {
          if (what === 'ask') {
            const controller = new AbortController();
            callers.push(controller);
            open += 1;
            const done = () => {
              open -= 1;
            };
            cache.getOrFetch(key, load, { signal: controller.signal }).then(done, done);
          } else if (what === 'answer') ends.shift()?.resolve(answers[index % 3] ?? 'v');
          else if (what === 'fail') ends.shift()?.reject(new Error('origin'));
          else if (what === 'abort') callers.shift()?.abort('gone');
          else if (what === 'pass') await clock.run(ms);
          else if (what === 'away') store.takeAway(AWAY);
          else if (what === 'back') store.giveBack();
          else if (what === 'clear') await cache.clear();
          else await cache.delete(key);
          await clock.run(0);
        }
        for (let turn = 0; turn < 4; turn += 1) await clock.run(1_600);
        await cache.settled();
        expect(most).toBeLessThanOrEqual(places);
        expect([open, running, clock.pending()]).toEqual([0, 0, 0]);
      }),
      { numRuns: 150 },
    );
  });
});
