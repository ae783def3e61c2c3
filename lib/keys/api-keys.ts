import { ConfigError } from '../errors.ts';
import { type ApiKeysOptions, resolveApiKeysOptions } from './api-keys-options.ts';
import { createDigester, type Digester } from './digest.ts';
import { createEntries, forgetEntries } from './entries.ts';
import type { KeyFormat } from './key-format.ts';
import { createKeyNames } from './key-names.ts';
import { createKnownKeys } from './known-keys.ts';
import { createManagement, type KeyManagement } from './management.ts';
import { createMissGuard } from './miss-guard.ts';
import { createRegistry, type Registry } from './registry.ts';
import { boundedStore } from './source/bounded-store.ts';
import { guardSource } from './source/guarded-source.ts';
import { kvKeyStore } from './source/kv-key-store.ts';
import { isKeyStore } from './source/source.ts';
import { createUsage, type Usage } from './usage.ts';
import type { Validation } from './validation.ts';
import { createValidator, type ValidateOptions } from './validator.ts';
import { createVerifier, type Verifier } from './verifier.ts';

export type { ApiKeysOptions } from './api-keys-options.ts';
export type { ListOptions, Revocation, RotateOptions } from './management.ts';

/** Of this process. */
export interface AuthCacheStats {
  readonly hits: number;
  readonly misses: number;
  readonly negativeHits: number;
  /** Keys known to this process now. */
  readonly size: number;
  readonly revocations: number;
}

/**
 * API keys, on record in Redis or in a source of one's own. Only digests are stored; the key itself is returned once.
 * Management needs a source that keys can be issued in, and rejects while that is away.
 */
export interface ApiKeys<Config = unknown> extends KeyManagement<Config> {
  /**
   * Who a key is. 0 requests for a key known to this process, else 1; where keys are on record elsewhere and Redis has no
   * entry, a look there and 1 more. Never throws for an outage: that is `UNAVAILABLE`.
   */
  validate(key: string, options?: ValidateOptions): Promise<Validation<Config>>;
  /** Tells Redis of the uses that it has not heard of yet: before a process ends. */
  flush(): Promise<void>;
  /** Drops what is cached of a key, here and in Redis; never a tombstone. */
  forget(key: string): Promise<void>;
  /** What this process knows of keys, and has counted. No request. */
  stats(): AuthCacheStats;
  readonly format: KeyFormat;
  readonly digest: Digester;
  /** For composing a lookup with other work in one request. */
  readonly verifier: Verifier<Config>;
  /** Counts uses; `undefined` where none are counted. */
  readonly counting: Usage | undefined;
}

/** @throws ConfigError naming the option. */
export function createApiKeys<Config = unknown>(options: ApiKeysOptions<Config>): ApiKeys<Config> {
  const { kv, pepper, source, sourceSettings } = options;
  const { format, entryTtlMs, freshMs, staleIfErrorMs, negativeTtlMs, maxKnownKeys, budgetMs, countUsage } =
    resolveApiKeysOptions(options);
  const { clock, namespace } = kv;
  const digest = createDigester(pepper);
  const names = createKeyNames(namespace);
  // Longer than any entry that was filled from what the source said before.
  const tombstoneMs = entryTtlMs + 60_000;
  const memory = { freshMs, staleMs: staleIfErrorMs, negativeMs: negativeTtlMs };
  // A revocation is remembered for longer than any answer that it has ended.
  const longestMs = Math.max(tombstoneMs, staleIfErrorMs + 60_000);
  const known = createKnownKeys<Config>({ clock, maxEntries: maxKnownKeys, ...memory, tombstoneMs: longestMs });
  const guarded =
    source &&
    guardSource<Config>({
      ...sourceSettings,
      source,
      clock,
      shares: kv.sharesPromises,
      onTransition: (transition) => kv.notify({ type: 'source', at: clock.now(), ...transition }),
    });
  const entries = source && createEntries<Config>({ kv, names, entryTtlMs, tombstoneMs });
  const misses = createMissGuard(clock, options.misses);
  const verifier: Verifier<Config> = createVerifier<Config>({
    ...{ kv, names, known, misses, source: guarded, entryTtlMs },
    onOldPepper: (id, question) => management.adopt(id, question),
    onReached: () => entries?.catchUp(),
  });
  const beside = { entryTtlMs, tombstoneMs, hasSeenStore: verifier.hasSeenStore };
  const store = source ?? kvKeyStore<Config>({ kv, mayBegin: options.mayBegin }, beside);
  const { managementTimeoutMs = 5_000 } = sourceSettings ?? {};
  const managed = isKeyStore(store) ? boundedStore(store, clock, managementTimeoutMs) : undefined;

  const usage = createUsage(kv, names);

  const registry = (): Registry<Config> => {
    if (managed) return createRegistry<Config>({ store: managed, clock, format, digest });
    throw new ConfigError('source', 'is one that keys cannot be issued in');
  };

  const management = createManagement<Config>({
    ...{ clock, registry, canIssue: managed !== undefined, format, digest, known, entries, usage },
    foundBy: verifier.foundBy,
  });

  return {
    format,
    digest,
    verifier,
    counting: countUsage ? usage : undefined,
    validate: createValidator<Config>({ kv, format, digest, verifier, budgetMs }),
    create: management.create,
    revoke: management.revoke,
    rotate: management.rotate,
    usage: management.usage,
    get: management.get,
    list: management.list,
    flush: () => usage.flush(),
    async forget(key) {
      if (!format.accepts(key)) return;
      const [first, ...others] = await digest.all(key);
      known.forget(first.digest);
      await forgetEntries(kv, [first, ...others].map(names.entry));
    },
    stats: () => ({ ...verifier.stats, size: known.size, revocations: management.revocations }),
  };
}
