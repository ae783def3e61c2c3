import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import type { Reply, Store } from '../../lib/store/store.ts';
import { eventually } from '../support/eventually.ts';
import { heldStore } from '../support/held-store.ts';
import { keyWorld } from '../support/key-world.ts';

const AWAY = { status: 'UNAVAILABLE', reason: 'away', retryAfterMs: 1_000 };
const REVOKED = { status: 'INVALID', reason: 'revoked' };

/** A process whose Redis can be held, and whose source can take as long as it likes. */
async function slow(budgetMs?: number) {
  const world = keyWorld('other-kv');
  const key = await world.issue();
  const redis = heldStore(world.redis);
  const signals: (AbortSignal | undefined)[] = [];
  const link: Store = {
    ...redis,
    execute(commands, options) {
      signals.push(options?.signal);
      return redis.execute(commands, options);
    },
  };
  const { keys, events } = world.startOn(link, { budgetMs, sourceSettings: { timeoutMs: 60_000 } });
  // Redis knows the script.
  await keys.validate(world.unknown());
  return { world, key, redis, signals, keys, events };
}

/** What `answer` is after so many milliseconds; `undefined` when there is none yet. */
async function after<T>(clock: { run(ms: number): Promise<void> }, ms: number, answer: Promise<T>) {
  let told: T | undefined;
  void answer.then((value) => {
    told = value;
  });
  await clock.run(ms);
  return told;
}

describe('a validation takes no longer than its caller says, nor than budgetMs', () => {
  it.each([
    { budgetMs: undefined, timeoutMs: undefined, atMost: 1_500 },
    { budgetMs: undefined, timeoutMs: 100, atMost: 100 },
    { budgetMs: 200, timeoutMs: 10_000, atMost: 200 },
  ])('with a source that is silent: %o', async ({ budgetMs, timeoutMs, atMost }) => {
    const { world, key, keys } = await slow(budgetMs);
    const hold = world.source?.hold();
    const answer = keys.validate(key, { timeoutMs });
    await eventually(() => hold?.waiting === 1);
    expect(await after(world.clock, atMost - 1, answer)).toBeUndefined();
    expect(await after(world.clock, 1, answer)).toEqual(AWAY);
    hold?.release();
  });

  it('with a Redis that is silent, before the source is asked and after', async () => {
    for (const silent of ['first', 'second']) {
      const { world, key, redis, keys } = await slow(200);
      const hold = world.source?.hold();
      if (silent === 'first') redis.hold();
      const answer = keys.validate(key);
      if (silent === 'first') {
        await eventually(() => redis.held === 1);
        expect(await after(world.clock, 199, answer)).toBeUndefined();
        // No time is left for the source.
        expect(await after(world.clock, 1, answer)).toEqual(AWAY);
        expect(hold?.waiting).toBe(0);
      } else {
        await eventually(() => hold?.waiting === 1);
        world.clock.advance(100);
        redis.hold();
        hold?.release();
        await eventually(() => redis.held === 1);
        expect(await after(world.clock, 99, answer)).toBeUndefined();
        expect(await after(world.clock, 1, answer)).toMatchObject({ status: 'VALID', degraded: false });
      }
      redis.deliver();
    }
  });

  it('and waits for what Redis makes of the answer only where there is time', async () => {
    for (const leftMs of [1, 0.5]) {
      const { world, key, redis, signals, keys } = await slow(200);
      const hold = world.source?.hold();
      const answer = keys.validate(key);
      await eventually(() => hold?.waiting === 1);
      world.clock.advance(200 - leftMs);
      redis.hold();
      hold?.release();
      await eventually(() => redis.held === 1);
      const told = await after(world.clock, 0, answer);
      if (leftMs < 1) expect(told).toMatchObject({ status: 'VALID' });
      else expect(told).toBeUndefined();
      await world.clock.run(10);
      expect(signals.at(-1)?.aborted).toBe(leftMs === 1);
      redis.deliver();
      expect(await answer).toMatchObject({ status: 'VALID' });
      // Redis has heard of it either way.
      const looks = world.source?.looks.length;
      expect(await world.start().keys.validate(key)).toMatchObject({ status: 'VALID' });
      expect(world.source?.looks).toHaveLength(looks ?? 0);
    }
  });
});

describe('what the source has said', () => {
  it('is the answer, whatever becomes of Redis meanwhile', async () => {
    const { world, key, keys, events } = await slow();
    const hold = world.source?.hold();
    const answer = keys.validate(key);
    await eventually(() => hold?.waiting === 1);
    world.takeAway('redis');
    hold?.release();
    expect(await answer).toMatchObject({ status: 'VALID', degraded: false });
    expect(events).toEqual([]);
  });

  it('is not the answer where Redis has heard of a revocation meanwhile', async () => {
    const { world, key, keys } = await slow();
    const [record] = await keys.list();
    const hold = world.source?.hold();
    const answer = keys.validate(key);
    await eventually(() => hold?.waiting === 1);
    expect(await world.start().keys.revoke(record?.id ?? '')).toEqual({ revoked: true, propagated: true });
    hold?.release();
    expect(await answer).toEqual(REVOKED);
    expect(await keys.validate(key)).toEqual(REVOKED);
  });

  it('is told to no Redis that could not be asked', async () => {
    const { world, key, keys } = await slow();
    world.takeAway('redis');
    const requests = world.redis.requests.length;
    for (const one of [key, world.unknown()]) await keys.validate(one);
    expect(world.redis.requests).toHaveLength(requests + 2);
    world.takeAway('both');
    expect(await keys.validate(world.unknown())).toEqual(AWAY);
    expect(world.redis.requests).toHaveLength(requests + 3);
  });
});

it.each<{ reply: Reply }>(
  [null, 'OK', 5, [], [null], ['', ''], ['forgiven', ''], ['ask', '1:5']].map((reply) => ({ reply })),
)('a Redis that answers a lookup so says nothing of the key, and that is told: %j', async ({ reply }) => {
  const store: Store = {
    kind: 'redis',
    execute: async (commands) => commands.map(() => reply),
    close: async () => undefined,
  };
  const events: unknown[] = [];
  const kv = createKv({ store, onEvent: (event) => events.push(event) });
  const keys = createApiKeys({ kv });
  expect(await keys.validate(keys.format.generate())).toEqual(AWAY);
  const problem = 'record of another kind or version';
  expect(events).toEqual([expect.objectContaining({ type: 'unreadable', feature: 'keys', problem })]);
});
