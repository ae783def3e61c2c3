import type { KvClient } from '../client/kv-client.ts';
import { ConfigError } from '../errors.ts';
import type { Pepper, Peppers } from './digest.ts';
import { createKeyFormat, type KeyFormat, MAX_KEY_LENGTH } from './key-format.ts';
import type { MissSettings } from './miss-guard.ts';
import type { SourceSettings } from './source/guarded-source.ts';
import type { ApiKeySource } from './source/source.ts';

/** Settings of all that is done with keys. Wrong ones throw a ConfigError. */
export interface ApiKeysOptions<Config = unknown> {
  /** Where entries are cached, and unless there is a `source`, where keys are on record. */
  readonly kv: KvClient;
  /** Where keys are on record. @default the Redis of `kv` */
  readonly source?: ApiKeySource<Config> | undefined;
  /** Deadline, bound and circuit of `source`. */
  readonly sourceSettings?: SourceSettings | undefined;
  /**
   * Secret under which keys are digested, or several: the one of new keys first, then those of older keys. Without any
   * digests are plain SHA-256.
   */
  readonly pepper?: Pepper | Peppers | undefined;
  /** First part of every key. @default 'bw' */
  readonly prefix?: string | undefined;
  /** Second part of every key. @default 'live' */
  readonly env?: string | undefined;
  /** How keys look, instead of `prefix` and `env`: for keys that somebody else has issued. */
  readonly format?: KeyFormat | undefined;
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
  /** How long one validation takes at most, Redis and source together. @default 1_500 */
  readonly budgetMs?: number | undefined;
  /** How much guessing of unknown keys is borne. */
  readonly misses?: MissSettings | undefined;
  /** Whether the guard counts the uses of each key and day. Daily quotas need it. @default true */
  readonly countUsage?: boolean | undefined;
  /**
   * Whether the first key that is issued may take a Redis without any for a new one. `false` where it has lost them more
   * likely: after that key the lost ones would be unknown. A process that has seen keys there never does. @default true
   */
  readonly mayBegin?: boolean | undefined;
}

/** Those that have a default, with it. */
export interface ResolvedApiKeysOptions {
  readonly format: KeyFormat;
  readonly entryTtlMs: number;
  readonly freshMs: number;
  readonly staleIfErrorMs: number;
  readonly negativeTtlMs: number;
  readonly maxKnownKeys: number;
  readonly budgetMs: number;
  readonly countUsage: boolean;
}

/** @throws ConfigError naming the option. */
export function resolveApiKeysOptions<Config>(options: ApiKeysOptions<Config>): ResolvedApiKeysOptions {
  const { prefix = 'bw', env = 'live' } = options;
  const format = options.format ? bounded(options.format) : createKeyFormat(prefix, env);
  const { freshMs = 10_000, staleIfErrorMs = 300_000, negativeTtlMs = 30_000 } = options;
  const { entryTtlMs = 300_000, maxKnownKeys = 10_000, budgetMs = 1_500, countUsage = true } = options;
  if (!(freshMs >= 0 && freshMs <= 10_000)) throw new ConfigError('freshMs', 'must be from 0 to 10000');
  for (const [name, value] of Object.entries({ staleIfErrorMs, negativeTtlMs })) {
    if (!(value >= 0 && value <= 86_400_000)) throw new ConfigError(name, 'must be from 0 to 86400000');
  }
  for (const [name, value] of Object.entries({ entryTtlMs, maxKnownKeys, budgetMs })) {
    if (!(Number.isSafeInteger(value) && value >= 1))
      throw new ConfigError(name, 'must be a whole number of at least 1');
  }
  return { format, entryTtlMs, freshMs, staleIfErrorMs, negativeTtlMs, maxKnownKeys, budgetMs, countUsage };
}

/** What is too long is not even looked at. */
function bounded(format: KeyFormat): KeyFormat {
  return {
    generate: () => format.generate(),
    accepts: (text) => text.length <= MAX_KEY_LENGTH && format.accepts(text),
    display: format.display && ((key) => format.display?.(key) ?? ''),
  };
}
