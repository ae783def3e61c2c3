import type { KeyDigest } from '../digest.ts';
import { type ApiKey, type Carried, type IdRecord, readDigestRecord } from '../record.ts';

/** What a source says of a key. All but `id` and `owner` has a default, so that a row of a table of one's own will do. */
export interface FoundKey<Config = unknown>
  extends Partial<Omit<ApiKey<Config>, 'id' | 'owner'>>,
    Pick<ApiKey<Config>, 'id' | 'owner'> {
  /** @default 'active' */
  readonly status?: 'active' | 'revoked' | undefined;
  /** The digest that it was found by, where the source keeps it: it is compared, in constant time. @default not compared */
  readonly digest?: string | undefined;
  /** What another key had used of the day's quota, in whose place this one was put. */
  readonly carried?: Carried | undefined;
}

/**
 * Where API keys are on record. It has the last word: `undefined` means that there is no such key, which is a 401; that it
 * cannot say is a throw, which never is.
 */
export interface ApiKeySource<Config = unknown> {
  /** Reads from the primary, not from a replica: what a replica does not know yet is a key revoked, or a 401. */
  findByDigest(
    digest: KeyDigest,
    options: { readonly signal: AbortSignal },
  ): Promise<FoundKey<Config> | undefined | null>;
}

/** What a store says of a key: of which generation it is tells answers from before a change from those after it. */
export type StoredKey<Config = unknown> = FoundKey<Config> & Pick<ApiKey<Config>, 'generation'>;

/** A source that keys can be issued in. Every change is atomic, and rejects when it cannot be made. */
export interface ApiKeyStore<Config = unknown> extends ApiKeySource<Config> {
  findByDigest(
    digest: KeyDigest,
    options: { readonly signal: AbortSignal },
  ): Promise<StoredKey<Config> | undefined | null>;
  /** What is on record under this id; `undefined` for an id that never was. */
  get(id: string): Promise<IdRecord<Config> | undefined>;
  /** `false` when the id or a digest is taken. */
  insert(record: IdRecord<Config>): Promise<boolean>;
  /** Puts `next` in the place of `previous`; `false` when something else has got there meanwhile. */
  replace(next: IdRecord<Config>, previous: IdRecord<Config>): Promise<boolean>;
  /** Active keys, oldest first, from the one after the id `after` on; fewer than `limit` only where there are no more. */
  list(page: { readonly limit: number; readonly after?: string | undefined }): Promise<readonly IdRecord<Config>[]>;
}

/** Whether keys can be issued in `source`. */
export function isKeyStore<Config>(source: ApiKeySource<Config>): source is ApiKeyStore<Config> {
  return 'insert' in source && 'replace' in source && 'get' in source && 'list' in source;
}

/** `found`, by a digest of that kid, as it is cached; `undefined` for what is no key. */
export function recordTextOf<Config>(found: FoundKey<Config>, kid: string): string | undefined {
  const { id, owner, status = 'active', scopes = [], limits = {}, config = null, dailyQuota = null } = found;
  const { generation = 1, createdAt = 0, expiresAt = null, display = '', carried } = found;
  const about = { id, owner, scopes, limits, config, dailyQuota, generation, createdAt, expiresAt, display };
  const key = { v: 1, status, kid, ...about, carried };
  // JSON makes `null` of what is no number, and that is "never" and "any number".
  const numbers = [generation, createdAt, expiresAt ?? 0, dailyQuota ?? 0];
  if (!numbers.every((number) => typeof number === 'number' && Number.isFinite(number))) return undefined;
  const text = JSON.stringify(status === 'revoked' ? { v: 1, status, id, generation } : key);
  return readDigestRecord<Config>(text) && text;
}
