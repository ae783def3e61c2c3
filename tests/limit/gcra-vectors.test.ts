import { describe, expect, it } from 'vitest';
import { chargeScript } from '../../lib/limit/charge.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Store } from '../../lib/store/store.ts';
import { realRedis } from '../support/every-store.ts';
import { limitRig } from '../support/limit-rig.ts';

/**
 * The published scenario of throttled (`TestRateLimit`) and redis-cell (`it_rate_limits`): five permits, one a second. Each
 * line is the moment, the quantity, and what has to be said of it; a retry of -1 is one that never comes or is not needed.
 */
const VECTORS = [
  [0, 6, { limited: true, remaining: 5, resetMs: 0, retryMs: -1 }],
  [0, 1, { limited: false, remaining: 4, resetMs: 1_000, retryMs: -1 }],
  [0, 1, { limited: false, remaining: 3, resetMs: 2_000, retryMs: -1 }],
  [0, 1, { limited: false, remaining: 2, resetMs: 3_000, retryMs: -1 }],
  [0, 1, { limited: false, remaining: 1, resetMs: 4_000, retryMs: -1 }],
  [0, 1, { limited: false, remaining: 0, resetMs: 5_000, retryMs: -1 }],
  [0, 1, { limited: true, remaining: 0, resetMs: 5_000, retryMs: 1_000 }],
  [3_000, 1, { limited: false, remaining: 2, resetMs: 3_000, retryMs: -1 }],
  [3_100, 1, { limited: false, remaining: 1, resetMs: 3_900, retryMs: -1 }],
  [4_000, 1, { limited: false, remaining: 1, resetMs: 4_000, retryMs: -1 }],
  [8_000, 1, { limited: false, remaining: 4, resetMs: 1_000, retryMs: -1 }],
  [9_500, 1, { limited: false, remaining: 4, resetMs: 1_000, retryMs: -1 }],
  [9_500, 0, { limited: false, remaining: 4, resetMs: 1_000, retryMs: -1 }],
  [9_500, 2, { limited: false, remaining: 2, resetMs: 3_000, retryMs: -1 }],
  [9_500, 5, { limited: true, remaining: 2, resetMs: 3_000, retryMs: 3_000 }],
] as const;

/** The first of its scenarios in real time, in the same form: five permits, one an hour. */
const SLOW_VECTORS = [
  [0, 4, { limited: false, remaining: 1, resetMs: 4 * 3_600_000, retryMs: -1 }],
  [0, 2, { limited: true, remaining: 1, resetMs: 4 * 3_600_000, retryMs: 3_600_000 }],
] as const;

const SCENARIOS = [
  { title: 'one permit a second', windowMs: 5_000, intervalUs: 1_000_000, vectors: VECTORS },
  { title: 'one permit an hour', windowMs: 5 * 3_600_000, intervalUs: 3_600_000_000, vectors: SLOW_VECTORS },
] as const;

describe('the published vectors of GCRA', () => {
  it.each(SCENARIOS)('hold for the limiter: $title', async ({ windowMs, vectors }) => {
    const { clock, take } = limitRig({ limit: 5, windowMs });
    const startedAt = clock.now();
    for (const [atMs, quantity, { limited, remaining, resetMs, retryMs }] of vectors) {
      clock.advance(startedAt + atMs - clock.now());
      expect(await take(quantity), `${quantity} at ${atMs}`).toMatchObject({
        allowed: !limited,
        limit: 5,
        remaining,
        reset: clock.now() + resetMs,
        retryAfterMs: retryMs === -1 ? undefined : retryMs,
      });
    }
  });

  const redis = realRedis();
  const stores: readonly (readonly [string, () => Store])[] = [
    ['in Lua on a real Redis', () => redis.store],
    ['in its twin', () => memoryStore()],
  ];

  it.each(stores)('hold for the script %s, to the microsecond', async (_, makeStore) => {
    const store = makeStore();
    for (const { title, intervalUs, vectors } of SCENARIOS) {
      for (const [atMs, quantity, { limited, remaining, resetMs, retryMs }] of vectors) {
        // Far ahead: real time passes in Redis, and no key may expire there before its moment.
        const nowUs = (4_000_000_000_000 + atMs) * 1_000;
        const rule = `g:${intervalUs}:5:5:0:0`;
        const [reply] = await store.execute([
          ['EVAL', chargeScript.lua, 1, `ratelimit:${intervalUs}`, nowUs, 'take', quantity, quantity, '', rule],
        ]);
        const taken = limited ? 0 : quantity;
        const retryUs = !limited ? 0 : retryMs === -1 ? -1 : retryMs * 1_000;
        const expected = [limited ? 0 : 1, taken, remaining, resetMs * 1_000, retryUs];
        expect(reply, `${title}: ${quantity} at ${atMs}`).toEqual(expected);
      }
    }
  });
});
