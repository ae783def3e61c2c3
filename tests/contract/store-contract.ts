import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { registerTwin } from '../../lib/store/script-twins.ts';
import { type Command, isErrorReply, type Reply, type Store } from '../../lib/store/store.ts';

/** Counts a key up and tells its own arguments: a number, a text and a list in one reply. */
const SCRIPT = `
local count = redis.call('INCRBY', KEYS[1], ARGV[1])
return {count, ARGV[2], {KEYS[1], #ARGV}}
`;
const SCRIPT_SHA = '8ee3ec620473ce0c75dc5856337c1317145b36d4';
const FAILING_SCRIPT = `return redis.call('INCR', KEYS[1])`;

registerTwin(SCRIPT, (redis, [key = ''], [step = '', label = '', ...rest]) => [
  redis.call('INCRBY', key, step),
  label,
  [key, 2 + rest.length],
]);
registerTwin(FAILING_SCRIPT, (redis, [key = '']) => redis.call('INCR', key));

let serial = 0;

export interface StoreContractOptions {
  /** Put before every key. On a Cluster it has a hash tag: the keys of one command are in one slot there. */
  readonly keyPrefix?: string | undefined;
}

/** What every store answers alike. One suite: a store that needs an exception is not a store. */
export function storeContract(
  name: string,
  makeStore: () => Promise<Store>,
  { keyPrefix = '' }: StoreContractOptions = {},
): void {
  describe(`the ${name} store`, () => {
    let store: Store;
    /** Of the test alone. */
    let k = '';
    let other = '';

    beforeAll(async () => {
      store = await makeStore();
    });
    afterAll(() => store.close());
    beforeEach(() => {
      serial += 1;
      k = `${keyPrefix}contract:${serial}:k`;
      other = `${keyPrefix}contract:${serial}:other`;
    });

    const run = (...commands: Command[]): Promise<readonly Reply[]> => store.execute(commands);
    const one = async (...command: Command): Promise<Reply | undefined> => (await run(command))[0];
    const errorOf = async (...command: Command): Promise<string> => {
      const reply = await one(...command);
      if (!isErrorReply(reply)) throw new Error(`no error but ${JSON.stringify(reply)}`);
      return reply.error;
    };

    describe('answers a batch', () => {
      it('of nothing with nothing', async () => {
        expect(await run()).toEqual([]);
      });
      it('with one reply per command in the order of the commands', async () => {
        const commands = Array.from({ length: 100 }, (_, i): Command[] => [
          ['SET', `${k}:${i}`, `value ${i}`],
          ['GET', `${k}:${i}`],
        ]).flat();
        const expected = Array.from({ length: 100 }, (_, i) => ['OK', `value ${i}`]).flat();
        expect(await run(...commands)).toEqual(expected);
      });
      it('of which one command fails without harm to the others', async () => {
        const replies = await run(['SET', k, 'text'], ['INCR', k], ['LPUSH', k, 'x'], ['GET', k]);
        expect(replies).toEqual([
          'OK',
          { error: 'ERR value is not an integer or out of range' },
          { error: 'WRONGTYPE Operation against a key holding the wrong kind of value' },
          'text',
        ]);
      });
      it('whose commands are written in lower case', async () => {
        expect(await run(['set', k, 'v'], ['hset', other, 'f', 'v'], ['hgetall', other])).toEqual([
          'OK',
          1,
          ['f', 'v'],
        ]);
      });
      it('with batches that were sent together each getting its own replies', async () => {
        const batches = Array.from({ length: 20 }, (_, i) => run(['SET', `${k}:${i}`, i], ['GET', `${k}:${i}`]));
        expect(await Promise.all(batches)).toEqual(Array.from({ length: 20 }, (_, i) => ['OK', String(i)]));
      });
      it('with an error for an unknown command that names it', async () => {
        expect(await errorOf('NOSUCHCOMMAND', 'a')).toMatch(/^ERR unknown command 'NOSUCHCOMMAND'/);
      });
      it('with an error for a missing argument that names the command', async () => {
        expect(await errorOf('GET')).toBe("ERR wrong number of arguments for 'get' command");
      });
    });

    describe('keeps strings', () => {
      it('that it was given', async () => {
        expect(await run(['SET', k, 'v'], ['GET', k])).toEqual(['OK', 'v']);
      });
      it('and has null for those it was not given', async () => {
        expect(await one('GET', k)).toBeNull();
      });
      it('that are empty', async () => {
        expect(await run(['SET', k, ''], ['GET', k], ['STRLEN', k])).toEqual(['OK', '', 0]);
      });
      it('of any script and any control character', async () => {
        const value = 'Grüße 日本語 🚀 \u0000\u0001\r\n\t"\\ \u2028';
        expect(await run(['SET', k, value], ['GET', k])).toEqual(['OK', value]);
      });
      it('that begin with a byte order mark', async () => {
        expect(await run(['SET', k, '\uFEFFvalue'], ['GET', k])).toEqual(['OK', '\uFEFFvalue']);
      });
      it('that are counters, exact up to 2^53 - 1 either way', async () => {
        const largest = Number.MAX_SAFE_INTEGER;
        const replies = await run(['SET', k, largest - 1], ['INCR', k], ['SET', k, 1 - largest], ['DECR', k]);
        expect(replies).toEqual(['OK', largest, 'OK', -largest]);
      });
      it('that hold JSON as text', async () => {
        const value = JSON.stringify({ a: [1, null, true, 'ü'], b: { c: 1.5 } });
        expect(await run(['SET', k, value], ['GET', k])).toEqual(['OK', value]);
      });
      it('that look like numbers, booleans and status replies as the texts they are', async () => {
        const values = ['1', '01', '1e3', 'true', 'null', 'OK', '+OK', '-ERR x', '$5'];
        const commands = values.flatMap((value): Command[] => [
          ['SET', k, value],
          ['GET', k],
        ]);
        expect(await run(...commands)).toEqual(values.flatMap((value) => ['OK', value]));
      });
      it('of 100 KB', async () => {
        const value = 'ä'.repeat(51_200);
        expect(await run(['SET', k, value], ['GET', k], ['STRLEN', k])).toEqual(['OK', value, 102_400]);
      });
      it('under names with spaces, slashes, percent signs and braces', async () => {
        const odd = `${k} a/b?c=d%20&{e}ü`;
        expect(await run(['SET', odd, 'v'], ['GET', odd])).toEqual(['OK', 'v']);
      });
      it('from numbers as their decimal text', async () => {
        expect(await run(['SET', k, 12], ['GET', k], ['SET', k, -1.5], ['GET', k])).toEqual(['OK', '12', 'OK', '-1.5']);
      });
      it('that APPEND and GETRANGE cut and join', async () => {
        expect(await run(['APPEND', k, 'ab'], ['APPEND', k, 'cd'], ['GETRANGE', k, 1, -2])).toEqual([2, 4, 'bc']);
      });
      it('that MSET and MGET take many of, null for the missing', async () => {
        expect(await run(['MSET', k, 'a', other, 'b'], ['MGET', other, `${k}:none`, k])).toEqual([
          'OK',
          ['b', null, 'a'],
        ]);
      });
      it('that GETDEL gives for the last time', async () => {
        expect(await run(['SET', k, 'v'], ['GETDEL', k], ['GET', k])).toEqual(['OK', 'v', null]);
      });
    });

    describe('sets on condition', () => {
      it('NX only what is not there', async () => {
        expect(await run(['SET', k, 'a', 'NX'], ['SET', k, 'b', 'NX'], ['GET', k])).toEqual(['OK', null, 'a']);
      });
      it('XX only what is there', async () => {
        expect(await run(['SET', k, 'a', 'XX'], ['SET', k, 'b'], ['SET', k, 'c', 'XX'], ['GET', k])).toEqual([
          null,
          'OK',
          'OK',
          'c',
        ]);
      });
      it('GET with the value from before as the answer', async () => {
        expect(await run(['SET', k, 'a', 'GET'], ['SET', k, 'b', 'GET'], ['GET', k])).toEqual([null, 'a', 'b']);
      });
      it('NX GET with the value that stood in the way', async () => {
        expect(await run(['SET', k, 'a'], ['SET', k, 'b', 'NX', 'GET'], ['GET', k])).toEqual(['OK', 'a', 'a']);
      });
      it('SETNX with a number as the answer', async () => {
        expect(await run(['SETNX', k, 'a'], ['SETNX', k, 'b'])).toEqual([1, 0]);
      });
      it('but refuses NX together with XX', async () => {
        expect(await errorOf('SET', k, 'a', 'NX', 'XX')).toBe('ERR syntax error');
      });
    });

    describe('expires', () => {
      it('nothing that has no TTL: -1, and -2 for what is not there', async () => {
        expect(await run(['SET', k, 'v'], ['TTL', k], ['PTTL', k], ['TTL', other], ['PTTL', other])).toEqual([
          'OK',
          -1,
          -1,
          -2,
          -2,
        ]);
      });
      it('what was set with EX or PX', async () => {
        const [, seconds, , ms] = await run(
          ['SET', k, 'v', 'EX', 100],
          ['TTL', k],
          ['SET', k, 'v', 'PX', 5000],
          ['PTTL', k],
        );
        expect(seconds).toBe(100);
        expect(ms).toSatisfy((left: number) => left > 3000 && left <= 5000);
      });
      it('no longer what was set again without, unless with KEEPTTL', async () => {
        const commands: Command[] = [
          ['SET', k, 'a', 'EX', 100],
          ['SET', k, 'b', 'KEEPTTL'],
          ['TTL', k],
          ['SET', k, 'c'],
          ['TTL', k],
        ];
        expect(await run(...commands)).toEqual(['OK', 'OK', 100, 'OK', -1]);
      });
      it('with EXPIRE what is there and answers 0 for what is not', async () => {
        expect(await run(['SET', k, 'v'], ['EXPIRE', k, 50], ['TTL', k], ['EXPIRE', other, 50])).toEqual([
          'OK',
          1,
          50,
          0,
        ]);
      });
      it('with EXPIRE NX only what has no TTL yet', async () => {
        expect(await run(['INCR', k], ['EXPIRE', k, 50, 'NX'], ['EXPIRE', k, 99, 'NX'], ['TTL', k])).toEqual([
          1, 1, 0, 50,
        ]);
      });
      it('with EXPIRE GT and LT only later and sooner', async () => {
        const commands: Command[] = [
          ['SET', k, 'v', 'EX', 50],
          ['EXPIRE', k, 40, 'GT'],
          ['EXPIRE', k, 60, 'GT'],
          ['EXPIRE', k, 70, 'LT'],
          ['EXPIRE', k, 30, 'LT'],
          ['TTL', k],
        ];
        expect(await run(...commands)).toEqual(['OK', 0, 1, 0, 1, 30]);
      });
      it('at once what gets a TTL in the past', async () => {
        expect(await run(['SET', k, 'v'], ['EXPIRE', k, -1], ['GET', k], ['TTL', k])).toEqual(['OK', 1, null, -2]);
      });
      it('no longer what PERSIST was told to keep', async () => {
        expect(await run(['SET', k, 'v', 'EX', 50], ['PERSIST', k], ['PERSIST', k], ['TTL', k])).toEqual([
          'OK',
          1,
          0,
          -1,
        ]);
      });
      it('not without a valid time', async () => {
        expect(await errorOf('SET', k, 'v', 'EX', 0)).toBe("ERR invalid expire time in 'set' command");
        expect(await errorOf('SET', k, 'v', 'EX', 'soon')).toBe('ERR value is not an integer or out of range');
      });
    });

    describe('knows its keys', () => {
      it('by EXISTS, TYPE and DEL', async () => {
        const commands: Command[] = [
          ['SET', k, 'v'],
          ['SADD', other, 'm'],
          ['EXISTS', k, k, `${k}:none`],
          ['TYPE', k],
          ['TYPE', other],
          ['TYPE', `${k}:none`],
          ['DEL', k, other, `${k}:none`],
          ['EXISTS', k, other],
        ];
        expect(await run(...commands)).toEqual(['OK', 1, 2, 'string', 'set', 'none', 2, 0]);
      });
      it('by SCAN with a pattern, each of them in the end', async () => {
        await run(['MSET', `${k}:1`, 'a', `${k}:2`, 'b', `${k}:3`, 'c']);
        const found: Reply[] = [];
        let cursor = '0';
        do {
          const [next, keys] = (await one('SCAN', cursor, 'MATCH', `${k}:*`, 'COUNT', 10)) as [string, string[]];
          found.push(...keys);
          cursor = next;
        } while (cursor !== '0');
        expect(found.sort()).toEqual([`${k}:1`, `${k}:2`, `${k}:3`]);
      });
    });

    describe('says what it holds', () => {
      it('in bytes, by INFO', async () => {
        const held = async () => Number(/^used_memory:(\d+)\r?$/m.exec(String(await one('INFO', 'memory')))?.[1]);
        // Some on each node of a Cluster: one of them says what it holds.
        const names = Array.from({ length: 10 }, (_, index) => `${k}{${index}}`);
        for (const name of names) await one('SET', name, '');
        const before = await held();
        for (const name of names) await one('SET', name, 'x'.repeat(200_000));
        expect(await held()).toBeGreaterThan(before);
      });
      it('and nothing of sections that there are not', async () => {
        expect(await one('INFO', 'nothing')).toBe('');
      });
    });

    describe('counts', () => {
      it('from nothing, up and down', async () => {
        expect(await run(['INCR', k], ['INCRBY', k, 10], ['DECR', k], ['DECRBY', k, 20], ['GET', k])).toEqual([
          1,
          11,
          10,
          -10,
          '-10',
        ]);
      });
      it('in fractions as text', async () => {
        expect(await run(['INCRBYFLOAT', k, '0.1'], ['INCRBYFLOAT', k, '0.2'])).toEqual(['0.1', '0.3']);
      });
      it('up to 64 bits and no further', async () => {
        await run(['SET', k, '9223372036854775807']);
        expect(await errorOf('INCR', k)).toBe('ERR increment or decrement would overflow');
      });
    });

    describe('keeps hashes', () => {
      it('with HGETALL as a flat list in the order of setting', async () => {
        expect(await run(['HSET', k, 'a', 1, 'b', 2], ['HSET', k, 'b', 3], ['HGETALL', k])).toEqual([
          2,
          0,
          ['a', '1', 'b', '3'],
        ]);
      });
      it('whose fields come one by one, many at once, or not at all', async () => {
        expect(await run(['HSET', k, 'a', 'x'], ['HGET', k, 'a'], ['HGET', k, 'b'], ['HMGET', k, 'b', 'a'])).toEqual([
          1,
          'x',
          null,
          [null, 'x'],
        ]);
      });
      it('whose fields count, exist and go, and the hash with the last of them', async () => {
        const commands: Command[] = [
          ['HINCRBY', k, 'n', 5],
          ['HEXISTS', k, 'n'],
          ['HLEN', k],
          ['HSETNX', k, 'n', 1],
          ['HDEL', k, 'n', 'none'],
          ['EXISTS', k],
        ];
        expect(await run(...commands)).toEqual([5, 1, 1, 0, 1, 0]);
      });
      it('that are empty lists when they are not there', async () => {
        expect(await run(['HGETALL', k], ['HKEYS', k], ['HVALS', k])).toEqual([[], [], []]);
      });
    });

    describe('keeps sets', () => {
      it('of each member once', async () => {
        const [added, again, members, card, is] = await run(
          ['SADD', k, 'a', 'b', 'a'],
          ['SADD', k, 'b', 'c'],
          ['SMEMBERS', k],
          ['SCARD', k],
          ['SMISMEMBER', k, 'a', 'z'],
        );
        expect([added, again, card, is]).toEqual([2, 1, 3, [1, 0]]);
        expect([...(members as string[])].sort()).toEqual(['a', 'b', 'c']);
      });
      it('whose members go, and the set with the last of them', async () => {
        expect(await run(['SADD', k, 'a'], ['SISMEMBER', k, 'a'], ['SREM', k, 'a', 'b'], ['EXISTS', k])).toEqual([
          1, 1, 1, 0,
        ]);
      });
    });

    describe('keeps sorted sets', () => {
      it('in the order of scores, then of names', async () => {
        expect(await run(['ZADD', k, 2, 'c', 1, 'b', 1, 'a'], ['ZRANGE', k, 0, -1])).toEqual([3, ['a', 'b', 'c']]);
      });
      it('with scores as texts in a flat list', async () => {
        expect(
          await run(['ZADD', k, 1.5, 'a', '-inf', 'b'], ['ZRANGE', k, 0, -1, 'WITHSCORES'], ['ZSCORE', k, 'a']),
        ).toEqual([2, ['b', '-inf', 'a', '1.5'], '1.5']);
      });
      it('that are cut by score', async () => {
        const commands: Command[] = [
          ['ZADD', k, 1, 'a', 2, 'b', 3, 'c'],
          ['ZRANGEBYSCORE', k, '(1', '+inf'],
          ['ZCOUNT', k, 1, 2],
          ['ZREMRANGEBYSCORE', k, '-inf', 2],
          ['ZCARD', k],
        ];
        expect(await run(...commands)).toEqual([3, ['b', 'c'], 2, 2, 1]);
      });
      it('with ranks from either end', async () => {
        expect(
          await run(['ZADD', k, 1, 'a', 2, 'b'], ['ZRANK', k, 'b'], ['ZREVRANK', k, 'b'], ['ZRANK', k, 'z']),
        ).toEqual([2, 1, 0, null]);
      });
      it('whose scores grow', async () => {
        expect(await run(['ZINCRBY', k, 2, 'a'], ['ZINCRBY', k, 0.5, 'a'], ['ZREM', k, 'a'], ['EXISTS', k])).toEqual([
          '2',
          '2.5',
          1,
          0,
        ]);
      });
    });

    describe('keeps lists', () => {
      it('that grow at both ends', async () => {
        expect(await run(['RPUSH', k, 'b', 'c'], ['LPUSH', k, 'a'], ['LRANGE', k, 0, -1], ['LLEN', k])).toEqual([
          2,
          3,
          ['a', 'b', 'c'],
          3,
        ]);
      });
      it('that shrink at both ends and by LTRIM', async () => {
        const commands: Command[] = [
          ['RPUSH', k, 'a', 'b', 'c', 'd', 'e'],
          ['LPOP', k],
          ['RPOP', k, 2],
          ['LTRIM', k, 0, 0],
          ['LRANGE', k, 0, -1],
          ['LPOP', other],
        ];
        expect(await run(...commands)).toEqual([5, 'a', ['e', 'd'], 'OK', ['b'], null]);
      });
    });

    describe('runs a transaction', () => {
      it('and answers each of its commands', async () => {
        const replies = await store.execute(
          [
            ['SET', k, 'v'],
            ['GET', k],
            ['HSET', other, 'f', 'v'],
            ['HGETALL', other],
          ],
          {
            atomic: true,
          },
        );
        expect(replies).toEqual(['OK', 'v', 1, ['f', 'v']]);
      });
      it('in which one command fails without harm to the others', async () => {
        const replies = await store.execute(
          [
            ['SET', k, 'text'],
            ['INCR', k],
            ['APPEND', k, '!'],
          ],
          { atomic: true },
        );
        expect(replies).toEqual(['OK', { error: 'ERR value is not an integer or out of range' }, 5]);
      });
      it('and nothing of it when one command cannot be queued', async () => {
        const replies = await store.execute([['SET', k, 'v'], ['NOSUCHCOMMAND'], ['GET', k]], { atomic: true });
        const discarded = { error: 'EXECABORT Transaction discarded because of previous errors.' };
        expect(replies).toEqual([discarded, discarded, discarded]);
        expect(await one('GET', k)).toBeNull();
      });
      it('between which no other command comes', async () => {
        const rounds = Array.from({ length: 20 }, () =>
          store.execute(
            [
              ['INCR', k],
              ['INCR', k],
            ],
            { atomic: true },
          ),
        );
        for (const [first, second] of await Promise.all(rounds)) expect(second).toBe(Number(first) + 1);
      });
    });

    describe('runs scripts', () => {
      it('that it is sent', async () => {
        expect(await one('EVAL', SCRIPT, 1, k, 5, 'label')).toEqual([5, 'label', [k, 2]]);
      });
      it('that it was sent before, by their SHA-1', async () => {
        const [loaded, reply] = await run(['SCRIPT', 'LOAD', SCRIPT], ['EVALSHA', SCRIPT_SHA, 1, k, 1, 'x']);
        expect(loaded).toBe(SCRIPT_SHA);
        expect(reply).toEqual([1, 'x', [k, 2]]);
        expect(await one('EVALSHA', SCRIPT_SHA.toUpperCase(), 1, k, 1, 'x')).toEqual([2, 'x', [k, 2]]);
      });
      it('but not one that it has never seen', async () => {
        expect(await errorOf('EVALSHA', 'f'.repeat(40), 0)).toMatch(/^NOSCRIPT /);
      });
      it('and answers with the error of a command that failed in one', async () => {
        await run(['SET', k, 'text']);
        expect(await errorOf('EVAL', FAILING_SCRIPT, 1, k)).toMatch(/^ERR value is not an integer or out of range/);
      });
      it('inside a transaction', async () => {
        const replies = await store.execute(
          [
            ['SET', k, 1],
            ['EVAL', SCRIPT, 1, k, 1, 'in'],
          ],
          { atomic: true },
        );
        expect(replies).toEqual(['OK', [2, 'in', [k, 2]]]);
      });
    });

    describe('gives up', () => {
      it('before it has sent anything when the signal has fired already', async () => {
        const refused = store.execute([['SET', k, 'v']], { signal: AbortSignal.abort() });
        await expect(refused).rejects.toMatchObject({ code: 'STORE', kind: 'aborted', mayHaveRun: false });
        expect(await one('GET', k)).toBeNull();
      });
      it('after close, and closes as often as it is told', async () => {
        const mine = await makeStore();
        expect(await mine.execute([['PING']])).toEqual(['PONG']);
        await mine.close();
        await mine.close();
        await expect(mine.execute([['SET', k, 'v']])).rejects.toMatchObject({
          code: 'STORE',
          kind: 'local',
          mayHaveRun: false,
        });
        expect(await one('GET', k)).toBeNull();
      });
      it('when it was closed before its first use', async () => {
        const mine = await makeStore();
        await mine.close();
        await expect(mine.execute([['PING']])).rejects.toMatchObject({ code: 'STORE', kind: 'local' });
      });
    });
  });
}
