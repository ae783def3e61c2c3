import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RestEndpoint, startRestEndpoint } from '../../cli/rest/endpoint.ts';
import { fengariEngine } from '../../lib/store/lua.ts';
import { memoryStore } from '../../lib/store/memory/index.ts';
import { redisStore } from '../../lib/store/redis.ts';
import { type Command, isErrorReply, type Reply, type Store } from '../../lib/store/store.ts';
import { upstashStore } from '../../lib/store/upstash.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { step } from './command-arbitraries.ts';
import { connectResp2, type Resp2Connection } from './resp2-connection.ts';

const RUNS = Number(process.env.DIFF_RUNS ?? 2_000);
const STEPS = 25;
// One command that is refused discards a whole transaction, so these are the fewer.
const isAtomic = fc.nat(3).map((draw) => draw === 3);

let server: RedisServer | undefined;
let redis: Resp2Connection | undefined;
let tcp: Store;
let endpoint: RestEndpoint;
let rest: Store;

beforeAll(async () => {
  server = await startRedis();
  redis = await connectResp2(server.port);
  tcp = redisStore({ url: server.url });
  endpoint = await startRestEndpoint({ store: tcp, token: 'differential' });
  rest = upstashStore({ url: endpoint.url, token: 'differential' });
}, 20_000);

afterAll(async () => {
  redis?.close();
  await endpoint.close();
  await tcp.close();
  await server?.stop();
});

/** An empty store of each kind; those that go to Redis go to one that was emptied. */
const EMPTY: Readonly<Record<string, () => Promise<Store>>> = {
  memory: async () => memoryStore({ lua: fengariEngine() }),
  TCP: async () => emptied(tcp),
  REST: async () => emptied(rest),
};

async function emptied(store: Store): Promise<Store> {
  await redis?.send([['FLUSHALL'], ['SCRIPT', 'FLUSH']]);
  return store;
}

describe.each(Object.entries(EMPTY))('the store %s and Redis 7.0 on a bare socket', (_, empty) => {
  it(
    'answer the same to any sequence of commands',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { minLength: 1, maxLength: STEPS, size: 'max' }),
          isAtomic,
          async (steps, atomic) => {
            const commands = steps.flat();
            const fromRedis = await askRedis(commands, atomic);
            const fromStore = await (await empty()).execute(commands, { atomic });
            const seen = (replies: readonly Reply[]) =>
              commands.map((command, index) => [command.join(' '), comparable(command, replies[index] ?? null)]);
            expectSame(seen(fromStore), seen(fromRedis));
          },
        ),
        { numRuns: RUNS },
      );
    },
    30_000 + RUNS * 100,
  );
});

describe('the memory store and Redis 7.0', () => {
  it('answer the same about the scores of small and of large sorted sets', async () => {
    const scores: readonly Command[] = [
      ['ZADD', 'zset', '-0', 'a', '1e17', 'b', '1e19', 'c', '0.1', 'd'],
      ['ZSCAN', 'zset', '0'],
      ['ZMSCORE', 'zset', 'a', 'b', 'c', 'd'],
    ];
    const grow: Command = ['ZADD', 'zset', '1', 'x'.repeat(65)];
    const commands = [...scores, ...scores, grow, ...scores, ['DEL', 'zset'], grow, ...scores] as const;
    const seen = (replies: readonly Reply[]) =>
      commands.map((command, index) => comparable(command, replies[index] ?? null));
    expect(seen(await memoryStore().execute(commands))).toEqual(seen(await askRedis(commands, false)));
  });
});

async function askRedis(commands: readonly Command[], atomic: boolean): Promise<readonly Reply[]> {
  if (!redis) throw new Error('Redis is not running');
  await redis.send([['FLUSHALL'], ['SCRIPT', 'FLUSH']]);
  if (!atomic) return redis.send(commands);
  const executed = (await redis.send([['MULTI'], ...commands, ['EXEC']])).at(-1) ?? null;
  return Array.isArray(executed) ? executed : commands.map(() => executed);
}

/** Spans measured by two clocks: seconds agree to one, milliseconds to 50. */
const TOLERANCE: ReadonlyMap<string, number> = new Map([
  ['TTL', 1],
  ['EXPIRETIME', 1],
  ['PTTL', 50],
  ['PEXPIRETIME', 50],
]);

function expectSame(memory: readonly (readonly unknown[])[], real: readonly (readonly unknown[])[]): void {
  const aligned = memory.map(([command, reply], index) => {
    const other = real[index]?.[1];
    const tolerance = TOLERANCE.get(String(command).split(' ')[0] ?? '') ?? 0;
    const isClose = typeof reply === 'number' && typeof other === 'number' && Math.abs(reply - other) <= tolerance;
    // −1 and −2 are answers of another kind.
    return [command, isClose && Math.min(reply, other) >= 0 ? other : reply];
  });
  expect(aligned).toEqual(real);
}

const UNORDERED = new Set('SMEMBERS SUNION SINTER SDIFF SPOP KEYS HKEYS HVALS'.split(' '));

/** What Redis leaves open is put in order: sets, fields, keys. */
function comparable([name, ...args]: Command, reply: Reply): unknown {
  if (Array.isArray(reply)) {
    if (UNORDERED.has(name)) return reply.toSorted();
    if (name === 'HGETALL') return pairsOf(reply).toSorted();
    if (name === 'SCAN' || name === 'SSCAN') return [reply[0], (reply[1] as string[]).toSorted()];
    if (name === 'HSCAN' || name === 'ZSCAN') return [reply[0], pairsOf(reply[1] as string[]).toSorted()];
  }
  if (!isErrorReply(reply)) return reply;
  // Names leave in upper case by TCP, and Redis quotes them as it got them.
  if (reply.error.startsWith('ERR unknown command')) return reply.error.toUpperCase();
  // Lua 5.1 and 5.3 word their own errors differently.
  return name === 'EVAL' && !String(args[0]).includes('redis.call') ? reply.error.split(' ')[0] : reply;
}

function pairsOf(words: readonly unknown[]): readonly string[] {
  return words.flatMap((word, index) => (index % 2 === 0 ? [JSON.stringify([word, words[index + 1]])] : []));
}
