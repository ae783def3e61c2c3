import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { defineScript, runScript, runScriptWith } from '../../lib/client/script.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { scriptedStore } from '../../lib/testing/scripted-store.ts';

const NOSCRIPT = { error: 'NOSCRIPT No matching script. Please use EVAL.' };
const script = defineScript({
  name: 'add',
  lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])",
  memory: (redis, [key = ''], [by = '']) => redis.call('INCRBY', key, by),
});

async function client() {
  const clock = manualClock();
  const store = scriptedStore();
  const kv = createKv({ store, clock });
  const sha1 = createHash('sha1').update(script.lua).digest('hex');
  /** Until the store has been sent `count` requests: the digest comes from outside the queue of microtasks. */
  const sent = async (count: number) => {
    while (store.sent.length < count) await new Promise((resolve) => setImmediate(resolve));
    return store.sent[count - 1];
  };
  return { clock, store, kv, sha1, sent };
}

const call = { script, keys: ['k'], args: [5] };

describe('a script', () => {
  it('is named by its digest when Redis knows it: one request', async () => {
    const { kv, store, sha1, sent } = await client();
    const result = runScript(kv, call);
    (await sent(1))?.answer([12]);
    expect(await result).toBe(12);
    expect(store.sent.map(({ commands }) => commands)).toEqual([[['EVALSHA', sha1, 1, 'k', 5]]]);
  });

  it('is sent whole when Redis does not know it, and is no failure of the store', async () => {
    const { kv, store, sha1, sent } = await client();
    const result = runScript(kv, call);
    (await sent(1))?.answer([NOSCRIPT]);
    (await sent(2))?.answer([12]);
    expect(await result).toBe(12);
    expect(store.sent.map(({ commands }) => commands)).toEqual([
      [['EVALSHA', sha1, 1, 'k', 5]],
      [['EVAL', script.lua, 1, 'k', 5]],
    ]);
    expect(kv.circuit.state()).toMatchObject({ consecutiveFailures: 0, totals: { successes: 2, failures: 0 } });
  });

  it('that answers nothing when it is sent whole has answered that', async () => {
    const { kv, sent } = await client();
    const result = runScript(kv, call);
    (await sent(1))?.answer([NOSCRIPT]);
    (await sent(2))?.answer([null]);
    expect(await result).toBeNull();
  });

  it('takes other commands along once, and gives its own result first', async () => {
    const { kv, store, sha1, sent } = await client();
    const results = runScriptWith(kv, call, [
      ['INCR', 'x'],
      ['GET', 'y'],
    ]);
    (await sent(1))?.answer([NOSCRIPT, 1, 'Y']);
    (await sent(2))?.answer([12]);
    expect(await results).toEqual([12, 1, 'Y']);
    expect(store.sent.map(({ commands }) => commands)).toEqual([
      [
        ['EVALSHA', sha1, 1, 'k', 5],
        ['INCR', 'x'],
        ['GET', 'y'],
      ],
      [['EVAL', script.lua, 1, 'k', 5]],
    ]);
  });

  it('that fails rejects, and is not sent again', async () => {
    const { kv, store, sent } = await client();
    const result = runScript(kv, call);
    (await sent(1))?.answer([{ error: 'ERR user_script:1: WRONGTYPE Operation' }]);
    await expect(result).rejects.toMatchObject({ code: 'COMMAND', replyCode: 'ERR' });
    expect(store.sent).toHaveLength(1);
  });

  it.each([
    ["the client's own", undefined, 1_000],
    ['a shorter one', 700, 700],
    ['one that is longer than the client allows', 5_000, 1_000],
  ])('has one deadline for both requests: %s', async (_, timeoutMs, limitMs) => {
    const { clock, kv, sent } = await client();
    const seen: unknown[] = [];
    const result = runScript(kv, call, { timeoutMs }).catch((error: unknown) => seen.push(error));
    const first = await sent(1);
    await clock.run(400);
    first?.answer([NOSCRIPT]);
    await sent(2);
    await clock.run(limitMs - 401);
    expect(seen).toEqual([]);
    await clock.run(1);
    await result;
    expect(seen).toEqual([expect.objectContaining({ code: 'DEADLINE', mayHaveRun: true })]);
    expect(clock.pending()).toBe(0);
  });

  it('is not sent a second time for a caller that has gone', async () => {
    const { kv, store, sent } = await client();
    const controller = new AbortController();
    const result = runScript(kv, call, { signal: controller.signal });
    const first = await sent(1);
    controller.abort('gone');
    first?.answer([NOSCRIPT]);
    await expect(result).rejects.toBe('gone');
    expect(store.sent).toHaveLength(1);
  });

  it('runs on the memory store by its TypeScript form', async () => {
    const kv = createKv({ store: memoryStore({ clock: manualClock() }) });
    expect(await runScript(kv, call)).toBe(5);
    expect(await runScript(kv, call)).toBe(10);
  });
});
