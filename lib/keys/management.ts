import { createLru } from '../client/lru.ts';
import { type Clock, elapsedSince, type Instant, instant } from '../clock.ts';
import { ConfigError, isKvError, isUnavailable } from '../errors.ts';
import type { Digester } from './digest.ts';
import type { Entries } from './entries.ts';
import type { KeyFormat } from './key-format.ts';
import { isKeyId } from './key-id.ts';
import type { KnownKeys } from './known-keys.ts';
import type { NewKey } from './new-key.ts';
import type { Question } from './question.ts';
import { type ApiKey, apiKeyOf, type Carried, type IdRecord } from './record.ts';
import type { Change, IssuedKey, ManagedKey, Registry } from './registry.ts';
import type { DayUsage, Usage } from './usage.ts';
import type { Verifier } from './verifier.ts';

/** What becomes of the key before. */
export interface RotateOptions {
  /** How long the old key goes on working; at most a year. @default 0 */
  readonly graceSeconds?: number | undefined;
}

/** Which part of all keys is listed. */
export interface ListOptions {
  /** At most 1,000. @default 1_000 */
  readonly limit?: number | undefined;
  /** The id of the key that the page before ended with. @default from the first on */
  readonly after?: string | undefined;
}

/** What has become of a revocation. */
export interface Revocation {
  /** `false` when there is no such key. */
  readonly revoked: boolean;
  /**
   * Whether every process that asks Redis is told from now on. Where it is `false` after a revocation, Redis could not be
   * reached, and others may go on with what is cached there for at most `entryTtlMs` and `freshMs` more.
   */
  readonly propagated: boolean;
}

/** Issues and ends keys. Rejects while the store of record is away, and where no keys can be issued. */
export interface KeyManagement<Config = unknown> {
  /** 1 request, or a statement in the source and 1 request. */
  create(key: NewKey<Config>): Promise<IssuedKey<Config>>;
  /**
   * Ends a key, given itself or its id: at once in this process, elsewhere as soon as they ask Redis, which is at most
   * `freshMs` later. @throws when the store of record is away: the key still works, unless the error's `mayHaveRun` is `true`,
   * for then only the answer may be lost. Ending it again tells.
   */
  revoke(keyOrId: string): Promise<Revocation>;
  /** A new key under the same id; `undefined` when there is no such key. @throws when the store of record is away */
  rotate(keyOrId: string, options?: RotateOptions): Promise<IssuedKey<Config> | undefined>;
  /**
   * What is on record under this id, revoked ones too; `undefined` for an id that never was. One request.
   *
   * @throws as the client does
   */
  get(id: string): Promise<ManagedKey<Config> | undefined>;
  /**
   * How often a key was used on each of the last days of UTC, today first; through the front door, for others than its
   * guard count nothing. `undefined` when there is no such key. Two requests.
   */
  usage(id: string, options?: { readonly days?: number | undefined }): Promise<readonly DayUsage[] | undefined>;
  /** Active keys, oldest first. Two requests, three with `after`. */
  list(options?: ListOptions): Promise<readonly ApiKey<Config>[]>;
}

/** Beside the store of record: this process, the cache in Redis, and the counts follow each change. */
export interface Management<Config> extends KeyManagement<Config> {
  /** Puts a key on record under the first pepper, beside the one it was issued under, which can go when all have been used. */
  adopt(id: string, question: Question): Promise<unknown> | undefined;
  /** Keys that were ended here. */
  readonly revocations: number;
}

export interface ManagementOptions<Config> {
  readonly clock: Clock;
  /** @throws ConfigError where no keys can be issued. */
  readonly registry: () => Registry<Config>;
  readonly canIssue: boolean;
  readonly format: KeyFormat;
  readonly digest: Digester;
  readonly known: KnownKeys<Config>;
  /** `undefined` where Redis learns of a change in the same step. */
  readonly entries: Entries<Config> | undefined;
  readonly usage: Usage;
  readonly foundBy: Verifier<Config>['foundBy'];
}

const MAX_GRACE_SECONDS = 366 * 86_400;
const MAX_PAGE = 1_000;
/** Keys that one process tries to put under the first pepper. */
const MAX_ADOPTED = 10_000;
/** How long until that is tried again with a key which is still found under an older one. */
const ADOPT_AGAIN_MS = 60_000;

export function createManagement<Config>(options: ManagementOptions<Config>): Management<Config> {
  const { clock, registry, canIssue, format, digest, known, entries, usage, foundBy } = options;
  const adopted = createLru<Instant>(MAX_ADOPTED);
  let revocations = 0;

  /** What has been used of today's quota, so that a new key does not begin it anew; unknown while Redis is away. */
  const carriedOf = async ({ digests, retired }: IdRecord<Config>): Promise<Carried | undefined> => {
    const day = usage.today();
    try {
      const [today] = await usage.read([...digests, ...retired], 1);
      return { day, count: today?.count ?? 0 };
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      return undefined;
    }
  };

  const resolveId = async (keyOrId: string): Promise<string | undefined> => {
    const isId = isKeyId(keyOrId);
    if (!format.accepts(keyOrId)) return isId ? keyOrId : undefined;
    for (const one of await digest.all(keyOrId)) {
      const id = await registry().idOf(one);
      if (id !== undefined) return id;
    }
    // A format of one's own may take an id for a key.
    return isId ? keyOrId : undefined;
  };

  /** Whether Redis knows of a change. Beside its own records it learns of it in the same step. */
  const publish = async (change: Change<Config>): Promise<boolean> => {
    try {
      return (await entries?.publish(change)) ?? true;
    } catch (error) {
      if (!isKvError(error)) throw error;
      return false;
    }
  };

  return {
    get revocations() {
      return revocations;
    },
    adopt(id, question) {
      const [next] = question.digests;
      const triedAt = adopted.get(next.digest);
      if (!canIssue || (triedAt && elapsedSince(triedAt, clock) < ADOPT_AGAIN_MS)) return undefined;
      adopted.set(next.digest, instant(clock));
      // In nobody's way, and without consequence where it fails.
      return registry()
        .adopt(id, foundBy(question), next, carriedOf)
        .then((change) => change && publish(change))
        .catch(() => undefined);
    },
    async create(asked) {
      const { key, change } = await registry().create(asked);
      known.forgetAbsent((await digest(key)).digest);
      await publish(change);
      return { key, record: apiKeyOf(change.next) };
    },
    async revoke(keyOrId) {
      const id = await resolveId(keyOrId);
      const change = id === undefined ? undefined : await registry().revoke(id);
      if (!change) return { revoked: false, propagated: false };
      known.supersede(change.next.id, change.next.generation, 'revoked');
      revocations += 1;
      return { revoked: true, propagated: await publish(change) };
    },
    async rotate(keyOrId, { graceSeconds = 0 } = {}) {
      if (!Number.isSafeInteger(graceSeconds) || graceSeconds < 0 || graceSeconds > MAX_GRACE_SECONDS) {
        throw new ConfigError('graceSeconds', `must be a whole number from 0 to ${MAX_GRACE_SECONDS}`);
      }
      const id = await resolveId(keyOrId);
      const rotated =
        id === undefined ? undefined : await registry().rotate(id, { graceMs: graceSeconds * 1_000, carriedOf });
      if (!rotated) return undefined;
      const { key, change } = rotated;
      known.supersede(change.next.id, change.next.generation, graceSeconds === 0 ? 'revoked' : 'outdated');
      await publish(change);
      return { key, record: apiKeyOf(change.next) };
    },
    async usage(id, { days = 30 } = {}) {
      if (!Number.isSafeInteger(days) || days < 1 || days > 30) {
        throw new ConfigError('days', 'must be a whole number from 1 to 30');
      }
      const record = isKeyId(id) ? await registry().record(id) : undefined;
      return record && usage.read([...record.digests, ...record.retired], days);
    },
    get: async (id) => (isKeyId(id) ? registry().get(id) : undefined),
    async list({ limit = 1_000, after } = {}) {
      if (!Number.isSafeInteger(limit) || limit < 1 || limit > MAX_PAGE) {
        throw new ConfigError('limit', `must be a whole number from 1 to ${MAX_PAGE}`);
      }
      if (after !== undefined && !isKeyId(after)) throw new ConfigError('after', 'must be the id of a key');
      return registry().list({ limit, after });
    },
  };
}
