import { randomShare } from '../client/crypto.ts';
import { ConfigError } from '../errors.ts';
import type { LimitResult, PolicyResult } from '../limit/result.ts';

/**
 * How limits are told in response headers.
 *
 * - `draft-11`: `RateLimit-Policy` and `RateLimit` as structured fields, draft-ietf-httpapi-ratelimit-headers-11.
 * - `legacy`: `X-RateLimit-Limit`, `-Remaining` and `-Reset` of the policy that binds most. `Reset` is in Unix seconds, as
 *   GitHub and express-rate-limit write it, and is when everything is available again.
 */
export type RateHeaderVersion = 'draft-11' | 'legacy';

/** What clients are told of their limits. */
export interface RateHeaderOptions {
  /** Which headers are sent; an empty list for none. `Retry-After` is sent all the same. @default ['draft-11'] */
  readonly headers?: readonly RateHeaderVersion[] | undefined;
  /**
   * Up to this share, and up to a minute, is added to `Retry-After` at random, so that clients that were refused together
   * do not come back together. It is never shorter than the true wait. From 0 to 1. @default 0.1
   */
  readonly retryJitter?: number | undefined;
  /** From 0 up to, not including, 1. @default Math.random */
  readonly random?: (() => number) | undefined;
}

export type Field = readonly [name: string, value: string];

type Emitter = (result: LimitResult) => readonly Field[];

const EMITTERS: Readonly<Record<RateHeaderVersion, Emitter>> = { 'draft-11': draft11, legacy };

/** What a response says about `result`; `Retry-After` (RFC 9110) on refusal. Nothing is said of what is not known. */
export function rateHeaders(result: LimitResult, options: RateHeaderOptions = {}): readonly Field[] {
  const { headers = ['draft-11'] } = options;
  const fields = headers.flatMap((version) => EMITTERS[version](result));
  if (result.allowed || result.retryAfterMs === undefined) return fields;
  return [...fields, ['retry-after', retryAfter(result.retryAfterMs, options)]];
}

/** The value of `Retry-After` for a wait of `ms`. */
export function retryAfter(ms: number, { retryJitter = 0.1, random = randomShare }: RateHeaderOptions = {}): string {
  const least = Math.max(1, seconds(ms));
  const spread = Math.min(least * retryJitter, MAX_JITTER_S);
  return String(least + Math.floor(random() * (spread + 1)));
}

const MAX_JITTER_S = 60;

/** @throws ConfigError naming the option. */
export function checkRateHeaderOptions({ headers = [], retryJitter = 0 }: RateHeaderOptions): void {
  if (!Array.isArray(headers) || !headers.every((version) => Object.hasOwn(EMITTERS, version))) {
    throw new ConfigError('headers', `must be a list of ${Object.keys(EMITTERS).join(' and ')}`);
  }
  if (!(retryJitter >= 0 && retryJitter <= 1)) throw new ConfigError('retryJitter', 'must be from 0 to 1');
}

/**
 * `q` and `w` are those of the policy; units are requests, the default. No partition key: the account is that of the
 * address or of the key that the request itself carries. A refusal tells of the policies that refused alone: section 6
 * wants no effective window to end after `Retry-After`.
 */
function draft11({ allowed, policies }: LimitResult): readonly Field[] {
  const offered = policies.map(
    ({ policy, limit, windowMs }) => `${sfString(policy)};q=${sfInteger(limit)};w=${sfInteger(seconds(windowMs) || 1)}`,
  );
  const left = policies.flatMap((one) => {
    if (one.remaining === undefined || allowed !== one.allowed) return [];
    const t = seconds(effectiveWindowMs(one, one.remaining));
    return [`${sfString(one.policy)};r=${sfInteger(one.remaining)};t=${sfInteger(t)}`];
  });
  const fields: Field[] = [['ratelimit-policy', offered.join(', ')]];
  return left.length > 0 ? [...fields, ['ratelimit', left.join(', ')]] : fields;
}

/**
 * The time within which `remaining` is to last. A policy that refills one by one is told at the pace of its refills,
 * otherwise `r=99;t=1` after the first of 100 requests a minute invites 99 a second: section 8.5 asks to cap that ratio.
 */
function effectiveWindowMs(
  { algorithm, limit, windowMs, resetAfterMs = 0, retryAfterMs }: PolicyResult,
  remaining: number,
): number {
  if (retryAfterMs !== undefined) return retryAfterMs;
  const paced = (Math.max(remaining, 1) * windowMs) / limit;
  return algorithm === 'gcra' ? paced : Math.max(paced, resetAfterMs);
}

function legacy({ limit, remaining, reset }: LimitResult): readonly Field[] {
  const fields: Field[] = [['x-ratelimit-limit', String(limit)]];
  if (remaining !== undefined) fields.push(['x-ratelimit-remaining', String(remaining)]);
  if (reset !== undefined) fields.push(['x-ratelimit-reset', String(seconds(reset))]);
  return fields;
}

/** Whole seconds, rounded up: a client that waits as long as it is told must not come too early. */
export function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}

/** RFC 9651, section 3.3.3: printable ASCII only, quotes and backslashes escaped. */
function sfString(text: string): string {
  return `"${text.replace(/[^ -~]/g, '_').replace(/["\\]/g, '\\$&')}"`;
}

/** RFC 9651, section 3.3.1: at most 15 digits. */
function sfInteger(value: number): string {
  return String(Math.min(Math.max(Math.floor(value), 0), 999_999_999_999_999));
}
