import type { CallOptions } from '../client/call.ts';
import type { KvClient } from '../client/kv-client.ts';
import { ConfigError } from '../errors.ts';
import { createDigester, type Digester, type KeyDigest, type Pepper } from './digest.ts';
import { createKeyFormat, type KeyFormat } from './key-format.ts';
import { createKeyNames } from './key-names.ts';
import { createKnownKeys } from './known-keys.ts';
import type { NewKey } from './new-key.ts';
import { type ApiKey, readDigestRecord } from './record.ts';
import { createRegistry, type IssuedKey, isKeyId } from './registry.ts';
import { createVerifier, type Validation, type Verifier } from './verifier.ts';

export interface ApiKeysOptions {
  readonly kv: KvClient;
  /** Secret under which keys are digested. Without it digests are plain SHA-256. */
  readonly pepper?: Pepper | undefined;
  /** First part of every key. @default 'bw' */
  readonly prefix?: string | undefined;
  /** Second part of every key. @default 'live' */
  readonly env?: string | undefined;
  /** Life of an entry in Redis, in milliseconds. @default 300_000 */
  readonly entryTtlMs?: number | undefined;
  /** How long this process uses an answer without asking again; at most 10_000. @default 10_000 */
  readonly freshMs?: number | undefined;
  /** How long a valid key passes on its old answer while nobody can be asked; 0 turns it off. @default 300_000 */
  readonly staleIfErrorMs?: number | undefined;
  /** How long this process takes an unknown key for unknown. @default 30_000 */
  readonly negativeTtlMs?: number | undefined;
  /** Keys known to this process. @default 10_000 */
  readonly maxKnownKeys?: number | undefined;
}

export interface AuthCacheStats {
  readonly hits: number;
  readonly misses: number;
  readonly negativeHits: number;
  /** Keys known to this process now. */
  readonly size: number;
  readonly revocations: number;
}

export interface RotateOptions {
  /** How long the old key goes on working; at most a year. @default 0 */
  readonly graceSeconds?: number | undefined;
}

/** API keys with Redis as the store of record. Only digests are stored; the key itself is returned once. */
export interface ApiKeys<Config = unknown> {
  create(key: NewKey<Config>): Promise<IssuedKey<Config>>;
  /** Never throws for an outage: that is `UNAVAILABLE`. */
  validate(key: string, options?: CallOptions): Promise<Validation<Config>>;
  /**
   * Ends a key, given itself or its id: at once in this process, elsewhere as soon as they ask Redis, which is at most
   * `freshMs` later. @throws when Redis is away; the key then still works.
   */
  revoke(keyOrId: string): Promise<{ readonly revoked: boolean; readonly propagated: boolean }>;
  /** A new key under the same id; `undefined` when there is no such key. @throws when Redis is away */
  rotate(keyOrId: string, options?: RotateOptions): Promise<IssuedKey<Config> | undefined>;
  get(id: string): Promise<(ApiKey<Config> & { readonly status: 'active' | 'revoked' }) | undefined>;
  /** Active keys, oldest first. Two requests. */
  list(options?: { readonly limit?: number | undefined }): Promise<readonly ApiKey<Config>[]>;
  /** Drops what is cached of a key, here and in Redis; never a tombstone. */
  forget(key: string): Promise<void>;
  stats(): AuthCacheStats;
  readonly format: KeyFormat;
  readonly digest: Digester;
  /** For composing a lookup with other work in one request. */
  readonly verifier: Verifier<Config>;
  readonly entryTtlMs: number;
}

const MAX_GRACE_SECONDS = 366 * 86_400;

export function createApiKeys<Config = unknown>(options: ApiKeysOptions): ApiKeys<Config> {
  const { kv, pepper, prefix = 'bw', env = 'live', maxKnownKeys = 10_000 } = options;
  const { entryTtlMs = 300_000, freshMs = 10_000, staleIfErrorMs = 300_000, negativeTtlMs = 30_000 } = options;
  if (!(freshMs >= 0 && freshMs <= 10_000)) throw new ConfigError('freshMs', 'must be from 0 to 10000');
  const tombstoneMs = entryTtlMs + 60_000;
  const format = createKeyFormat(prefix, env);
  const digest = createDigester(pepper);
  const names = createKeyNames(kv.namespace);
  const known = createKnownKeys<Config>({
    clock: kv.clock,
    maxEntries: maxKnownKeys,
    freshMs,
    staleMs: staleIfErrorMs,
    negativeMs: negativeTtlMs,
    tombstoneMs,
  });
  const verifier = createVerifier<Config>({ kv, format, digest, names, known, entryTtlMs });
  const registry = createRegistry<Config>({ kv, names, format, digest, entryTtlMs, tombstoneMs });
  let revocations = 0;

  const resolveId = async (keyOrId: string): Promise<string | undefined> => {
    if (format.accepts(keyOrId)) return registry.idOf(await digest(keyOrId));
    return isKeyId(keyOrId) ? keyOrId : undefined;
  };

  const bury = (digests: readonly KeyDigest[], id: string) => {
    for (const { digest: text } of digests) known.note(text, { v: 1, status: 'revoked', id, generation: 0 });
  };

  return {
    format,
    digest,
    verifier,
    entryTtlMs,
    validate: verifier.validate,
    async create(key) {
      const { digest: issued, ...result } = await registry.create(key);
      known.forgetAbsent(issued.digest);
      return result;
    },
    async revoke(keyOrId) {
      const id = await resolveId(keyOrId);
      const retired = id === undefined ? [] : await registry.revoke(id);
      if (id === undefined || retired.length === 0) return { revoked: false, propagated: false };
      bury(retired, id);
      revocations += 1;
      return { revoked: true, propagated: true };
    },
    async rotate(keyOrId, { graceSeconds = 0 } = {}) {
      if (!Number.isSafeInteger(graceSeconds) || graceSeconds < 0 || graceSeconds > MAX_GRACE_SECONDS) {
        throw new ConfigError('graceSeconds', `must be a whole number from 0 to ${MAX_GRACE_SECONDS}`);
      }
      const id = await resolveId(keyOrId);
      const rotated = id === undefined ? undefined : await registry.rotate(id, graceSeconds * 1_000);
      if (id === undefined || !rotated) return undefined;
      const { retired, ...result } = rotated;
      if (graceSeconds === 0) bury(retired, id);
      else for (const old of retired) known.forget(old.digest);
      return result;
    },
    get: async (id) => (isKeyId(id) ? registry.get(id) : undefined),
    async list({ limit = 1_000 } = {}) {
      if (!Number.isSafeInteger(limit) || limit < 1)
        throw new ConfigError('limit', 'must be a whole number of at least 1');
      return registry.list(limit);
    },
    async forget(key) {
      if (!format.accepts(key)) return;
      const forgotten = await digest(key);
      known.forget(forgotten.digest);
      const entry = names.entry(forgotten);
      const text = await kv.command(['GET', entry]);
      // Not atomic: a tombstone written between the two is guarded by the record, which says "revoked" as well.
      if (text !== null && readDigestRecord(text)?.status !== 'revoked') await kv.command(['DEL', entry]);
    },
    stats: () => ({ ...verifier.stats, size: known.size, revocations }),
  };
}
