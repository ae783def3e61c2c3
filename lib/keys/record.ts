import { isObject, readJson } from '../client/json.ts';
import type { Quota } from '../client/quota.ts';
import type { KeyDigest } from './digest.ts';

/** What is known of an API key, whoever asks. `Config` is the application's own payload. */
export interface ApiKey<Config = unknown> {
  readonly id: string;
  readonly owner: string;
  readonly scopes: readonly string[];
  /** By policy name. */
  readonly limits: Readonly<Record<string, Quota>>;
  /** What validation hands out is frozen, with all that is in it. */
  readonly config: Config | null;
  /** Requests that may pass on a day of UTC; `null` for any number. Counted in the front door. */
  readonly dailyQuota: number | null;
  /** Raised by each rotation and by revocation. */
  readonly generation: number;
  /** Unix milliseconds. */
  readonly createdAt: number;
  /** Unix milliseconds; `null` for never. */
  readonly expiresAt: number | null;
  /** Prefix and last four characters. */
  readonly display: string;
}

/** What stands under a digest, as JSON, in the record and in the cache entry alike. */
export type DigestRecord<Config = unknown> = (ActiveDigest & ApiKey<Config>) | Tombstone;

interface ActiveDigest {
  readonly v: 1;
  readonly status: 'active';
  /** The pepper that it was digested under. */
  readonly kid: string;
  readonly carried?: Carried | undefined;
}

export interface Tombstone {
  readonly v: 1;
  readonly status: 'revoked';
  readonly id: string;
  readonly generation: number;
}

/** What stands under an id. */
export interface IdRecord<Config = unknown> extends ApiKey<Config> {
  readonly v: 1;
  readonly status: 'active' | 'revoked';
  /** Every digest that leads here. */
  readonly digests: readonly IssuedDigest[];
  /** Those that did, for as long as their uses are kept. */
  readonly retired: readonly RetiredDigest[];
}

export interface RetiredDigest extends KeyDigest {
  /** Unix milliseconds. */
  readonly at: number;
}

/** What a key had used of its day's quota when another was put in its place. */
export interface Carried {
  /** `20261121`, by UTC. */
  readonly day: string;
  readonly count: number;
}

/** A digest that leads to a record: one for each key that has been issued for it and is still good. */
export interface IssuedDigest extends KeyDigest {
  /** Unix milliseconds at which it ceases to, before the key itself does; `null` where it does not. */
  readonly until: number | null;
  /** Of the key with this digest. */
  readonly display: string;
  readonly carried?: Carried | undefined;
}

/** `record` without what leads to it. */
export function apiKeyOf<Config>(record: IdRecord<Config>): ApiKey<Config> {
  const { v: _version, status: _status, digests: _digests, retired: _retired, ...key } = record;
  return key;
}

/** What a digest of `record` leads to. */
export function digestRecordOf<Config>(record: IdRecord<Config>, issued: IssuedDigest): DigestRecord<Config> {
  const { digests: _digests, retired: _retired, status, ...key } = record;
  if (status === 'revoked') return tombstoneOf(record);
  const { kid, carried, display } = issued;
  const expiresAt = issued.until === null ? key.expiresAt : Math.min(key.expiresAt ?? issued.until, issued.until);
  return { ...key, status, kid, expiresAt, display, carried };
}

export function tombstoneOf({ id, generation }: Pick<ApiKey, 'id' | 'generation'>): Tombstone {
  return { v: 1, status: 'revoked', id, generation };
}

/** What each digest leads to after a change, those included that lead nowhere any more. */
export function recordsOf<Config>(
  next: IdRecord<Config>,
  previous: IdRecord<Config> | undefined,
): readonly (readonly [IssuedDigest, DigestRecord<Config>])[] {
  const ended = (previous?.digests ?? []).filter((one) => !next.digests.some(isSameDigest(one)));
  return [
    ...ended.map((one) => [one, tombstoneOf(next)] as const),
    ...next.digests.map((one) => [one, digestRecordOf(next, one)] as const),
  ];
}

export function isSameDigest(one: KeyDigest): (other: KeyDigest) => boolean {
  return ({ kid, digest }) => digest === one.digest && kid === one.kid;
}

/**
 * Reads what stands under a digest; `undefined` when it is not a record of this version. Frozen: one record is handed to
 * everybody who asks, and what one of them made of its scopes would be everybody's.
 */
export function readDigestRecord<Config>(text: unknown): DigestRecord<Config> | undefined {
  const value = frozen(readJson(text));
  if (!isObject(value) || value.v !== 1 || typeof value.id !== 'string') return undefined;
  if (value.status === 'revoked')
    return typeof value.generation === 'number' ? (value as unknown as Tombstone) : undefined;
  return value.status === 'active' && isApiKey(value) ? (value as unknown as DigestRecord<Config>) : undefined;
}

export function readIdRecord<Config>(text: unknown): IdRecord<Config> | undefined {
  return asIdRecord(readJson(text));
}

/** `value` as what stands under an id; `undefined` when it is not a record of this version. */
export function asIdRecord<Config>(value: unknown): IdRecord<Config> | undefined {
  if (!isObject(value) || value.v !== 1 || !isApiKey(value)) return undefined;
  if (!isList(value.digests, isIssued) || !isList(value.retired, isRetired)) return undefined;
  return value.status === 'active' || value.status === 'revoked' ? (value as unknown as IdRecord<Config>) : undefined;
}

function isApiKey(value: Record<string, unknown>): boolean {
  const { id, owner, scopes, limits, dailyQuota, generation, createdAt, expiresAt, display } = value;
  return (
    typeof id === 'string' &&
    typeof owner === 'string' &&
    Array.isArray(scopes) &&
    scopes.every((scope) => typeof scope === 'string') &&
    isObject(limits) &&
    (dailyQuota === null || typeof dailyQuota === 'number') &&
    typeof generation === 'number' &&
    typeof createdAt === 'number' &&
    (expiresAt === null || typeof expiresAt === 'number') &&
    typeof display === 'string'
  );
}

function isIssued({ kid, digest, until, display }: Record<string, unknown>): boolean {
  const isText = [kid, digest, display].every((part) => typeof part === 'string');
  return isText && (until === null || typeof until === 'number');
}

function isRetired({ kid, digest, at }: Record<string, unknown>): boolean {
  return typeof kid === 'string' && typeof digest === 'string' && typeof at === 'number';
}

function isList(value: unknown, isPart: (part: Record<string, unknown>) => boolean): boolean {
  return Array.isArray(value) && value.every((part) => isObject(part) && isPart(part));
}

/** `value` of JSON, and all that is in it. Not by recursion: a source may nest a config as deep as it likes. */
function frozen(value: unknown): unknown {
  const rest = [value];
  while (rest.length > 0) {
    const part = rest.pop();
    if (typeof part !== 'object' || part === null) continue;
    Object.freeze(part);
    for (const inner of Object.values(part)) rest.push(inner);
  }
  return value;
}
