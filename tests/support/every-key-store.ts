import { beforeEach, describe } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import type { IdRecord, IssuedDigest } from '../../lib/keys/record.ts';
import { kvKeyStore } from '../../lib/keys/source/kv-key-store.ts';
import type { ApiKeyStore } from '../../lib/keys/source/source.ts';
import { sqlKeyStore } from '../../lib/keys/source/sql-key-store.ts';
import { onEveryStore } from './every-store.ts';
import { sqlEngine } from './sql-engine.ts';

/** Runs a suite over every store that keys can be issued in. It is empty in each test. */
export function onEveryKeyStore(title: string, suite: (current: () => ApiKeyStore) => void): void {
  onEveryStore(`${title} in Redis`, (store) => suite(() => kvKeyStore({ kv: createKv({ store: store() }) })));

  describe(`${title} in PostgreSQL`, () => {
    const engine = sqlEngine();
    let table = '';
    beforeEach(async () => {
      table = await engine.freshTable();
    });
    suite(() => sqlKeyStore({ query: (text, params) => engine.database.query(text, params), table }));
  });
}

/** A digest of the right form, of which `name` is recognisable. */
export function issued(name: string, fields: Partial<IssuedDigest> = {}): IssuedDigest {
  return { kid: 'k1', digest: name.padEnd(43, '_'), until: null, display: `bw_live_…${name.slice(-4)}`, ...fields };
}

/** A key as the registry would write it. */
export function idRecord(fields: Partial<IdRecord> = {}): IdRecord {
  const id = fields.id ?? 'key_0123456789abcdef';
  const digests = fields.digests ?? [issued(id)];
  return {
    ...{ v: 1, status: 'active', id, owner: 'acme', scopes: ['read'], limits: {}, config: null, generation: 1 },
    ...{ dailyQuota: null, retired: [] },
    ...{ createdAt: 1_700_000_000_000, expiresAt: null, display: digests[0]?.display ?? '', digests, ...fields },
  };
}

/** `record` after a change. */
export function changed(record: IdRecord, fields: Partial<IdRecord>): IdRecord {
  return { ...record, generation: record.generation + 1, ...fields };
}
