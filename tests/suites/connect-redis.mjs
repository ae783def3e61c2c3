import session from 'express-session';
import { expect, test } from 'vitest';
import { expressSessionStore } from '../../dist/lib/primitives/session/index.js';
import { createSessionNames } from '../../dist/lib/primitives/session/session-names.js';
import { clients } from './running-stores.mjs';

/** What the suite of connect-redis gets for `connect-redis`, `redis`, a server of its own and vitest. */
export function suiteOn(store) {
  const kv = clients[store];
  // Two of them are one Redis, and what was cleared does not begin anew under its id.
  const name = store.replace(' ', '-');
  const names = createSessionNames(kv, name, undefined);
  return {
    RedisStore: function RedisStore() {
      return expressSessionStore({ kv, name, Store: session.Store, keepIds: true });
    },
    createClient: () => ({
      connect: async () => undefined,
      destroy: () => undefined,
      /** What a session has left, by the name that it has in connect-redis: its key stays for a tombstone's life beyond that. */
      async ttl(id) {
        const { session: key } = await names.keysOf(await names.ofIdIn('express-session', id.replace('sess:', '')));
        const [head] = String(await kv.command(['GET', key])).split('\n');
        const keepMs = Number(head.split(' ')[7]);
        return Math.ceil((Number(await kv.command(['PTTL', key])) - keepMs) / 1_000);
      },
    }),
    port: 0,
    connect: async () => undefined,
    disconnect: async () => undefined,
    expect,
    /** `defaults` is about the options of connect-redis, by their names there. */
    test: (name, work) => (name === 'defaults' ? test.skip(name, work) : test(name, work)),
  };
}
