import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createKv, type KvClient } from '../../lib/client/kv-client.ts';
import { createAnalytics } from '../../lib/primitives/analytics/analytics.ts';
import { createDedup } from '../../lib/primitives/dedup/dedup.ts';
import { createEventStream } from '../../lib/primitives/event-stream/event-stream.ts';
import { createLeaderboard } from '../../lib/primitives/leaderboard/leaderboard.ts';
import { createLinkTokens } from '../../lib/primitives/link-token/link-tokens.ts';
import { createLocks } from '../../lib/primitives/lock/locks.ts';
import { createCodes } from '../../lib/primitives/one-time-code/codes.ts';
import { createPubSub } from '../../lib/primitives/pubsub/pubsub.ts';
import { createSessions } from '../../lib/primitives/session/sessions.ts';
import { createUsage } from '../../lib/primitives/usage/usage.ts';
import { redisStore } from '../../lib/store/redis.ts';
import { type Fault, type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

const TIMEOUT_MS = 2_000;
const HOUR_MS = 3_600_000;

let redis: RedisServer;
let proxy: FaultProxy;
let kv: KvClient;

beforeAll(async () => {
  redis = await startRedis();
  proxy = await startFaultProxy(redis.port);
});
afterAll(async () => {
  await proxy.close();
  await redis.stop();
});
beforeEach(async () => {
  await kv?.close();
  await proxy.set('pass');
  const store = redisStore({ url: `redis://127.0.0.1:${proxy.port}` });
  kv = createKv({ store, requestTimeoutMs: TIMEOUT_MS, slowMs: false, breaker: { failureThreshold: 1_000 } });
  await kv.command(['FLUSHALL']);
});
afterAll(() => kv.close());

/** What a primitive's user does: prepared while Redis is there, and done when it is not. */
type Preparation = (kv: KvClient) => Promise<() => Promise<{ readonly status: string }>>;

const pepper = 'p'.repeat(32);
const account = { purpose: 'login', subject: 'u1' };
const work = { processingMs: HOUR_MS, retentionMs: HOUR_MS };
const noQuery = () => Promise.reject(new Error('the database is not to be asked'));

/** By the table of what happens with Redis away: what an operation is, what it answers then, and how it is done. */
const OPERATIONS: readonly (readonly [operation: string, away: object, prepare: Preparation])[] = [
  ['a lock is acquired', { status: 'unavailable' }, async (client) => () => createLocks({ kv: client }).acquire('k')],
  [
    'a lock is extended',
    { status: 'unavailable' },
    async (client) => {
      const acquired = await createLocks({ kv: client }).acquire('k');
      if (acquired.status !== 'acquired') throw new Error(acquired.status);
      return () => acquired.lock.extend();
    },
  ],
  [
    'a lock is released',
    { status: 'unavailable' },
    async (client) => {
      const acquired = await createLocks({ kv: client }).acquire('k');
      if (acquired.status !== 'acquired') throw new Error(acquired.status);
      return () => acquired.lock.release();
    },
  ],
  [
    'an event is looked for',
    { status: 'first', approximate: true },
    async (client) => () => createDedup({ kv: client }).seen('e1', { ttlMs: HOUR_MS }),
  ],
  ['work is claimed', { status: 'unavailable' }, async (client) => () => createDedup({ kv: client }).claim('w1', work)],
  [
    'work is finished',
    { status: 'unavailable' },
    async (client) => {
      const claimed = await createDedup({ kv: client }).claim('w1', work);
      if (claimed.status !== 'claimed') throw new Error(claimed.status);
      return () => claimed.finish();
    },
  ],
  [
    'a code is issued',
    { status: 'unavailable' },
    async (client) => () => createCodes({ kv: client, pepper }).issue(account),
  ],
  [
    'a code is verified',
    { status: 'unavailable' },
    async (client) => {
      const codes = createCodes({ kv: client, pepper });
      const issued = await codes.issue(account);
      if (issued.status !== 'issued') throw new Error(issued.status);
      return () => codes.verify({ ...account, code: issued.code });
    },
  ],
  [
    'a link is redeemed',
    { status: 'unavailable' },
    async (client) => {
      const links = createLinkTokens<string>({ kv: client, purpose: 'reset', ttlMs: HOUR_MS });
      const issued = await links.issue('u1');
      if (issued.status !== 'issued') throw new Error(issued.status);
      return () => links.redeem(issued.token);
    },
  ],
  [
    'uses are flushed',
    { status: 'unavailable' },
    async (client) => {
      const usage = createUsage({ kv: client });
      usage.record('key_1');
      return () => usage.flush();
    },
  ],
  [
    'uses are drained',
    { status: 'unavailable', where: 'redis', rows: 0 },
    async (client) => () => createUsage({ kv: client }).drain({ query: noQuery }),
  ],
  [
    'an event is counted by id',
    { status: 'buffered' },
    async (client) => () => createAnalytics({ kv: client }).count('e', {}, { once: { id: 'i' } }),
  ],
  [
    'counts are drained',
    { status: 'unavailable', where: 'redis', rows: 0 },
    async (client) => () => createAnalytics({ kv: client }).drain({ query: noQuery }),
  ],
  [
    'events are appended',
    { status: 'unavailable' },
    async (client) => () => createEventStream({ kv: client, name: 's' }).append([{ a: 1 }]),
  ],
  [
    'a session is read',
    { status: 'unavailable' },
    async (client) => {
      const sessions = createSessions<object>({ kv: client });
      const created = await sessions.create('u1', {});
      if (created.status !== 'created') throw new Error(created.status);
      return () => sessions.read(created.token);
    },
  ],
  [
    'a session is saved',
    { status: 'unavailable' },
    async (client) => {
      const sessions = createSessions<object>({ kv: client });
      const created = await sessions.create('u1', {});
      if (created.status !== 'created') throw new Error(created.status);
      return () => sessions.save(created.token, { a: 1 });
    },
  ],
  [
    'a session is destroyed',
    { status: 'unavailable' },
    async (client) => {
      const sessions = createSessions<object>({ kv: client });
      const created = await sessions.create('u1', {});
      if (created.status !== 'created') throw new Error(created.status);
      return () => sessions.destroy(created.token);
    },
  ],
  [
    'a leaderboard is read that this process has read before',
    { status: 'stale' },
    async (client) => {
      const board = createLeaderboard({ kv: client, name: 'b' });
      await board.set('ada', 1);
      await board.top(1);
      return () => board.top(1);
    },
  ],
  [
    'a leaderboard is read that it has not',
    { status: 'unavailable' },
    async (client) => () => createLeaderboard({ kv: client, name: 'b' }).top(1),
  ],
  [
    'a score is set',
    { status: 'unavailable' },
    async (client) => () => createLeaderboard({ kv: client, name: 'b' }).set('ada', 1),
  ],
  [
    'a message is published',
    { status: 'unavailable' },
    async (client) => () => createPubSub<number>({ kv: client }).publish('c', 1),
  ],
];

/** What becomes of all operations that are begun at once when `takeAway` has run. */
async function answersWithout(takeAway: () => unknown): Promise<readonly unknown[]> {
  const prepared: (readonly [string, () => Promise<unknown>])[] = [];
  for (const [operation, , prepare] of OPERATIONS) {
    await kv.command(['FLUSHALL']);
    prepared.push([operation, await prepare(kv)]);
  }
  await takeAway();
  return Promise.all(prepared.map(async ([operation, operate]) => [operation, await operate()]));
}

const EXPECTED = OPERATIONS.map(([operation, away]) => [operation, expect.objectContaining(away)]);

describe('primitives', () => {
  it.each<Fault>(['black-hole', 'refuse'])(
    'answer what their table says with Redis away: %s, within the deadline of a request or two',
    async (fault) => {
      expect(await answersWithout(() => proxy.set(fault))).toEqual(EXPECTED);
    },
  );

  it('answer the same behind an open circuit', async () => {
    const answers = await answersWithout(async () => {
      kv.circuit.force('FORCED_OPEN');
      await proxy.set('black-hole');
    });
    expect(answers).toEqual(EXPECTED);
    expect(kv.circuit.state().state).toBe('OPEN');
  });

  it.each(OPERATIONS)('are as ever when Redis is back: %s', async (_operation, away, prepare) => {
    const operate = await prepare(kv);
    kv.circuit.force('FORCED_OPEN');
    await operate();
    kv.circuit.release();
    expect(await operate()).not.toMatchObject(away);
  });
});
