import { expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { createKeyNames } from '../../lib/keys/key-names.ts';
import { commit } from '../../lib/keys/source/commit.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Reply, Store } from '../../lib/store/store.ts';
import { contentsOf, onEveryStore } from '../support/every-store.ts';

onEveryStore('a change of a key', (store) => {
  const keysOn = () => createApiKeys({ kv: createKv({ store: store() }), freshMs: 0 });

  it('writes everything, or nothing when somebody has come between', async () => {
    const kv = createKv({ store: store() });
    const names = createKeyNames('');
    const change = {
      id: 'k',
      expected: '',
      next: { n: 1 },
      indexedAt: 5,
      writes: [
        { key: 'w', value: 1 },
        { key: 't', value: 2, ttlMs: 60_000 },
      ],
      mayBegin: true,
    };
    expect(await commit(kv, names, { ...change, mayBegin: false })).toBe('lost');
    expect(await contentsOf(store())).toEqual(new Map());
    expect(await commit(kv, names, change)).toBe('made');
    const before = await contentsOf(store());
    expect(Object.fromEntries([...before].map(([key, { value }]) => [key, value]))).toEqual({
      'apikey:id:k': '{"n":1}',
      'apikey:index': ['k', '5'],
      'apikey:sentinel': '1',
      w: '1',
      t: '2',
    });
    expect(before.get('t')?.ttlMs).toBeGreaterThan(0);
    expect(await commit(kv, names, { ...change, next: { n: 2 }, writes: [{ key: 'w', value: 9 }] })).toBe('overtaken');
    const after = await contentsOf(store());
    expect([...after].map(([key, { value }]) => [key, value]).sort()).toEqual(
      [...before].map(([key, { value }]) => [key, value]).sort(),
    );
    expect(await commit(kv, names, { ...change, expected: '{"n":1}', indexedAt: undefined, writes: [] })).toBe('made');
    expect((await contentsOf(store())).has('apikey:index')).toBe(false);
  });

  it('leaves no working key behind once a revocation has returned, however many rotations race with it', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { key, record } = await keysOn().create({ owner: 'a' });
      const issued = [key];
      let over = false;
      const rotating = Array.from({ length: 6 }, async (_, index) => {
        const keys = keysOn();
        for (let turn = 0; turn < 4 && !over; turn += 1) {
          const rotated = await keys
            .rotate(record.id, { graceSeconds: index % 2 === 0 ? 0 : 3_600 })
            .catch(() => undefined);
          if (rotated) issued.push(rotated.key);
        }
      });
      const revoking = (async () => {
        const keys = keysOn();
        for (;;) {
          const outcome = await keys.revoke(record.id).catch(() => undefined);
          if (outcome) return outcome;
        }
      })();
      expect(await revoking).toEqual({ revoked: true, propagated: true });
      for (const one of [...issued]) expect((await keysOn().validate(one)).status).toBe('INVALID');
      over = true;
      await Promise.all(rotating);
      for (const one of issued) expect((await keysOn().validate(one)).status).toBe('INVALID');
    }
  });

  it('lets one of many rotations at once win each time, and leaves exactly one key working', async () => {
    const { key, record } = await keysOn().create({ owner: 'a' });
    const rotated = await Promise.all(Array.from({ length: 6 }, () => keysOn().rotate(record.id)));
    const keys = [key, ...rotated.map((one) => one?.key ?? '')];
    const states = await Promise.all(keys.map((one) => keysOn().validate(one)));
    expect(states.filter(({ status }) => status === 'VALID')).toHaveLength(1);
    expect((await keysOn().get(record.id))?.generation).toBe(7);
  });

  it('leaves no working key behind when revocations race with each other and with lookups', async () => {
    const { key, record } = await keysOn().create({ owner: 'a' });
    const lookups = Array.from({ length: 30 }, () => keysOn().validate(key));
    const revocations = Array.from({ length: 5 }, () => keysOn().revoke(record.id));
    await Promise.all([...lookups, ...revocations]);
    expect(await keysOn().validate(key)).toEqual({ status: 'INVALID', reason: 'revoked' });
  });
});

it.each<{ reply: Reply }>([null, 'OK', 1, []].map((reply) => ({ reply })))(
  'a change that is answered by something else has not been made, as far as anybody knows: %j',
  async ({ reply }) => {
    const store: Store = {
      kind: 'redis',
      execute: async (commands) => commands.map(() => reply),
      close: async () => undefined,
    };
    const change = { id: 'k', expected: '', next: {}, indexedAt: 1, writes: [], mayBegin: true };
    await expect(commit(createKv({ store }), createKeyNames(''), change)).rejects.toMatchObject({
      ...{ code: 'STORE', kind: 'protocol', message: 'The change of an API key was answered by something else' },
    });
  },
);

it('a new key is not put in the place of one that a digest of its leads to', async () => {
  const store = memoryStore();
  const kv = createKv({ store });
  const writes = [{ key: 'w', value: 1 }];
  const change = { id: 'k', expected: '', next: {}, indexedAt: 1, writes, mayBegin: true };
  await store.execute([['SET', 'w', 'x']]);
  expect(await commit(kv, createKeyNames(''), change)).toBe('overtaken');
  expect(await store.execute([['KEYS', '*']])).toEqual([['w']]);
  await store.execute([['DEL', 'w']]);
  expect(await commit(kv, createKeyNames(''), { ...change, writes: [] })).toBe('made');
});
