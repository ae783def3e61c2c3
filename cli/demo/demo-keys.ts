import { createKv } from '../../lib/client/kv-client.ts';
import { type ApiKeys, createApiKeys } from '../../lib/keys/api-keys.ts';
import type { IdRecord } from '../../lib/keys/record.ts';
import { kvKeyStore } from '../../lib/keys/source/kv-key-store.ts';
import type { Store } from '../../lib/store/store.ts';

/** A key made for one run of the demo. */
export interface DemoKey {
  readonly label: string;
  readonly key: string;
  /** What it may do. */
  readonly says: string;
}

export interface DemoKeys {
  readonly keys: readonly DemoKey[];
  /** Puts the keys on record in a store that has none, as they were: what a Redis reads from its disk. */
  putBack(store: Store): Promise<void>;
}

/** Requests a minute: few, so that one line of curl shows the end of them; and as many as any key may make. */
export const TIGHT = 10;
const ROOMY = 60;

type Make = (keys: ApiKeys<unknown>) => Promise<DemoKey & { readonly id: string }>;

const MAKERS: readonly Make[] = [
  (keys) => issue(keys, 'roomy', ROOMY),
  (keys) => issue(keys, 'tight', TIGHT),
  async (keys) => {
    const made = await issue(keys, 'revoked', ROOMY);
    await keys.revoke(made.id);
    return { ...made, says: 'nothing: it is revoked' };
  },
];

/** Makes the keys of a run in `store`. */
export async function makeDemoKeys(store: Store, pepper: { kid: string; secret: string }): Promise<DemoKeys> {
  const kv = createKv({ store });
  const apiKeys = createApiKeys({ kv, pepper });
  const made: (DemoKey & { readonly id: string })[] = [];
  for (const make of MAKERS) made.push(await make(apiKeys));
  const found = await Promise.all(made.map(({ id }) => kvKeyStore({ kv }).get(id)));
  const records = found.filter((record): record is IdRecord => record !== undefined);
  return {
    keys: made.map(({ label, key, says }) => ({ label, key, says })),
    async putBack(other) {
      const empty = kvKeyStore({ kv: createKv({ store: other }) });
      for (const record of records) await empty.insert(record);
    },
  };
}

async function issue(keys: ApiKeys<unknown>, label: string, limit: number) {
  const { key, record } = await keys.create({
    owner: 'demo',
    scopes: ['read'],
    limits: { key: { limit, windowMs: 60_000 } },
  });
  return { id: record.id, label, key, says: `${limit} requests a minute` };
}
