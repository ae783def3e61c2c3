import { randomShare } from '../client/crypto.ts';
import { wholeNumber } from '../client/whole-number.ts';
import { ConfigError } from '../errors.ts';
import type { CacheOptions } from './cache-options.ts';
import { MAX_TAGS } from './entry.ts';
import { isNamespace } from './namespaces.ts';
import { jsonCodec } from './payload/codec.ts';

/** Options with all that has a default, checked. */
export type CacheSettings<T> = {
  readonly [Name in Defaulted]: NonNullable<CacheOptions<T>[Name]>;
} & Pick<CacheOptions<T>, 'compression' | 'waitUntil'> & {
    readonly compressAboveBytes: number | false;
    readonly maxMemoryBytes: number;
    /** How old what is known here may be, to be used without asking. */
    readonly trustMs: number;
  };

type Defaulted = Exclude<keyof CacheOptions<unknown>, 'kv' | 'l1' | 'compression' | 'waitUntil' | 'compressAboveBytes'>;

const MAX_MS = 31_536_000_000;
const MAX_BYTES = 1_073_741_824;

/** @throws ConfigError */
export function cacheSettings<T>(options: CacheOptions<T>): CacheSettings<T> {
  const {
    namespace,
    ttlMs,
    swrMs = 0,
    staleIfErrorMs = 0,
    negativeTtlMs = 0,
    l1 = {},
    waitUntil,
    compression,
  } = options;
  const { maxValueBytes = 1_048_576, compressAboveBytes = false, codec = jsonCodec<T>() } = options;
  const { loadTimeoutMs = 10_000, softTimeoutMs = 1_000, maxConcurrentLoads = 100 } = options;
  const { errorBackoffMs = { min: 1_000, max: 30_000 }, jitter = 0.1, earlyRefresh = 1 } = options;
  const { localOnly = false, tally = true, random = randomShare } = options;
  const { maxBytes = 16_777_216, maxTtlMs = 5_000 } = l1 === false ? { maxBytes: 0, maxTtlMs: 0 } : l1;
  if (!isNamespace(namespace)) {
    throw new ConfigError('namespace', 'must be 1 to 64 letters, digits, dots, dashes or underscores');
  }
  if (!/^[a-z]$/.test(codec.mark) || codec.mark === 'n' || codec.mark === 'x') {
    throw new ConfigError('codec.mark', 'must be one lower-case letter other than n and x');
  }
  wholeNumber('ttlMs', ttlMs, 1, MAX_MS);
  wholeNumber('swrMs', swrMs, 0, MAX_MS);
  wholeNumber('staleIfErrorMs', staleIfErrorMs, 0, MAX_MS);
  wholeNumber('negativeTtlMs', negativeTtlMs, 0, MAX_MS);
  wholeNumber('l1.maxBytes', maxBytes, 0, MAX_BYTES);
  wholeNumber('l1.maxTtlMs', maxTtlMs, 0, MAX_MS);
  wholeNumber('maxValueBytes', maxValueBytes, 1, MAX_BYTES);
  if (compressAboveBytes !== false) wholeNumber('compressAboveBytes', compressAboveBytes, 1, MAX_BYTES);
  wholeNumber('loadTimeoutMs', loadTimeoutMs, 1, 2 ** 31 - 1);
  wholeNumber('softTimeoutMs', softTimeoutMs, 1, 2 ** 31 - 1);
  wholeNumber('maxConcurrentLoads', maxConcurrentLoads, 1, 1_000_000);
  wholeNumber('errorBackoffMs.min', errorBackoffMs.min, 0, errorBackoffMs.max);
  wholeNumber('errorBackoffMs.max', errorBackoffMs.max, 0, MAX_MS);
  within('jitter', jitter, 0, 0.5);
  within('earlyRefresh', earlyRefresh, 0, 100);
  return {
    ...{ namespace, ttlMs, swrMs, staleIfErrorMs, negativeTtlMs, maxValueBytes, codec, compression, waitUntil },
    ...{
      loadTimeoutMs,
      softTimeoutMs,
      maxConcurrentLoads,
      errorBackoffMs,
      jitter,
      earlyRefresh,
      localOnly,
      tally,
      random,
    },
    compressAboveBytes,
    maxMemoryBytes: maxBytes,
    trustMs: maxTtlMs,
  };
}

/** @throws ConfigError for what no entry can live. */
export function checkTtl(ttlMs: number): number {
  return wholeNumber('ttlMs', ttlMs, 1, MAX_MS);
}

const MAX_TAG_LENGTH = 256;

/** Each once. @throws ConfigError */
export function checkTags(tags: readonly string[]): readonly string[] {
  checkTagCount(tags.length);
  for (const tag of tags) {
    if (typeof tag !== 'string' || tag.length === 0 || tag.length > MAX_TAG_LENGTH) {
      throw new ConfigError('tags', `must each have 1 to ${MAX_TAG_LENGTH} characters`);
    }
  }
  return tags.length < 2 ? tags : [...new Set(tags)];
}

/** @throws ConfigError for more than an entry can carry. */
export function checkTagCount(count: number): void {
  if (count > MAX_TAGS) throw new ConfigError('tags', `must be at most ${MAX_TAGS}`);
}

function within(option: string, value: number, least: number, most: number): void {
  if (!(value >= least && value <= most)) {
    throw new ConfigError(option, `must be a number from ${least} to ${most}, got ${value}`);
  }
}
