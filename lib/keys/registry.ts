import { randomBase62 } from '../client/crypto.ts';
import type { KvClient } from '../client/kv-client.ts';
import { StoreError } from '../errors.ts';
import { commit, type Write } from './commit.ts';
import type { Digester, KeyDigest } from './digest.ts';
import { displayOf, type KeyFormat } from './key-format.ts';
import type { KeyNames } from './key-names.ts';
import { checkNewKey, type NewKey } from './new-key.ts';
import {
  type ApiKey,
  type DigestRecord,
  type IdRecord,
  type IssuedDigest,
  readDigestRecord,
  readIdRecord,
} from './record.ts';

export interface IssuedKey<Config> {
  /** The key itself. Shown here once, and stored nowhere. */
  readonly key: string;
  readonly record: ApiKey<Config>;
}

/** The store of record of keys, in Redis. Every change is one script; with Redis away all of it rejects. */
export interface Registry<Config> {
  create(key: NewKey<Config>): Promise<IssuedKey<Config> & { readonly digest: KeyDigest }>;
  /** The digests that no longer work; none when there is no such key. */
  revoke(id: string): Promise<readonly KeyDigest[]>;
  /** A new key under the same id. The old ones work for `graceMs` more. */
  rotate(
    id: string,
    graceMs: number,
  ): Promise<(IssuedKey<Config> & { readonly retired: readonly KeyDigest[] }) | undefined>;
  get(id: string): Promise<(ApiKey<Config> & { readonly status: 'active' | 'revoked' }) | undefined>;
  list(limit: number): Promise<readonly ApiKey<Config>[]>;
  /** The id of the key with this digest. */
  idOf(digest: KeyDigest): Promise<string | undefined>;
}

export interface RegistryOptions {
  readonly kv: KvClient;
  readonly names: KeyNames;
  readonly format: KeyFormat;
  readonly digest: Digester;
  readonly entryTtlMs: number;
  readonly tombstoneMs: number;
}

/** Attempts at a change that somebody else keeps overtaking. */
const MAX_ATTEMPTS = 8;
const ID = /^key_[0-9A-Za-z]{16}$/;
/** How long the record of a revoked digest says so. Afterwards the digest is unknown, which is a 401 as well. */
const REVOKED_RECORD_MS = 24 * 3_600_000;

/** Whether `text` can be the id of a key. What is none is never sent anywhere: it may be a key with a typing error. */
export function isKeyId(text: string): boolean {
  return ID.test(text);
}

export function createRegistry<Config>(options: RegistryOptions): Registry<Config> {
  const { kv, names, format, digest: toDigest, entryTtlMs, tombstoneMs } = options;

  const read = async (id: string): Promise<{ text: string; record: IdRecord<Config> } | undefined> => {
    const text = await kv.command(['GET', names.id(id)]);
    if (text === null) return undefined;
    const record = readIdRecord<Config>(text);
    if (typeof text !== 'string' || !record)
      throw new StoreError('protocol', 'The record of an API key cannot be read');
    return { text, record };
  };

  /** Works a change out from what stands there, until nobody comes between. */
  const change = async <T>(
    id: string,
    work: (
      record: IdRecord<Config>,
    ) => Promise<{ next: IdRecord<Config>; writes: readonly Write[]; result: T } | undefined>,
  ): Promise<T | undefined> => {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const found = await read(id);
      const worked = found && (await work(found.record));
      if (!found || !worked) return undefined;
      const { next, writes, result } = worked;
      const indexedAt = next.status === 'active' ? next.createdAt : undefined;
      if (await commit(kv, names, { id, expected: found.text, next, indexedAt, writes })) return result;
    }
    throw new StoreError('local', 'The API key is being changed by others');
  };

  const write = (digest: KeyDigest, record: DigestRecord<Config>, ttlMs?: number): Write[] => [
    { key: names.record(digest), value: record, ttlMs },
    { key: names.entry(digest), value: record, ttlMs: Math.min(ttlMs ?? entryTtlMs, entryTtlMs) },
  ];

  const bury = (digest: KeyDigest, { id, generation }: ApiKey<Config>): Write[] => {
    const tombstone: DigestRecord<Config> = { v: 1, status: 'revoked', id, generation };
    return [
      { key: names.record(digest), value: tombstone, ttlMs: REVOKED_RECORD_MS },
      { key: names.entry(digest), value: tombstone, ttlMs: tombstoneMs },
    ];
  };

  return {
    async create({ owner, scopes = [], limits = {}, config = null, expiresAt = null }) {
      checkNewKey({ owner, scopes, limits, config }, expiresAt, kv.clock.now());
      const key = format.generate();
      const digest = await toDigest(key);
      const id = `key_${randomBase62(16)}`;
      const createdAt = kv.clock.now();
      const display = displayOf(key);
      const record: ApiKey<Config> = {
        id,
        owner,
        scopes,
        limits,
        config,
        generation: 1,
        createdAt,
        expiresAt,
        display,
      };
      const next: IdRecord<Config> = { v: 1, status: 'active', ...record, digests: [{ ...digest, until: null }] };
      const writes = write(digest, { v: 1, status: 'active', ...record });
      if (!(await commit(kv, names, { id, expected: '', next, indexedAt: createdAt, writes }))) {
        throw new StoreError('local', 'The id of the new API key is taken');
      }
      return { key, record, digest };
    },

    async revoke(id) {
      const retired = await change(id, async (record) => {
        const next: IdRecord<Config> = { ...record, status: 'revoked', generation: record.generation + 1 };
        return { next, writes: record.digests.flatMap((digest) => bury(digest, next)), result: record.digests };
      });
      return retired ?? [];
    },

    async rotate(id, graceMs) {
      const key = format.generate();
      const digest = await toDigest(key);
      return change(id, async ({ v, status, digests, ...old }) => {
        if (status === 'revoked') return undefined;
        const now = kv.clock.now();
        const record: ApiKey<Config> = { ...old, generation: old.generation + 1, display: displayOf(key) };
        const ended: Write[] = [];
        const kept: IssuedDigest[] = [];
        for (const { until, ...retired } of digests) {
          // Grace is counted from the digest's own retirement: another rotation never gives it more.
          const endsAt = Math.min(until ?? Number.POSITIVE_INFINITY, now + graceMs);
          if (endsAt <= now) ended.push(...bury(retired, record));
          else {
            kept.push({ ...retired, until: endsAt });
            const expiresAt = Math.min(old.expiresAt ?? endsAt, endsAt);
            ended.push(
              ...write(retired, { v: 1, status: 'active', ...old, expiresAt }, endsAt - now + REVOKED_RECORD_MS),
            );
          }
        }
        const next: IdRecord<Config> = { v, status, ...record, digests: [{ ...digest, until: null }, ...kept] };
        const writes = [...write(digest, { v: 1, status: 'active', ...record }), ...ended];
        return { next, writes, result: { key, record, retired: digests } };
      });
    },

    async get(id) {
      const found = await read(id);
      if (!found) return undefined;
      const { v: _version, digests: _digests, ...record } = found.record;
      return record;
    },

    async list(limit) {
      const ids = await kv.command(['ZRANGE', names.index, 0, limit - 1]);
      if (!Array.isArray(ids) || ids.length === 0) return [];
      const texts = await kv.command(['MGET', ...ids.map((id) => names.id(String(id)))]);
      const records = (Array.isArray(texts) ? texts : []).map((text) => readIdRecord<Config>(text));
      return records.flatMap((record) => {
        if (record?.status !== 'active') return [];
        const { v: _version, status: _status, digests: _digests, ...key } = record;
        return [key];
      });
    },

    async idOf(digest) {
      return readDigestRecord<Config>(await kv.command(['GET', names.record(digest)]))?.id;
    },
  };
}
