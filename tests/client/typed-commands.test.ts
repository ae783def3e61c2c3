import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import type { Reply } from '../../lib/store/store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { scriptedStore } from '../../lib/testing/scripted-store.ts';

/** A client whose store answers each command with the next of `replies`. */
function answering(...replies: readonly Reply[]) {
  const store = scriptedStore();
  const left = [...replies];
  store.respond((commands) => commands.map(() => left.shift() ?? null));
  const kv = createKv({ store, clock: manualClock(), namespace: 'app:' });
  return { kv, store, sent: () => store.sent.map(({ commands }) => commands) };
}

describe('get', () => {
  it.each([
    ['{"a":[1,null]}', { a: [1, null] }],
    ['"text"', 'text'],
    ['5', 5],
    ['null', null],
    ['not JSON', 'not JSON'],
    ['', ''],
    [null, null],
  ])('gives for the stored text %j the value %j', async (stored, value) => {
    const { kv, sent } = answering(stored);
    expect(await kv.get('k')).toEqual(value);
    expect(sent()).toEqual([[['GET', 'app:k']]]);
  });
});

describe('set', () => {
  it.each([
    [undefined, ['SET', 'app:k', '{"a":1}']],
    [{}, ['SET', 'app:k', '{"a":1}']],
    [{ ttlMs: undefined, ifAbsent: undefined }, ['SET', 'app:k', '{"a":1}']],
    [{ ttlMs: 1 }, ['SET', 'app:k', '{"a":1}', 'PX', 1]],
    [{ ifAbsent: true }, ['SET', 'app:k', '{"a":1}', 'NX']],
    [{ ttlMs: 5_000, ifAbsent: true }, ['SET', 'app:k', '{"a":1}', 'PX', 5_000, 'NX']],
  ])('with %j sends %j', async (options, command) => {
    const { kv, sent } = answering('OK');
    expect(await kv.set('k', { a: 1 }, options)).toBe(true);
    expect(sent()).toEqual([[command]]);
  });

  it('says when nothing was written', async () => {
    expect(await answering(null).kv.set('k', 1, { ifAbsent: true })).toBe(false);
  });

  it.each([0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses a time to live of %d', async (ttlMs) => {
    const { kv, store } = answering('OK');
    await expect(kv.set('k', 1, { ttlMs })).rejects.toMatchObject({ code: 'CONFIG', setting: 'ttlMs' });
    expect(store.sent).toHaveLength(0);
  });

  it.each([undefined, () => 1, Symbol('x')])('refuses a value without a JSON form', async (value) => {
    const { kv, store } = answering('OK');
    await expect(kv.set('k', value)).rejects.toMatchObject({ code: 'CONFIG', setting: 'value' });
    expect(store.sent).toHaveLength(0);
  });
});

describe('incr', () => {
  it('counts and sets the time to live, where there is none, in one request', async () => {
    const { kv, sent } = answering(3, 0);
    expect(await kv.incr('k', 60)).toBe(3);
    expect(sent()).toEqual([
      [
        ['INCR', 'app:k'],
        ['EXPIRE', 'app:k', 60, 'NX'],
      ],
    ]);
  });

  it('stands though its time to live could not be set, which the next one repairs', async () => {
    const { kv, sent } = answering(1, { error: 'ERR Unsupported option NX' }, 2, 1);
    expect(await kv.incr('k', 60)).toBe(1);
    expect(await kv.incr('k', 60)).toBe(2);
    expect(sent()[1]).toEqual([
      ['INCR', 'app:k'],
      ['EXPIRE', 'app:k', 60, 'NX'],
    ]);
  });

  it('rejects when the count itself was refused', async () => {
    const { kv } = answering({ error: 'ERR value is not an integer or out of range' }, 1);
    await expect(kv.incr('k', 60)).rejects.toMatchObject({ code: 'COMMAND', replyCode: 'ERR' });
  });

  it.each([0, -1, 0.5, 1.5, Number.NaN])('refuses a time to live of %d seconds', async (seconds) => {
    const { kv, store } = answering(1, 1);
    await expect(kv.incr('k', seconds)).rejects.toMatchObject({ code: 'CONFIG', setting: 'ttlSeconds' });
    expect(store.sent).toHaveLength(0);
  });
});

describe('delete, ttl and mget', () => {
  it.each([
    [1, true],
    [0, false],
  ])('delete answers %d with %s', async (reply, existed) => {
    const { kv, sent } = answering(reply);
    expect(await kv.delete('k')).toBe(existed);
    expect(sent()).toEqual([[['DEL', 'app:k']]]);
  });

  it.each([60, -1, -2])('ttl hands on %d', async (seconds) => {
    const { kv, sent } = answering(seconds);
    expect(await kv.ttl('k')).toBe(seconds);
    expect(sent()).toEqual([[['TTL', 'app:k']]]);
  });

  it('mget answers in the order of its keys', async () => {
    const { kv, sent } = answering(['1', null, '{"a":2}']);
    expect(await kv.mget(['a', 'b', 'c'])).toEqual([1, null, { a: 2 }]);
    expect(sent()).toEqual([[['MGET', 'app:a', 'app:b', 'app:c']]]);
  });

  it('mget of nothing asks nothing', async () => {
    const { kv, store } = answering();
    expect(await kv.mget([])).toEqual([]);
    expect(store.sent).toHaveLength(0);
  });
});
