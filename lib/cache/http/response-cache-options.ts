import { platformWaitUntil } from '../../client/platform-wait.ts';
import { type Clock, systemClock } from '../../clock.ts';
import { ConfigError } from '../../errors.ts';
import type { Cache } from '../cache-options.ts';
import type { StatusRules } from './cache-status.ts';
import type { RequestRules } from './request-rules.ts';
import type { ResponseRules } from './response-rules.ts';
import type { StoredResponse } from './stored-response.ts';

/** Settings of an HTTP cache. Wrong ones throw a ConfigError when it is made. */
export interface ResponseCacheOptions<Req extends Request = Request> extends RequestRules, ResponseRules, StatusRules {
  /**
   * Where responses are kept: `invalidateTags` and `clear` end them, `delete(await requestKey(request, options))` ends one.
   * Its `swrMs` and `staleIfErrorMs` are how long they are served past their end, where they allow it. Handlers that answer
   * the same URLs differently need caches of different namespaces.
   */
  readonly cache: Cache<StoredResponse>;
  /**
   * What the response depends on. Must not read its body. At most 32 tags of at most 256 characters; what it throws counts
   * as thrown by the handler. @default none
   */
  readonly tags?: ((request: Req, response: Response) => readonly string[]) | undefined;
  /** How long a body may take to arrive and still be stored, in milliseconds: others wait for it so long. @default 2_000 */
  readonly bodyTimeoutMs?: number | undefined;
  /** Told of each promise that outlives its response, so that the platform keeps the process for it. @default the platform's, as far as it is known */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
  readonly clock?: Clock | undefined;
}

/** Options that have been checked, with their defaults. */
export interface CompiledOptions<Req extends Request> extends RequestRules, ResponseRules, StatusRules {
  readonly cache: Cache<StoredResponse>;
  readonly tags: (request: Req, response: Response) => readonly string[];
  readonly maxBodyBytes: number;
  readonly bodyTimeoutMs: number;
  readonly waitUntil: (promise: Promise<unknown>) => void;
  readonly clock: Clock;
}

/** A year in milliseconds: the longest life of an entry. */
const MOST = 31_536_000_000;

/** @throws ConfigError naming the option. */
export function compileResponseCacheOptions<Req extends Request>(
  options: ResponseCacheOptions<Req>,
): CompiledOptions<Req> {
  const { cache, tags = () => [], waitUntil, clock = systemClock } = options;
  const {
    ttlMs = 0,
    maxTtlMs = 86_400_000,
    negativeTtlMs = 0,
    maxBodyBytes = 1_048_576,
    bodyTimeoutMs = 2_000,
  } = options;
  const { varyOn = [], credentials = [], statusHeaders = ['cache-status'], cacheName = 'breakwater' } = options;
  for (const [option, value] of Object.entries({ ttlMs, maxTtlMs, negativeTtlMs, maxBodyBytes })) {
    if (!Number.isSafeInteger(value) || value < 0 || value > MOST) {
      throw new ConfigError(option, `must be a whole number from 0 to ${MOST}, got ${value}`);
    }
  }
  if (!(bodyTimeoutMs >= 1 && bodyTimeoutMs <= 2 ** 31 - 1)) {
    throw new ConfigError(
      'bodyTimeoutMs',
      `must be a number of milliseconds from 1 to 2147483647, got ${bodyTimeoutMs}`,
    );
  }
  checkNames('varyOn', varyOn);
  checkNames('credentials', credentials);
  if (!statusHeaders.every((name) => name === 'cache-status' || name === 'x-cache')) {
    throw new ConfigError('statusHeaders', "must be a list of 'cache-status' and 'x-cache'");
  }
  if (!/^[A-Za-z*][!#$%&'*+.^_`|~\w:/-]*$/.test(cacheName)) {
    throw new ConfigError(
      'cacheName',
      'must be a token: a letter, then letters, digits and punctuation without spaces',
    );
  }
  const { allowQuery, anyHost, honourRequestDirectives } = options;
  return {
    waitUntil: (promise) => {
      try {
        (waitUntil ?? platformWaitUntil())?.(promise);
      } catch {
        // Outside a request some platforms refuse it: then nothing has to be kept awake.
      }
    },
    ...{ cache, tags, clock, ttlMs, maxTtlMs, negativeTtlMs, maxBodyBytes, bodyTimeoutMs },
    ...{ varyOn, credentials, statusHeaders, cacheName, allowQuery, anyHost, honourRequestDirectives },
  };
}

function checkNames(option: string, names: readonly string[]): void {
  if (!names.every((name) => /^[!#$%&'*+.^_`|~\w-]{1,128}$/.test(name))) {
    throw new ConfigError(option, 'must be a list of names of headers');
  }
}
