import type { Quota } from '../client/quota.ts';
import { ConfigError } from '../errors.ts';
import { compilePolicy, type Plan } from '../limit/policy.ts';
import { checkRateHeaderOptions, type RateHeaderOptions } from './rate-headers.ts';

/** Whose account a handler charges, how much it holds, and what is said of it. */
export interface HandlerPolicy<Req extends Request = Request>
  extends Plan,
    WindowOptions,
    Pick<RateHeaderOptions, 'headers' | 'retryJitter'> {
  /**
   * The client's address; the API key that was sent, which somebody else has to verify, since every invention has an
   * account of its own; or what a function answers. @default 'ip'
   */
  readonly by?: 'ip' | 'key' | ((request: Req) => string | Promise<string>) | undefined;
  /** Names the accounts, and the policy in headers and problems; handlers of one name share accounts. @default 'handler' */
  readonly name?: string | undefined;
  /** Permits that a request takes. @default 1 */
  readonly cost?: number | undefined;
}

/** A policy that has been checked, with its defaults. */
export interface CompiledHandlerPolicy<Req extends Request> {
  readonly plan: Plan;
  readonly by: NonNullable<HandlerPolicy<Req>['by']>;
  readonly name: string;
  readonly cost: number;
  readonly telling: RateHeaderOptions;
}

/** @throws ConfigError naming the option. */
export function compileHandlerPolicy<Req extends Request>(policy: HandlerPolicy<Req>): CompiledHandlerPolicy<Req> {
  const { limit, windowMs, burst, algorithm, maxOverAdmission, by = 'ip', name = 'handler', cost = 1 } = policy;
  const { headers, retryJitter } = policy;
  const plan: Plan = { ...windowQuota(limit, windowMs, policy), burst, algorithm, maxOverAdmission };
  const { capacity } = compilePolicy({ name, ...plan }).rule;
  if (by !== 'ip' && by !== 'key' && typeof by !== 'function') {
    throw new ConfigError('by', "must be 'ip', 'key' or a function");
  }
  if (!Number.isSafeInteger(cost) || cost < 0 || cost > capacity) {
    throw new ConfigError('cost', `must be a whole number from 0 to ${capacity}, got ${cost}`);
  }
  checkRateHeaderOptions(policy);
  return { plan, by, name, cost, telling: { headers, retryJitter } };
}

/** A limit in the words of handlers. */
export interface WindowOptions {
  /** Accept a window under a second. Without it one is refused: 60 is more likely a minute in the wrong unit. @default false */
  readonly subSecond?: boolean | undefined;
}

/** @throws ConfigError for a window that is one of seconds by mistake. */
export function windowQuota(limit: number, windowMs: number, { subSecond = false }: WindowOptions = {}): Quota {
  if (windowMs < 1_000 && !subSecond) {
    throw new ConfigError(
      'windowMs',
      `is in milliseconds: ${windowMs} is under a second. Pass { subSecond: true } if that is meant`,
    );
  }
  return { limit, windowMs };
}
