/** Other numbers for a policy of the same name. The same shape as a limiter's quota; read by the front-door script. */
export interface KeyQuota {
  readonly limit: number;
  readonly windowMs: number;
  readonly burst?: number | undefined;
}

/** What is known of an API key, whoever asks. `Config` is the application's own payload. */
export interface ApiKey<Config = unknown> {
  readonly id: string;
  readonly owner: string;
  readonly scopes: readonly string[];
  /** By policy name. */
  readonly limits: Readonly<Record<string, KeyQuota>>;
  readonly config: Config | null;
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
export type DigestRecord<Config = unknown> =
  | ({ readonly v: 1; readonly status: 'active' } & ApiKey<Config>)
  | { readonly v: 1; readonly status: 'revoked'; readonly id: string; readonly generation: number };

/** What stands under an id. */
export interface IdRecord<Config = unknown> extends ApiKey<Config> {
  readonly v: 1;
  readonly status: 'active' | 'revoked';
  /** Every digest that leads here; `until` is when it ceases to, before the key itself does. */
  readonly digests: readonly IssuedDigest[];
}

export interface IssuedDigest {
  readonly kid: string;
  readonly digest: string;
  /** Unix milliseconds. */
  readonly until: number | null;
}

/** Reads what stands under a digest; `undefined` when it is not a record of this version. */
export function readDigestRecord<Config>(text: unknown): DigestRecord<Config> | undefined {
  const value = readJson(text);
  if (!isObject(value) || value.v !== 1 || typeof value.id !== 'string') return undefined;
  if (value.status === 'revoked')
    return typeof value.generation === 'number' ? (value as DigestRecord<Config>) : undefined;
  return value.status === 'active' && isApiKey(value) ? (value as DigestRecord<Config>) : undefined;
}

export function readIdRecord<Config>(text: unknown): IdRecord<Config> | undefined {
  const value = readJson(text);
  if (!isObject(value) || value.v !== 1 || !isApiKey(value) || !Array.isArray(value.digests)) return undefined;
  return value.status === 'active' || value.status === 'revoked' ? (value as unknown as IdRecord<Config>) : undefined;
}

function isApiKey(value: Record<string, unknown>): boolean {
  const { id, owner, scopes, limits, generation, createdAt, expiresAt, display } = value;
  return (
    typeof id === 'string' &&
    typeof owner === 'string' &&
    Array.isArray(scopes) &&
    scopes.every((scope) => typeof scope === 'string') &&
    isObject(limits) &&
    typeof generation === 'number' &&
    typeof createdAt === 'number' &&
    (expiresAt === null || typeof expiresAt === 'number') &&
    typeof display === 'string'
  );
}

function readJson(text: unknown): unknown {
  if (typeof text !== 'string') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
