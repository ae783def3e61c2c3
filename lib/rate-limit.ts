import type { Quota } from './client/quota.ts';
import { buildKey } from './client/redis-keys.ts';
import { DEFAULT_LIMIT, DEFAULT_WINDOW_MS, getDefaults, type OperationLimit } from './default-client.ts';
import { ConfigError } from './errors.ts';
import { UNKNOWN_CLIENT } from './guard/account-label.ts';
import { readCredential } from './guard/credentials.ts';
import { type Handler, limitHandler } from './guard/handler-limit.ts';
import {
  compileHandlerPolicy,
  type HandlerPolicy,
  windowQuota as quota,
  type WindowOptions,
} from './guard/handler-policy.ts';
import { RateLimitError } from './guard/rate-limit-error.ts';
import { countAccounts } from './limit/account-count.ts';
import { createLimiter, type Subjects } from './limit/limiter.ts';
import type { LimitResult } from './limit/result.ts';

export type { HandlerPolicy, LimitResult as RateLimitResult, OperationLimit, WindowOptions };
export { createLimiter, RateLimitError };

/** What became of one check, under the names of the migrated systems. */
export interface TokenResult {
  readonly isRateLimited: boolean;
  readonly currentUsage: number | undefined;
  readonly limit: number;
  readonly remaining: number | undefined;
  /** Unix milliseconds. */
  readonly reset: number | undefined;
}

/** A limit for tokens of one interval. */
export interface TokenLimiter {
  /** Takes one permit from `token`'s account. One request. */
  check(token: string): Promise<TokenResult>;
}

/** The account of requests without a key: one for all of them, and never exempt. */
const NO_KEY = 'no-key';

/**
 * Takes one permit from `key`'s account; `true` when there was one. With Redis away the account is this process's own.
 * One request.
 */
export function checkRateLimit(key: string, limit: number, windowMs: number, options?: WindowOptions): Promise<boolean>;
/**
 * Takes one permit of a user for an operation named by {@link defineLimits}. One request.
 *
 * @throws RateLimitError saying the limit and the minutes to wait.
 */
export function checkRateLimit(userId: string, operation: string): Promise<void>;
export async function checkRateLimit(
  key: string,
  limitOrOperation: number | string,
  windowMs = DEFAULT_WINDOW_MS,
  options?: WindowOptions,
): Promise<unknown> {
  if (typeof limitOrOperation === 'number') {
    return (await take({ handler: key }, quota(limitOrOperation, windowMs, options))).allowed;
  }
  const operation = getDefaults().operations.get(limitOrOperation);
  if (!operation) throw new ConfigError('operation', 'is not one that defineLimits has named');
  await demand({ user: buildKey('', limitOrOperation, key) }, quota(operation.max, operation.windowMs));
}

/** Names operations and their limits, for `checkRateLimit(userId, operation)`. Replaces what was named before. */
export function defineLimits(operations: Readonly<Record<string, OperationLimit>>): void {
  const named = getDefaults().operations;
  named.clear();
  for (const [operation, limit] of Object.entries(operations)) {
    quota(limit.max, limit.windowMs);
    named.set(operation, limit);
  }
}

/**
 * Takes one permit from `key`'s account. One request.
 *
 * @throws RateLimitError when there is none.
 */
export function rateLimit(key: string, limit: number, windowMs: number, options?: WindowOptions): Promise<LimitResult>;
/** A limiter by token: `rateLimit(10, { interval: 60_000 }).check(token)`. */
export function rateLimit(limit: number, options: { readonly interval: number } & WindowOptions): TokenLimiter;
export function rateLimit(
  keyOrLimit: string | number,
  limitOrOptions: number | ({ readonly interval: number } & WindowOptions),
  windowMs = DEFAULT_WINDOW_MS,
  options?: WindowOptions,
): Promise<LimitResult> | TokenLimiter {
  if (typeof keyOrLimit === 'string') return demandOf(keyOrLimit, Number(limitOrOptions), windowMs, options);
  if (typeof limitOrOptions === 'number')
    throw new ConfigError('rateLimit', 'takes (key, limit, windowMs) or (limit, { interval })');
  const tokenQuota = quota(keyOrLimit, limitOrOptions.interval, limitOrOptions);
  return {
    async check(token) {
      const { allowed, limit, remaining, reset } = await take({ handler: token }, tokenQuota);
      const currentUsage = remaining === undefined ? undefined : limit - remaining;
      return { isRateLimited: !allowed, currentUsage, limit, remaining, reset };
    },
  };
}

/** What is left of `key`'s account, and whether one more would be allowed, taking nothing. One request. */
export async function getRateLimitStatus(
  key: string,
  limit: number,
  windowMs: number,
  options?: WindowOptions,
): Promise<LimitResult> {
  return getDefaults().limiter.peek({ handler: key }, { quotas: { handler: quota(limit, windowMs, options) } });
}

/** Takes one permit from the client address's account. One request. @throws RateLimitError when there is none */
export async function rateLimitByIp(
  request: Request,
  limit: number = DEFAULT_LIMIT,
  windowMs: number = DEFAULT_WINDOW_MS,
): Promise<LimitResult> {
  return demand({ 'handler-ip': addressOf(request) }, quota(limit, windowMs));
}

/**
 * Takes one permit from the API key's account, beside whatever the middleware took. Only the key's digest leaves the
 * process. One request. @throws RateLimitError when there is none
 */
export async function rateLimitByApiKey(
  requestOrKey: Request | string,
  limit: number = DEFAULT_LIMIT,
  windowMs: number = DEFAULT_WINDOW_MS,
): Promise<LimitResult> {
  return demand({ 'handler-key': await accountOf(requestOrKey) }, quota(limit, windowMs));
}

/** Address and key in one request: both are charged or neither. @throws RateLimitError when one has nothing left */
export async function rateLimitCombined(
  request: Request,
  { ip = {}, apiKey = {} }: { readonly ip?: Partial<Quota>; readonly apiKey?: Partial<Quota> } = {},
): Promise<LimitResult> {
  const subjects = { 'handler-ip': addressOf(request), 'handler-key': await accountOf(request) };
  const quotas = {
    'handler-ip': { ...quota(ip.limit ?? DEFAULT_LIMIT, ip.windowMs ?? DEFAULT_WINDOW_MS), burst: ip.burst },
    'handler-key': {
      ...quota(apiKey.limit ?? DEFAULT_LIMIT, apiKey.windowMs ?? DEFAULT_WINDOW_MS),
      burst: apiKey.burst,
    },
  };
  return orRefuse(measured(await getDefaults().limiter.check(subjects, { quotas })));
}

/**
 * A handler behind a limit of its own: beside the middleware's, whose accounts it never charges. A request that is refused
 * is answered with 429 problem details and does not reach the handler; other responses get the rate headers, appended to
 * what they say already. With Redis away it counts in this process and says so. One request to Redis; with the algorithm
 * `concurrency` a second one, which gives the slot back when the handler has answered.
 *
 * @throws ConfigError naming the option, at once.
 * @example
 * ```ts
 * export const POST = withRateLimit(async (request: Request) => Response.json(await request.json()), {
 *   name: 'echo',
 *   limit: 20,
 *   windowMs: 60_000,
 * });
 * ```
 */
export function withRateLimit<Req extends Request = Request, Rest extends readonly unknown[] = []>(
  handler: Handler<Req, Rest>,
  policy: HandlerPolicy<Req>,
): (request: Req, ...rest: Rest) => Promise<Response> {
  const { plan: route, by, name, cost, telling } = compileHandlerPolicy(policy);
  const subjectOf = (request: Req): string | Promise<string> =>
    typeof by === 'function' ? by(request) : by === 'key' ? accountOf(request) : addressOf(request);
  const take = async (request: Req): Promise<LimitResult> => {
    const subject = buildKey('', name, typeof by === 'function' ? 'own' : by, await subjectOf(request));
    const result = await getDefaults().limiter.check({ route: subject }, { quotas: { route }, cost });
    return measured({ ...result, policy: name, policies: result.policies.map((one) => ({ ...one, policy: name })) });
  };
  return limitHandler(handler, take, telling);
}

/** Gives `key`'s account everything back. One request. @throws when Redis is away */
export async function resetRateLimit(key: string): Promise<void> {
  await getDefaults().limiter.reset({ handler: key });
}

/** Gives everybody everything back: here at once, elsewhere within a second. One request. @throws when Redis is away */
export async function clearAllRateLimits(): Promise<void> {
  await getDefaults().limiter.clear();
}

/**
 * About how many accounts Redis holds: counted up to 20,000 keys of the whole database, extrapolated beyond. At most 21
 * requests. `undefined` while Redis is away, or refuses SCAN, as a read-only token does.
 */
export async function getRateLimitStoreSize(): Promise<number | undefined> {
  return countAccounts(getDefaults().kv);
}

async function take(subjects: Subjects, one: Quota): Promise<LimitResult> {
  const quotas = Object.fromEntries(Object.keys(subjects).map((name) => [name, one]));
  return measured(await getDefaults().limiter.check(subjects, { quotas }));
}

function measured(result: LimitResult): LimitResult {
  const { measure } = getDefaults().kv;
  // Whose account it is was the caller's to say: it may be anything, a key or an address too.
  for (const one of result.policies) measure.limit(one, result.basis, undefined);
  return result;
}

async function demand(subjects: Subjects, one: Quota): Promise<LimitResult> {
  return orRefuse(await take(subjects, one));
}

async function demandOf(key: string, limit: number, windowMs: number, options?: WindowOptions): Promise<LimitResult> {
  return demand({ handler: key }, quota(limit, windowMs, options));
}

function orRefuse(result: LimitResult): LimitResult {
  if (!result.allowed) throw new RateLimitError(result);
  return result;
}

function addressOf(request: Request): string {
  return getDefaults().clientIp(request.headers) || UNKNOWN_CLIENT;
}

async function accountOf(requestOrKey: Request | string): Promise<string> {
  const key = typeof requestOrKey === 'string' ? requestOrKey : readCredential(requestOrKey.headers);
  if (key === undefined || key === '') return NO_KEY;
  return (await getDefaults().keys.digest(key)).digest;
}
