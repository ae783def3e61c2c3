import { RedisStore } from 'connect-redis';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import Redlock from 'redlock';
import { modules } from './modules.mjs';

/** About 200 bytes of JSON. */
const DATA = { user: 4711, name: 'Ada Lovelace', roles: ['admin', 'author'], cart: [1, 2, 3], about: 'x'.repeat(100) };
const COOKIE = { originalMaxAge: 86_400_000, httpOnly: true, path: '/' };

/**
 * What is measured, and what of others does the same. `budgetMs` is what an operation may take on a local Redis. Each `open`
 * answers the operation, a number from 0 up in hand, and how to end.
 */
export const OPERATIONS = [
  {
    name: 'limit check',
    budgetMs: 10,
    contenders: {
      breakwater: (url) =>
        ours(url, ({ createLimiter }, kv) => {
          const limiter = createLimiter({ kv, policies: [{ name: 'user', limit: 1_000_000, windowMs: 60_000 }] });
          return async (turn) => expect((await limiter.check({ user: `u${turn % 1_000}` })).allowed);
        }),
    },
  },
  {
    name: 'dedup',
    budgetMs: 5,
    contenders: {
      breakwater: (url) =>
        ours(url, ({ createDedup }, kv) => {
          const dedup = createDedup({ kv });
          return async (turn) => expect((await dedup.seen(`event${turn}`, { ttlMs: 300_000 })).status === 'first');
        }),
    },
  },
  {
    name: 'lock: acquire and release',
    budgetMs: 15,
    contenders: {
      breakwater: (url) =>
        ours(url, ({ createLocks }, kv) => {
          const locks = createLocks({ kv });
          return async (turn) => {
            const acquired = await locks.acquire(`order${turn}`);
            expect(acquired.status === 'acquired');
            expect((await acquired.lock.release()).status === 'released');
          };
        }),
      redlock: async (url) => {
        const client = new Redis(url);
        const redlock = new Redlock([client], { retryCount: 0 });
        const run = async (turn) => {
          const lock = await redlock.acquire([`order${turn}`], 30_000);
          await lock.release();
        };
        return { run, close: () => client.quit() };
      },
    },
  },
  {
    name: 'one-time code: issue and verify',
    budgetMs: 20,
    contenders: {
      breakwater: (url) =>
        ours(url, ({ createCodes }, kv) => {
          const codes = createCodes({ kv, pepper: 'p'.repeat(32) });
          return async (turn) => {
            const account = { purpose: 'login', subject: `u${turn}` };
            const issued = await codes.issue(account);
            expect(issued.status === 'issued');
            expect((await codes.verify({ ...account, code: issued.code })).status === 'verified');
          };
        }),
    },
  },
  {
    name: 'session: save and read',
    budgetMs: 20,
    contenders: {
      breakwater: (url) =>
        ours(url, ({ createSessions }, kv) => {
          const sessions = createSessions({ kv });
          const tokens = new Map();
          const tokenOf = async (user) => {
            if (!tokens.has(user)) tokens.set(user, (await sessions.create(`u${user}`, DATA)).token);
            return tokens.get(user);
          };
          return async (turn) => {
            const token = await tokenOf(turn % 100);
            expect((await sessions.save(token, { ...DATA, turn })).status === 'saved');
            expect((await sessions.read(token)).status === 'active');
          };
        }),
      'connect-redis': async (url) => {
        const client = createClient({ url });
        await client.connect();
        const store = new RedisStore({ client });
        const run = async (turn) => {
          const id = `s${turn % 100}`;
          await store.set(id, { cookie: COOKIE, ...DATA, turn });
          expect((await store.get(id)) !== undefined);
        };
        return { run, close: () => client.close() };
      },
    },
  },
];

async function ours(url, make) {
  const parts = await modules();
  const kv = parts.createKv({ store: parts.redisStore({ url }) });
  return { run: make(parts, kv), close: () => kv.close() };
}

function expect(isRight) {
  if (!isRight) throw new Error('A contender has answered what it must not');
}
