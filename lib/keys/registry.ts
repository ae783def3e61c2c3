import { type Clock, type Instant, instant } from '../clock.ts';
import { StoreError } from '../errors.ts';
import type { Digester, KeyDigest } from './digest.ts';
import { displayOf, type KeyFormat } from './key-format.ts';
import { newKeyId } from './key-id.ts';
import { checkNewKey, type NewKey, plainConfig } from './new-key.ts';
import { type ApiKey, apiKeyOf, type Carried, type IdRecord, type IssuedDigest, isSameDigest } from './record.ts';
import type { ApiKeyStore } from './source/source.ts';
import { USAGE_TTL_MS } from './usage.ts';

/** A new key, in full this once. */
export interface IssuedKey<Config> {
  /** The key itself. Shown here once, and stored nowhere. */
  readonly key: string;
  readonly record: ApiKey<Config>;
}

/** A key as management sees it. */
export type ManagedKey<Config = unknown> = ApiKey<Config> & { readonly status: 'active' | 'revoked' };

/** What a change has made of a key: what stood there, and what stands there now. */
export interface Change<Config> {
  readonly previous: IdRecord<Config> | undefined;
  readonly next: IdRecord<Config>;
  /** Before it was made: for how long `next` may be cached is counted from then. */
  readonly at: Instant;
}

export type CarriedOf<Config> = (record: IdRecord<Config>) => Promise<Carried | undefined>;

export interface Rotation<Config> {
  /** How long the old keys go on working. */
  readonly graceMs: number;
  /** What has been used of the day's quota so far. */
  readonly carriedOf: CarriedOf<Config>;
}

/** Issues and ends keys in a store of record. With the store away all of it rejects. */
export interface Registry<Config> {
  create(key: NewKey<Config>): Promise<{ readonly key: string; readonly change: Change<Config> }>;
  /** `undefined` when there is no such key. */
  revoke(id: string): Promise<Change<Config> | undefined>;
  /** A new key under the same id. `undefined` when there is no active key. */
  rotate(
    id: string,
    rotation: Rotation<Config>,
  ): Promise<{ readonly key: string; readonly change: Change<Config> } | undefined>;
  /** Lets the digest `next` lead where `found` leads, which it then does as well. `undefined` where nothing is to be done. */
  adopt(
    id: string,
    found: KeyDigest,
    next: KeyDigest,
    carriedOf: CarriedOf<Config>,
  ): Promise<Change<Config> | undefined>;
  get(id: string): Promise<ManagedKey<Config> | undefined>;
  record(id: string): Promise<IdRecord<Config> | undefined>;
  list(page: { readonly limit: number; readonly after: string | undefined }): Promise<readonly ApiKey<Config>[]>;
  /** The id of the key with this digest. */
  idOf(digest: KeyDigest): Promise<string | undefined>;
}

export interface RegistryOptions<Config> {
  readonly store: ApiKeyStore<Config>;
  readonly clock: Clock;
  readonly format: KeyFormat;
  readonly digest: Digester;
}

/** Attempts at a change that somebody else keeps overtaking: each time it fails, another change has been made. */
const MAX_ATTEMPTS = 32;
/** Digests whose uses are still found by the id: one rotation a day for as long as uses are kept. */
const MAX_RETIRED = 32;

export function createRegistry<Config>(options: RegistryOptions<Config>): Registry<Config> {
  const { store, clock, format, digest: toDigest } = options;

  const issue = async () => {
    const key = format.generate();
    const issued: IssuedDigest = { ...(await toDigest(key)), until: null, display: displayOf(key, format) };
    return { key, issued };
  };

  /** Works a change out from what stands there, until nobody comes between. */
  const change = async (
    id: string,
    work: (record: IdRecord<Config>) => IdRecord<Config> | undefined | Promise<IdRecord<Config> | undefined>,
  ): Promise<Change<Config> | undefined> => {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const previous = await store.get(id);
      const next = previous && (await work(previous));
      if (!previous || !next) return undefined;
      const at = instant(clock);
      if (await store.replace(next, previous)) return { previous, next, at };
    }
    throw new StoreError('local', 'The API key is being changed by others', { mayHaveRun: false });
  };

  return {
    async create({ owner, dailyQuota = null, expiresAt = null, ...asked }) {
      const createdAt = clock.now();
      checkNewKey({ owner, ...asked, dailyQuota: dailyQuota ?? undefined }, expiresAt, createdAt);
      // Copies: what the caller does to its own meanwhile has been checked by nobody.
      const scopes = [...(asked.scopes ?? [])];
      const limits = Object.fromEntries(
        Object.entries(asked.limits ?? {}).map(([name, quota]) => [name, { ...quota }]),
      );
      const config = plainConfig(asked.config);
      const { key, issued } = await issue();
      const id = newKeyId();
      const { display } = issued;
      const record: ApiKey<Config> = {
        ...{ id, owner, scopes, limits, config, dailyQuota, generation: 1, createdAt, expiresAt, display },
      };
      const next: IdRecord<Config> = { v: 1, status: 'active', ...record, digests: [issued], retired: [] };
      const at = instant(clock);
      if (!(await store.insert(next))) throw new StoreError('local', 'The id of the new API key is taken');
      return { key, change: { previous: undefined, next, at } };
    },

    revoke: (id) => change(id, (record) => ({ ...record, status: 'revoked', generation: record.generation + 1 })),

    async rotate(id, { graceMs, carriedOf }) {
      const { key, issued } = await issue();
      const changed = await change(id, async (record) => {
        if (record.status === 'revoked') return undefined;
        const carried = record.dailyQuota === null ? undefined : await carriedOf(record);
        const now = clock.now();
        // Grace is counted from the digest's own retirement: another rotation never gives it more.
        const old = record.digests.map((one) => ({
          ...one,
          until: Math.min(one.until ?? Number.POSITIVE_INFINITY, now + graceMs),
        }));
        const kept = old.filter(({ until }) => until > now);
        const ended = old.filter(({ until }) => until <= now).map(({ kid, digest }) => ({ kid, digest, at: now }));
        const retired = [...ended, ...record.retired].filter(({ at }) => now - at < USAGE_TTL_MS);
        return {
          ...record,
          generation: record.generation + 1,
          display: issued.display,
          digests: [{ ...issued, carried }, ...kept],
          retired: retired.slice(0, MAX_RETIRED),
        };
      });
      return changed && { key, change: changed };
    },

    adopt: (id, found, digest, carriedOf) =>
      change(id, async (record) => {
        const old = record.digests.find(isSameDigest(found));
        if (record.status === 'revoked' || !old || record.digests.some(isSameDigest(digest))) return undefined;
        const { generation, digests } = record;
        const carried = record.dailyQuota === null ? undefined : await carriedOf(record);
        return { ...record, generation: generation + 1, digests: [...digests, { ...old, ...digest, carried }] };
      }),

    async get(id) {
      const record = await store.get(id);
      return record && { ...apiKeyOf(record), status: record.status };
    },

    record: (id) => store.get(id),

    list: async (page) => (await store.list(page)).map(apiKeyOf),

    async idOf(digest) {
      const found = await store.findByDigest(digest, { signal: new AbortController().signal });
      return found?.id;
    },
  };
}
