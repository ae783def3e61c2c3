import { Ratelimit } from '@upstash/ratelimit';
import type { Redis } from '@upstash/redis';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { besideUpstash } from '../support/beside-upstash.ts';

/** Longer than any test takes: only the time of this process moves, that of Redis does not. */
const WINDOW_MS = 600_000;

const ALGORITHMS = {
  fixedWindow: () => Ratelimit.fixedWindow(5, '10 m'),
  slidingWindow: () => Ratelimit.slidingWindow(5, '10 m'),
  tokenBucket: () => Ratelimit.tokenBucket(2, '10 m', 5),
  cachedFixedWindow: () => Ratelimit.cachedFixedWindow(5, '10 m'),
} as const;
type AlgorithmName = keyof typeof ALGORITHMS;

const CASES = (Object.keys(ALGORITHMS) as AlgorithmName[]).flatMap((name) => [
  // It exists for its cache.
  ...(name === 'cachedFixedWindow' ? [] : [{ name, cached: false, dynamicLimits: false }]),
  { name, cached: true, dynamicLimits: false },
  // Not supported by theirs.
  ...(name === 'cachedFixedWindow' ? [] : [{ name, cached: false, dynamicLimits: true }]),
]);

type Case = (typeof CASES)[number];

const limiter = (redis: Redis, { name, cached, dynamicLimits }: Case): Ratelimit =>
  new Ratelimit({
    redis,
    limiter: ALGORITHMS[name](),
    prefix: 'limit',
    ephemeralCache: cached ? new Map() : false,
    dynamicLimits,
    timeout: 0,
  });

type Ask = (limit: Ratelimit) => Promise<unknown>;

const limitOnce =
  (who: string, rate = 1): Ask =>
  async (limit) => {
    const { pending, ...answer } = await limit.limit(who, { rate });
    await pending;
    return answer;
  };

/** The same calls for the same seed. */
function callsFrom(seed: number, { dynamicLimits }: Case): readonly Ask[] {
  let state = seed;
  const below = (bound: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (state >>> 8) % bound;
  };
  const someone = (): string => `user-${below(3)}`;
  return Array.from({ length: 60 }, (): Ask => {
    const who = someone();
    const what = below(20);
    if (what === 0) return (limit) => limit.resetUsedTokens(who);
    if (what === 1 && dynamicLimits) {
      const next = below(3) === 0 ? false : 1 + below(9);
      return async (limit) => [await limit.setDynamicLimit({ limit: next }), await limit.getDynamicLimit()];
    }
    if (what < 5) return (limit) => limit.getRemaining(who);
    if (what < 7) return limitOnce(who, 2);
    return limitOnce(who);
  });
}

besideUpstash((pair) => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 });
    return () => vi.useRealTimers();
  });

  describe('@upstash/ratelimit', () => {
    it.each(CASES)('answers as on the endpoint: $name, cached $cached, dynamic $dynamicLimits', async (given) => {
      const theirs = limiter(pair.theirs(), given);
      const ours = limiter(pair.ours(), given);
      const steps = [0, 1, 1_000, WINDOW_MS / 7, WINDOW_MS / 2, WINDOW_MS];
      let admitted = 0;
      for (const seed of [1, 2, 3]) {
        for (const [index, ask] of callsFrom(seed, given).entries()) {
          const before = Date.now();
          const [expected, answer] = [await ask(theirs), await ask(ours)];
          expect(answer, `call ${index} of seed ${seed} (${ask})`).toEqual(expected);
          if (hasReset(answer) && answer.success) {
            admitted += 1;
            expect(answer.reset).toBeGreaterThan(before - WINDOW_MS);
            expect(answer.reset).toBeLessThanOrEqual(before + 2 * WINDOW_MS);
          }
          // Mostly still: limits must be reached.
          if (index % 6 === 5) vi.setSystemTime(before + (steps[(index + seed) % steps.length] ?? 0));
        }
      }
      expect(admitted).toBeGreaterThan(20);
    });

    it.each(CASES.filter(({ dynamicLimits }) => !dynamicLimits))(
      'asks once a call when the script is known: $name, cached $cached',
      async (given) => {
        const limit = limiter(pair.ours(), given);
        await limitOnce('first')(limit);
        expect(pair.store().requests.map(([command]) => command?.[0])).toEqual(['evalsha', 'eval']);
        for (const who of ['second', 'third', 'fourth']) await limitOnce(who)(limit);
        expect(
          pair
            .store()
            .requests.slice(2)
            .map((commands) => commands.map(([name]) => name)),
        ).toEqual([['evalsha'], ['evalsha'], ['evalsha']]);
        // A process of its own, on the same Redis, has to learn the script once.
        const other = limiter(pair.another(), given);
        const before = pair.store().requests.length;
        expect(await limitOnce('second')(other)).toMatchObject({ success: true });
        expect(pair.store().requests.length - before).toBeLessThanOrEqual(2);
      },
    );

    it('asks once for all calls of one turn', async () => {
      const limit = limiter(pair.ours(), { name: 'fixedWindow', cached: false, dynamicLimits: false });
      await limitOnce('first')(limit);
      const before = pair.store().requests.length;
      const answers = await Promise.all(Array.from({ length: 20 }, () => limit.limit('crowd')));
      expect(answers.filter(({ success }) => success)).toHaveLength(5);
      expect(pair.store().requests.length - before).toBe(1);
    });

    it.each(CASES)('waits until it may pass: $name, cached $cached, dynamic $dynamicLimits', async (given) => {
      const limit = limiter(pair.ours(), given);
      for (let call = 0; call < 5; call += 1) await limitOnce('who')(limit);
      const opensAt = (await limit.getRemaining('who')).reset;
      vi.setSystemTime(opensAt - 20);
      const waiting = limit.blockUntilReady('who', 3 * WINDOW_MS);
      vi.setSystemTime(opensAt + (given.name === 'slidingWindow' ? WINDOW_MS - 1 : 1));
      expect((await waiting).success).toBe(true);
    });

    it('gives up waiting when it may not pass in time', async () => {
      const limit = limiter(pair.ours(), { name: 'fixedWindow', cached: false, dynamicLimits: false });
      for (let call = 0; call < 5; call += 1) await limitOnce('who')(limit);
      const waiting = limit.blockUntilReady('who', 10);
      vi.setSystemTime(Date.now() + 11);
      expect((await waiting).success).toBe(false);
    });

    it('rejects with our error when the store is away', async () => {
      const limit = limiter(pair.ours(), { name: 'slidingWindow', cached: false, dynamicLimits: false });
      pair.store().takeAway();
      await expect(limit.limit('who')).rejects.toMatchObject({ code: 'STORE' });
      pair.store().giveBack();
      expect((await limit.limit('who')).success).toBe(true);
    });
  });
});

function hasReset(answer: unknown): answer is { readonly success?: boolean; readonly reset: number } {
  return typeof answer === 'object' && answer !== null && 'reset' in answer;
}
