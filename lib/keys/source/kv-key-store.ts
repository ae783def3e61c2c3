import type { KvClient } from '../../client/kv-client.ts';
import { StoreError } from '../../errors.ts';
import type { KeyDigest } from '../digest.ts';
import { createKeyNames } from '../key-names.ts';
import {
  type DigestRecord,
  type IdRecord,
  isSameDigest,
  readDigestRecord,
  readIdRecord,
  recordsOf,
} from '../record.ts';
import { type Commit, commit, type Write } from './commit.ts';
import type { ApiKeyStore } from './source.ts';

/** Settings of keys on record in Redis. */
export interface KvKeyStoreOptions {
  /** A Redis with persistence and `maxmemory-policy noeviction`: what it loses is lost. */
  readonly kv: KvClient;
  /**
   * Whether a Redis without sentinel is taken for a new one by the first key that is issued. A process that has seen the
   * sentinel never does. @default true
   */
  readonly mayBegin?: boolean | undefined;
}

/** The cache entries that stand in the same Redis, and change with the records in one step. */
export interface EntriesBeside {
  /** Life of an entry in Redis, in milliseconds. */
  readonly entryTtlMs: number;
  readonly tombstoneMs: number;
  /** Whether a lookup beside this store has seen the sentinel. */
  readonly hasSeenStore: () => boolean;
}

/** How long the record of a revoked digest says so. Afterwards the digest is unknown, which is a 401 as well. */
const REVOKED_RECORD_MS = 24 * 3_600_000;

/**
 * API keys on record in a Redis: one record under the id, one under each digest, without time to live, and a sentinel
 * whose absence means that this Redis has lost its data. Every change is one script.
 */
export function kvKeyStore<Config>(
  { kv, mayBegin = true }: KvKeyStoreOptions,
  entries?: EntriesBeside,
): ApiKeyStore<Config> {
  const names = createKeyNames(kv.namespace);
  /** From then on a Redis without sentinel is not new, but has lost its data. */
  let wasThere = false;

  const textOf = new WeakMap<IdRecord<Config>, string>();

  const read = async (id: string): Promise<IdRecord<Config> | undefined> => {
    const text = await kv.command(['GET', names.id(id)]);
    if (text === null) return undefined;
    const record = readIdRecord<Config>(text);
    if (typeof text !== 'string' || !record) {
      throw new StoreError('protocol', 'The record of an API key cannot be read');
    }
    textOf.set(record, text);
    return record;
  };

  const written = (digest: KeyDigest, record: DigestRecord<Config>, ttlMs: number | undefined): readonly Write[] => {
    const writes: Write[] = [{ key: names.record(digest), value: record, ttlMs }];
    if (!entries) return writes;
    const { entryTtlMs, tombstoneMs } = entries;
    const lifeMs = record.status === 'revoked' ? tombstoneMs : Math.min(ttlMs ?? entryTtlMs, entryTtlMs);
    return [...writes, { key: names.entry(digest), value: record, ttlMs: lifeMs }];
  };

  const writesOf = (next: IdRecord<Config>, previous?: IdRecord<Config>): readonly Write[] =>
    recordsOf(next, previous).flatMap(([digest, record]) => {
      const until = next.digests.find(isSameDigest(digest))?.until ?? null;
      if (record.status === 'revoked') return written(digest, record, REVOKED_RECORD_MS);
      // One that ended long ago may still be in the record: Redis refuses a life that is over, and half the change with it.
      const lifeMs = until === null ? undefined : Math.max(1, until - kv.clock.now() + REVOKED_RECORD_MS);
      return written(digest, record, lifeMs);
    });

  const put = async (next: IdRecord<Config>, previous?: IdRecord<Config>): Promise<boolean> => {
    const change: Commit = {
      id: next.id,
      expected: previous ? (textOf.get(previous) ?? JSON.stringify(previous)) : '',
      next,
      indexedAt: next.status === 'active' ? next.createdAt : undefined,
      writes: writesOf(next, previous),
      mayBegin: mayBegin && !previous && !wasThere && !entries?.hasSeenStore(),
    };
    const outcome = await commit(kv, names, change);
    if (outcome === 'lost') throw new StoreError('unavailable', 'The store of API keys has lost its data');
    wasThere = true;
    return outcome === 'made';
  };

  /** The rank of the first key after the key `id`, which may have left the index; `undefined` when there was none such. */
  const placeAfter = async (id: string): Promise<number | undefined> => {
    const rank = await kv.command(['ZRANK', names.index, id]);
    if (typeof rank === 'number') return rank + 1;
    const record = await read(id);
    if (!record) return undefined;
    const { createdAt } = record;
    const [older, twins] = await kv.execute([
      ['ZCOUNT', names.index, '-inf', `(${createdAt}`],
      ['ZRANGEBYSCORE', names.index, createdAt, createdAt],
    ]);
    return Number(older) + (Array.isArray(twins) ? twins.filter((twin) => String(twin) < id).length : 0);
  };

  return {
    async findByDigest(digest, { signal }) {
      // Not MGET, to which a list in the place of a record is nothing. The sentinel last: it vouches for what was read before.
      const [text, sentinel] = await kv.execute(
        [
          ['GET', names.record(digest)],
          ['GET', names.sentinel],
        ],
        { signal },
      );
      if (text instanceof Error) throw text;
      if (sentinel instanceof Error) throw sentinel;
      if (typeof text !== 'string') {
        if (sentinel === null) throw new StoreError('unavailable', 'The store of API keys has lost its data');
        wasThere = true;
        return undefined;
      }
      const record = readDigestRecord<Config>(text);
      if (!record) throw new StoreError('protocol', 'The record of an API key cannot be read');
      wasThere = true;
      return record.status === 'revoked' ? { ...record, owner: '' } : record;
    },

    get: read,
    insert: (record) => put(record),
    replace: (next, previous) => put(next, previous),

    async list({ limit, after }) {
      const found: IdRecord<Config>[] = [];
      let start = after === undefined ? 0 : await placeAfter(after);
      // Some are gone by the time they are read, or cannot be: others take their places, for a short page is the last.
      while (start !== undefined && found.length < limit) {
        const ids = await kv.command(['ZRANGE', names.index, start, start + limit - 1]);
        if (!Array.isArray(ids) || ids.length === 0) break;
        const texts = await kv.command(['MGET', ...ids.map((id) => names.id(String(id)))]);
        const records = (Array.isArray(texts) ? texts : []).map((text) => readIdRecord<Config>(text));
        found.push(...(records.filter((record) => record?.status === 'active') as IdRecord<Config>[]));
        if (ids.length < limit || found.length >= limit) break;
        start = await placeAfter(String(ids.at(-1)));
      }
      return found.slice(0, limit);
    },
  };
}
