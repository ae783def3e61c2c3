import { describe, expect, it } from 'vitest';
import { type MemoryStoreOptions, memoryStore } from '../../lib/store/memory/index.ts';
import { registerTwin } from '../../lib/store/script-twins.ts';
import type { Command, Reply, Store } from '../../lib/store/store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

const one = async (store: Store, ...command: Command): Promise<Reply | undefined> =>
  (await store.execute([command]))[0];
const many = (store: Store, ...commands: Command[]) => store.execute(commands);

function setUp(options: MemoryStoreOptions = {}) {
  const clock = manualClock();
  return { clock, store: memoryStore({ clock, ...options }) };
}

const pair = (index: number): Command => ['SET', `k${index}`, 'v'];

describe('the bounds of the memory store', () => {
  it('hold exactly maxEntries keys', async () => {
    const { store } = setUp({ maxEntries: 3 });
    await many(store, pair(1), pair(2), pair(3));
    expect(await one(store, 'DBSIZE')).toBe(3);
    await one(store, 'SET', 'k4', 'v');
    expect(await many(store, ['DBSIZE'], ['MGET', 'k1', 'k2', 'k3', 'k4'])).toEqual([3, [null, 'v', 'v', 'v']]);
  });

  it('evict the key that was used least recently, where reading is using', async () => {
    const { store } = setUp({ maxEntries: 3 });
    await many(store, pair(1), pair(2), pair(3), ['GET', 'k1'], ['EXISTS', 'k2'], pair(4));
    expect(await one(store, 'MGET', 'k1', 'k2', 'k3', 'k4')).toEqual(['v', 'v', null, 'v']);
  });

  it('do not evict for an overwrite', async () => {
    const { store } = setUp({ maxEntries: 2 });
    await many(store, pair(1), pair(2), pair(2), pair(1), pair(2));
    expect(await one(store, 'DBSIZE')).toBe(2);
  });

  it('evict by bytes, counted in UTF-8', async () => {
    const { store } = setUp({ maxBytes: 3_000 });
    await many(store, ['SET', 'a', 'x'.repeat(1_200)], ['SET', 'b', 'é'.repeat(600)]);
    expect(await one(store, 'EXISTS', 'a', 'b')).toBe(2);
    await one(store, 'SET', 'c', 'x'.repeat(1_200));
    expect(await one(store, 'MGET', 'a', 'b', 'c')).toEqual([null, 'é'.repeat(600), 'x'.repeat(1_200)]);
  });

  it.each<readonly [string, readonly Command[]]>([
    ['string', [['APPEND', 'big', 'x'.repeat(300)]]],
    [
      'hash',
      [
        ['HSET', 'big', 'f', 'x'.repeat(300)],
        ['HSET', 'big', 'g', 'x'.repeat(300)],
      ],
    ],
    ['set', [['SADD', 'big', 'a'.repeat(300), 'b'.repeat(300)]]],
    ['sorted set', [['ZADD', 'big', 1, 'a'.repeat(300), 2, 'b'.repeat(300)]]],
    ['list', [['RPUSH', 'big', 'a'.repeat(300), 'b'.repeat(300)]]],
    ['stream', [['XADD', 'big', '*', 'a'.repeat(300), 'b'.repeat(300)]]],
  ])('count a %s that grows, and what is taken from it again', async (_type, commands) => {
    const { store } = setUp({ maxBytes: 3_000 });
    const shrink: Command[] = [
      ['SET', 'big', ''],
      ['DEL', 'big'],
    ];
    for (let round = 0; round < 20; round += 1) await many(store, ['SET', 'small', 'v'], ...commands, ...shrink);
    expect(await one(store, 'GET', 'small')).toBe('v');
    await many(store, ...commands, ['SET', 'filler', 'x'.repeat(2_800)]);
    expect(await one(store, 'EXISTS', 'small', 'big')).toBe(0);
  });

  it.each<readonly [string, Command, Command]>([
    ['hash', ['HSET', 'k', 'f', 'x'.repeat(900)], ['HDEL', 'k', 'f']],
    ['set', ['SADD', 'k', 'x'.repeat(900)], ['SREM', 'k', 'x'.repeat(900)]],
    ['sorted set', ['ZADD', 'k', 1, 'x'.repeat(900)], ['ZREM', 'k', 'x'.repeat(900)]],
    ['list', ['RPUSH', 'k', 'x'.repeat(900)], ['LPOP', 'k']],
    ['stream', ['XADD', 'k', '*', 'f', 'x'.repeat(900)], ['XTRIM', 'k', 'MAXLEN', '0']],
  ])('free what leaves a %s that lives on', async (type, add, remove) => {
    const { store } = setUp({ maxBytes: 3_000 });
    const stays: Readonly<Record<string, Command>> = {
      hash: ['HSET', 'k', 'stays', '1'],
      set: ['SADD', 'k', 'stays'],
      'sorted set': ['ZADD', 'k', 0, 'stays'],
      list: ['RPUSH', 'k', 'stays'],
      stream: ['XLEN', 'k'],
    };
    await many(store, ['SET', 'witness', 'v'], stays[type] ?? ['PING']);
    for (let round = 0; round < 20; round += 1) await many(store, add, remove, add, remove);
    expect(await one(store, 'EXISTS', 'witness')).toBe(1);
  });

  it('let a value go at once that alone is larger than everything', async () => {
    const { store } = setUp({ maxBytes: 1_000 });
    expect(await one(store, 'SET', 'k', 'x'.repeat(2_000))).toBe('OK');
    expect(await one(store, 'DBSIZE')).toBe(0);
  });

  it('refuse to stretch a string beyond them', async () => {
    const { store } = setUp({ maxBytes: 1_000 });
    expect(await one(store, 'SETRANGE', 'k', 400_000_000, 'x')).toEqual({
      error: 'ERR string exceeds maximum allowed size (proto-max-bulk-len)',
    });
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('may not be %s', (bound) => {
    expect(() => memoryStore({ maxEntries: bound })).toThrow('maxEntries must be a positive integer');
    expect(() => memoryStore({ maxBytes: bound })).toThrow('maxBytes must be a positive integer');
  });
});

describe('a key that expires', () => {
  it('lives through the millisecond it expires in and is gone after it, as in Redis', async () => {
    const { clock, store } = setUp();
    await one(store, 'SET', 'k', 'v', 'PX', 100);
    clock.advance(99);
    expect(await many(store, ['GET', 'k'], ['PTTL', 'k'])).toEqual(['v', 1]);
    clock.advance(1);
    expect(await many(store, ['GET', 'k'], ['PTTL', 'k'])).toEqual(['v', 0]);
    clock.advance(1);
    expect(await many(store, ['GET', 'k'], ['PTTL', 'k'], ['DBSIZE'])).toEqual([null, -2, 0]);
  });

  it('is deleted by an expiry of now, and kept by one a millisecond ahead', async () => {
    const { clock, store } = setUp();
    await many(store, ['SET', 'now', 'v'], ['SET', 'next', 'v']);
    await many(store, ['PEXPIREAT', 'now', clock.now()], ['PEXPIREAT', 'next', clock.now() + 1]);
    expect(await one(store, 'MGET', 'now', 'next')).toEqual([null, 'v']);
  });

  it('does not come back when the wall clock goes back, once it was found expired', async () => {
    const { clock, store } = setUp();
    await one(store, 'SET', 'k', 'v', 'PX', 100);
    clock.advance(101);
    expect(await one(store, 'GET', 'k')).toBeNull();
    clock.jumpWall(-1_000);
    expect(await one(store, 'GET', 'k')).toBeNull();
  });

  it('keeps its time through INCR and APPEND, and loses it with SET', async () => {
    const { store } = setUp();
    const kept = await many(store, ['SET', 'k', 1, 'EX', 60], ['INCR', 'k'], ['APPEND', 'k', 0], ['TTL', 'k']);
    expect(kept).toEqual(['OK', 2, 2, 60]);
    expect(await many(store, ['SET', 'k', 1], ['TTL', 'k'])).toEqual(['OK', -1]);
  });

  it('makes room without being asked for: writes sweep what has expired', async () => {
    const { clock, store } = setUp({ maxEntries: 150 });
    await one(store, 'SET', 'keep', 'v');
    for (let index = 0; index < 100; index += 1) await one(store, 'SET', `old${index}`, 'v', 'PX', 10);
    clock.advance(11);
    for (let index = 0; index < 140; index += 1) await one(store, 'SET', `new${index}`, 'v');
    // Without the sweep, 241 keys would have pushed out this one, which is the oldest.
    expect(await one(store, 'GET', 'keep')).toBe('v');
  });

  it('starts no timer', async () => {
    const { clock, store } = setUp();
    await one(store, 'SET', 'k', 'v', 'PX', 100);
    expect(clock.pending()).toBe(0);
  });

  it('sees one and the same time throughout a batch', async () => {
    let ticks = 1_000;
    const clock = { ...manualClock(), now: () => (ticks += 1) };
    const [first, second] = await many(memoryStore({ clock }), ['TIME'], ['TIME']);
    expect(second).toEqual(first);
  });
});

describe('a batch', () => {
  it('runs in one piece: none of two concurrent batches sees the other half done', async () => {
    const { store } = setUp();
    const batch: readonly Command[] = Array.from({ length: 50 }, () => ['INCR', 'k'] as const);
    const [first, second] = await Promise.all([store.execute(batch), store.execute(batch)]);
    expect(first).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    expect(second).toEqual(Array.from({ length: 50 }, (_, index) => index + 51));
  });

  it('runs in its turn, even behind one whose script has yet to be digested', async () => {
    const { store } = setUp();
    const [, second] = await Promise.all([
      many(store, ['SCRIPT', 'LOAD', 'return 1'], ['SET', 'k', 'first']),
      many(store, ['GET', 'k']),
    ]);
    expect(second).toEqual(['first']);
  });

  it('answers a refusal in its place and goes on', async () => {
    const { store } = setUp();
    expect(await many(store, ['SET', 'k', 'v'], ['LPUSH', 'k', 'x'], ['FOO', 'a'], ['GET'], ['GET', 'k'])).toEqual([
      'OK',
      { error: 'WRONGTYPE Operation against a key holding the wrong kind of value' },
      { error: "ERR unknown command 'FOO', with args beginning with: 'a' " },
      { error: "ERR wrong number of arguments for 'get' command" },
      'v',
    ]);
  });

  it('of a transaction runs not at all when a command is unknown or too short', async () => {
    const { store } = setUp();
    const discarded = { error: 'EXECABORT Transaction discarded because of previous errors.' };
    const commands: readonly Command[] = [['SET', 'k', 'v'], ['FOO']];
    expect(await store.execute(commands, { atomic: true })).toEqual([discarded, discarded]);
    expect(await store.execute([['GET', 'k'], ['GET']], { atomic: true })).toEqual([discarded, discarded]);
    expect(await one(store, 'EXISTS', 'k')).toBe(0);
  });

  it('of a transaction runs on after a command that fails while it runs', async () => {
    const { store } = setUp();
    const replies = await store.execute(
      [
        ['SET', 'k', 'v'],
        ['INCR', 'k'],
        ['GET', 'k'],
      ],
      { atomic: true },
    );
    expect(replies).toEqual(['OK', { error: 'ERR value is not an integer or out of range' }, 'v']);
  });

  it('takes numbers as their decimal text, and lone surrogates as what they become on the wire', async () => {
    const { store } = setUp();
    await many(store, ['SET', 1.5, 2], ['SET', 'lone', '\ud800']);
    expect(await one(store, 'MGET', '1.5', 'lone')).toEqual(['2', '\ufffd']);
  });
});

describe('a memory store that does not run a batch', () => {
  it('says aborted when the signal was, and changes nothing', async () => {
    const { store } = setUp();
    const attempt = store.execute([['SET', 'k', 'v']], { signal: AbortSignal.abort() });
    await expect(attempt).rejects.toMatchObject({ code: 'STORE', kind: 'aborted', mayHaveRun: false });
    expect(await one(store, 'EXISTS', 'k')).toBe(0);
  });

  it('says local once it is closed, also to what was waiting', async () => {
    const { store } = setUp();
    const waiting = store.execute([['SET', 'k', 'v']]);
    await store.close();
    await expect(waiting).rejects.toMatchObject({ code: 'STORE', kind: 'local', mayHaveRun: false });
    await expect(one(store, 'GET', 'k')).rejects.toMatchObject({ kind: 'local', mayHaveRun: false });
    await expect(store.close()).resolves.toBeUndefined();
  });
});

describe('SCAN', () => {
  it('returns every key that stays, once, while others come and go', async () => {
    const { store } = setUp();
    for (let index = 0; index < 500; index += 1) await one(store, 'SET', `k${index}`, 'v');
    const seen: string[] = [];
    let cursor = '0';
    let round = 0;
    do {
      const reply = await one(store, 'SCAN', cursor, 'COUNT', 7, 'MATCH', 'k*');
      const [next, keys] = reply as [string, readonly string[]];
      seen.push(...keys);
      cursor = next;
      // Odd keys go, in any place; stable ones are read and overwritten; new ones come.
      for (const step of [1, 171, 331]) await one(store, 'DEL', `k${(2 * round + step) % 500}`);
      await many(store, ['SET', 'k400', round], ['GET', 'k2'], ['SET', `new${round}`, 'v']);
      round += 1;
    } while (cursor !== '0');
    const stable = Array.from({ length: 250 }, (_, index) => `k${2 * index}`);
    expect(stable.filter((key) => !seen.includes(key))).toEqual([]);
    expect(new Set(seen).size).toBe(seen.length);
  });
});

describe('a pattern', () => {
  it('of many stars takes no time on a long key that does not match', async () => {
    const { store } = setUp();
    const key = 'a'.repeat(5_000);
    await one(store, 'SET', key, 'v');
    expect(await many(store, ['KEYS', `${'a*'.repeat(500)}b`], ['KEYS', `${'a*'.repeat(500)}`])).toEqual([[], [key]]);
  });
});

describe('a script', () => {
  const SUM = '-- sums\nreturn redis.call("INCRBY", KEYS[1], ARGV[1])';
  const FAIL = '-- writes, then fails';
  const SHAPES = '-- shapes';
  const CRASH = '-- crashes';
  registerTwin(SUM, (redis, [key = ''], [by = '']) => redis.call('INCRBY', key, by));
  registerTwin(FAIL, (redis, [key = '']) => {
    redis.call('SET', key, 'written');
    return redis.call('LPUSH', key, 'x');
  });
  registerTwin(SHAPES, (redis) => [1.9, -1.9, redis.call('MGET', 'none', 'none'), [1, null, 2], null, 3]);
  registerTwin(CRASH, () => {
    throw new TypeError('bug');
  });

  it('runs its twin, by text and then by digest', async () => {
    const { store } = setUp();
    const sha1 = 'f2b4b2e0b1a2f0a0a0a0a0a0a0a0a0a0a0a0a0a0';
    expect(await one(store, 'EVALSHA', sha1, 0)).toEqual({ error: 'NOSCRIPT No matching script. Please use EVAL.' });
    expect(await one(store, 'EVAL', SUM, 1, 'k', 5)).toBe(5);
    const loaded = await one(store, 'SCRIPT', 'LOAD', SUM);
    expect(loaded).toMatch(/^[\da-f]{40}$/);
    expect(await one(store, 'EVALSHA', String(loaded).toUpperCase(), 1, 'k', 5)).toBe(10);
    expect(await many(store, ['SCRIPT', 'EXISTS', String(loaded), sha1], ['SCRIPT', 'FLUSH'])).toEqual([[1, 0], 'OK']);
    expect(await one(store, 'EVALSHA', String(loaded), 1, 'k', 5)).toMatchObject({
      error: expect.stringMatching(/^NOSCRIPT /),
    });
  });

  it('has the digest that Redis gives it', async () => {
    const { store } = setUp();
    expect(await one(store, 'SCRIPT', 'LOAD', 'return 1')).toBe('e0e1f9fabfc9d4800c877a703b823ac0578ff8db');
  });

  it('that fails keeps what it wrote', async () => {
    const { store } = setUp();
    expect(await one(store, 'EVAL', FAIL, 1, 'k')).toMatchObject({ error: expect.stringMatching(/^WRONGTYPE /) });
    expect(await one(store, 'GET', 'k')).toBe('written');
  });

  it('answers what Lua would: whole numbers, lists up to the first nil, replies passed on whole', async () => {
    const { store } = setUp();
    expect(await one(store, 'EVAL', SHAPES, 0)).toEqual([1, -1, [null, null], [1]]);
  });

  it('whose twin crashes is refused like one that fails, and the batch goes on', async () => {
    const { store } = setUp();
    const [reply, next] = await many(store, ['EVAL', CRASH, 0], ['PING']);
    expect(reply).toMatchObject({ error: expect.stringMatching(/^ERR .*bug/) });
    expect(next).toBe('PONG');
  });

  it('without a twin is refused unless there is a Lua engine', async () => {
    const { store } = setUp();
    expect(await one(store, 'EVAL', 'return 1', 0)).toEqual({
      error: 'ERR this script has no TypeScript twin and no Lua engine is configured',
    });
    const withEngine = memoryStore({
      lua: { refusal: () => undefined, run: ({ keys, call }) => [call('PING'), ...keys] },
    });
    expect(await one(withEngine, 'EVAL', 'return 1', 1, 'k')).toEqual(['PONG', 'k']);
  });

  it('may not run scripts, and hears of unknown commands in other words', async () => {
    const calls: Reply[] = [];
    const lua = {
      refusal: () => undefined,
      run: ({ call }: { readonly call: (name: string, ...args: string[]) => Reply }) => {
        calls.push(call('EVAL', 'return 1', '0'), call('NOPE'), call('GET'));
        return null;
      },
    };
    await one(memoryStore({ lua }), 'EVAL', 'return 1', 0);
    expect(calls).toEqual([
      { error: 'ERR This Redis command is not allowed from script' },
      { error: 'ERR Unknown Redis command called from script' },
      { error: 'ERR Wrong number of args calling Redis command from script' },
    ]);
  });
});

describe('INFO', () => {
  it('tells of bytes, keys and evictions', async () => {
    const store = memoryStore({ maxEntries: 2 });
    await many(store, ['SET', 'a', '1'], ['SET', 'b', '2'], ['SET', 'c', '3']);
    const info = String(await one(store, 'INFO'));
    expect(info).toMatch(/^# Memory\r\nused_memory:244\r\nmaxmemory:67108864\r\n/);
    expect(info).toContain('\r\n\r\n# Stats\r\nevicted_keys:1\r\n');
    expect(info).toContain('\r\n\r\n# Keyspace\r\ndb0:keys=2\r\n');
    await one(store, 'FLUSHALL');
    expect(await one(store, 'INFO', 'KEYSPACE', 'nothing')).toBe('# Keyspace\r\n');
  });
});
