import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { redisStore } from '../../lib/store/redis.ts';
import type { Store } from '../../lib/store/store.ts';
import { type FakeRedis, fakeRedis } from '../support/fake-redis.ts';

/** What nobody could catch would end the process. */
const uncaught: unknown[] = [];
const hear = (error: unknown): void => {
  uncaught.push(error);
};
let others: NodeJS.UncaughtExceptionListener[] = [];
beforeEach(() => {
  others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException').on('uncaughtException', hear);
});
afterEach(() => {
  process.off('uncaughtException', hear);
  for (const other of others) process.on('uncaughtException', other);
  expect(uncaught.splice(0)).toEqual([]);
});

async function withRedis(answer: (command: string) => string, use: (store: Store, redis: FakeRedis) => Promise<void>) {
  const redis = await fakeRedis((command) => (command === 'PING' ? '+PONG\r\n' : answer(command)));
  const store = redisStore({ url: `redis://${redis.name}` });
  try {
    await use(store, redis);
  } finally {
    await store.close();
    redis.stop();
  }
}

const echo = (command: string): string => `+${command.split(' ')[1]}\r\n`;

describe('a reply that nobody has asked for', () => {
  it.each([
    ['a null', '$-1\r\n'],
    ['a null array', '*-1\r\n'],
    ['several of them', '$-1\r\n$-1\r\n-ERR x\r\n$-1\r\n'],
    ['a text', '+stray\r\n'],
    ['an error', '-ERR max number of clients reached\r\n'],
    ['what is no reply', '$-1\r\nHTTP/1.1 400 Bad Request\r\n\r\n'],
  ])('ends its connection, and nothing else: %s', async (_, stray) => {
    for (const isBehind of [true, false]) {
      const answer = (command: string): string =>
        isBehind && command === 'GET first' ? echo(command) + stray : echo(command);
      await withRedis(answer, async (store, redis) => {
        expect(await store.execute([['GET', 'first']])).toEqual(['first']);
        if (!isBehind) redis.sockets[0]?.write(stray);
        await expect.poll(() => redis.sockets[0]?.destroyed).toBe(true);
        expect(await store.execute([['GET', 'second']])).toEqual(['second']);
        expect(redis.sockets).toHaveLength(2);
      });
    }
  });

  it('is no answer to the next one who asks', async () => {
    await withRedis(echo, async (store, redis) => {
      await store.execute([['GET', 'first']]);
      redis.sockets[0]?.write('+of another\r\n');
      await expect.poll(() => redis.sockets[0]?.destroyed).toBe(true);
      const answers = await Promise.all(['a', 'b', 'c'].map((key) => store.execute([['GET', key]])));
      expect(answers).toEqual([['a'], ['b'], ['c']]);
    });
  });
});
