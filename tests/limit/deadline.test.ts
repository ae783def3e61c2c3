import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { createGuard } from '../../lib/guard/guard.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Store } from '../../lib/store/store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { allowNoUnhandledRejection } from '../support/unhandled-rejections.ts';

allowNoUnhandledRejection();

const POLICIES = [
  { name: 'p', limit: 100, windowMs: 60_000 },
  { name: 'q', limit: 1, windowMs: 60_000 },
];

/** A Redis whose answers come so late as `late` says. */
function slowWorld(slotOf?: Store['slotOf']) {
  const clock = manualClock();
  const redis = memoryStore({ clock });
  let lateMs = 0;
  const slow: Store = {
    ...redis,
    slotOf,
    async execute(commands, options) {
      const replies = await redis.execute(commands, options);
      if (lateMs > 0) await new Promise<void>((resolve) => clock.after(lateMs, resolve));
      return replies;
    },
  };
  const open = (store: Store, requestTimeoutMs = 1_000) => createKv({ store, clock, requestTimeoutMs });
  /** How long `work` takes, in milliseconds. */
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const startedAt = clock.monotonic();
    let endedAt = Number.POSITIVE_INFINITY;
    const ended = () => {
      endedAt = clock.monotonic();
    };
    work().then(ended, ended);
    await clock.run(30_000);
    return endedAt - startedAt;
  };
  return {
    clock,
    open,
    timed,
    slow,
    redis,
    late: (ms: number) => {
      lateMs = ms;
    },
  };
}

describe('no call waits longer than requestTimeoutMs', () => {
  it.each(['check', 'peek', 'refund', 'reset'] as const)(
    'where all limits were cleared elsewhere, and it has to ask twice: %s',
    async (name) => {
      const { clock, open, timed, slow, redis, late } = slowWorld();
      const limiter = createLimiter({ kv: open(slow), policies: POLICIES });
      await limiter.check({ p: 'a' });
      await createLimiter({ kv: open(redis), policies: POLICIES }).clear();
      clock.advance(1_000);
      late(900);
      expect(await timed(() => limiter[name]({ p: 'a' }))).toBe(1_000);
    },
  );

  it('where keys are in several slots, and what one of them took has to be given back', async () => {
    const slotOf = (key: string) => (key.includes(':q:') ? 1 : 2);
    const { open, timed, slow, late } = slowWorld(slotOf);
    const limiter = createLimiter({ kv: open(slow), policies: POLICIES, refusalTtlMs: 0 });
    await limiter.check({ p: 'a', q: 'a' });
    late(900);
    expect(await timed(() => limiter.check({ p: 'a', q: 'a' }))).toBe(1_000);
    late(0);
    // It was given back all the same.
    expect(await limiter.peek({ p: 'a' })).toMatchObject({ remaining: 100 });
  });
});

describe('no decision takes longer than budgetMs', () => {
  it.each([1_000, 20_000])('about a request without a key, with a deadline of %d ms', async (requestTimeoutMs) => {
    const { open, timed, slow, late } = slowWorld();
    const kv = open(slow, requestTimeoutMs);
    const guard = createGuard({
      kv,
      keys: createApiKeys({ kv }),
      limiter: createLimiter({ kv, policies: POLICIES }),
      routes: [{ path: '/*', auth: 'none', limits: { p: 'ip' } }],
      clientIp: () => '192.0.2.1',
      budgetMs: 700,
    });
    late(10_000);
    expect(await timed(() => guard.check(new Request('https://app.test/')))).toBe(700);
  });
});
