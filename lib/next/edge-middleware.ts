import { type Defaults, getDefaults, HANDLER_POLICY_NAMES } from '../default-client.ts';
import { ConfigError } from '../errors.ts';
import { type AccessListOptions, joinAccessLists } from '../guard/access-lists.ts';
import { type Allowance, deny } from '../guard/decision.ts';
import { createGuard, type Guard } from '../guard/guard.ts';
import { IDENTITY_HEADER } from '../guard/identity.ts';
import { checkRateHeaderOptions, type RateHeaderOptions } from '../guard/rate-headers.ts';
import { decisionHeaders, toResponse } from '../guard/respond.ts';
import type { Route } from '../guard/routes.ts';
import { createLimiter, type LimiterOptions } from '../limit/limiter.ts';
import type { Policy } from '../limit/policy.ts';
import { logMisconfiguration } from '../log.ts';
import { basePathOf, pathWithin } from './base-path.ts';
import { CIRCUIT_HEADER, forward } from './forward.ts';

/** Settings of a middleware. Wrong ones are a 503 for every request, and a line in the log. */
export interface EdgeMiddlewareOptions
  extends Pick<RateHeaderOptions, 'headers' | 'retryJitter'>,
    Pick<LimiterOptions, 'onUnavailable' | 'expectedProcesses' | 'refusalTtlMs' | 'prefetch'> {
  /** The first route that fits decides; a request that fits none passes. Paths stand without Next's `basePath`. */
  readonly protect: readonly Route[];
  /** The policies that the routes name. */
  readonly policies: readonly Policy[];
  /** Beside those of BREAKWATER_ALLOW and BREAKWATER_DENY. See `GuardOptions.lists`. @default nobody */
  readonly lists?: AccessListOptions | undefined;
  /** See `GuardOptions.budgetMs`. @default 1_500 */
  readonly budgetMs?: number | undefined;
  /** Paths to whose handlers the state of this runtime's circuit breaker is passed on. @default ['/api/health'] */
  readonly statusPaths?: readonly string[] | undefined;
}

/** A function for `middleware.ts` (Edge) and for `proxy.ts` (Node) alike. */
export type EdgeMiddleware = (request: Request, event?: EdgeEvent) => Promise<Response>;

/** What Next hands over beside the request. */
export interface EdgeEvent {
  waitUntil(work: Promise<unknown>): void;
}

interface Built {
  readonly defaults: Defaults;
  readonly guard: Guard;
  readonly telling: RateHeaderOptions;
}

/**
 * Authenticates and limits every request before its handler runs, with one request to Redis. Reads the environment at
 * the first request. Never throws: a deployment that is not configured answers 503, and its log says what to set.
 *
 * @example
 * export const middleware = createEdgeMiddleware({
 *   policies: [{ name: 'ip', limit: 100, windowMs: 60_000 }],
 *   protect: [{ path: '/api/*', limits: { ip: 'ip' } }],
 * });
 */
export function createEdgeMiddleware(options: EdgeMiddlewareOptions): EdgeMiddleware {
  const { protect, policies, lists, headers, retryJitter, budgetMs, statusPaths = ['/api/health'] } = options;
  const { onUnavailable, expectedProcesses, refusalTtlMs, prefetch } = options;
  let built: Built | undefined;

  /** On the client of this process, which the handlers share where they run in the same one. */
  const build = (): Built => {
    const defaults = getDefaults();
    if (built?.defaults === defaults) return built;
    const { kv, keys, clientIp, settings } = defaults;
    const taken = policies.find(({ name }) => HANDLER_POLICY_NAMES.includes(name));
    if (taken) throw new ConfigError('policies', `must not use the name ${taken.name}, which is that of the handlers`);
    const limiter = createLimiter({
      kv,
      policies,
      localOnly: !settings.redisCache,
      ...{ onUnavailable, expectedProcesses, refusalTtlMs, prefetch },
    });
    const telling = { headers, retryJitter };
    checkRateHeaderOptions(telling);
    const both = joinAccessLists(settings.lists, lists);
    const guard = createGuard({ kv, keys, limiter, routes: protect, clientIp, lists: both, budgetMs });
    return { defaults, guard, telling };
  };

  const pass = async (request: Request, decision: Allowance, { defaults: { kv, seal }, telling }: Built) => {
    const set = new Map<string, string>();
    if (decision.identity && seal) {
      set.set(IDENTITY_HEADER, await seal.seal(decision.identity, request, basePathOf(request)));
    }
    if (statusPaths.includes(pathWithin(request))) {
      set.set(CIRCUIT_HEADER, JSON.stringify(kv.circuit.state()));
    }
    return forward(request, set, decisionHeaders(decision, telling));
  };

  return async function edgeMiddleware(request, event) {
    try {
      built = build();
      const decision = await built.guard.check(request, pathWithin(request));
      if (decision.limits?.pending) event?.waitUntil(decision.limits.pending);
      return decision.outcome === 'deny' ? toResponse(decision, built.telling) : await pass(request, decision, built);
    } catch (error) {
      logMisconfiguration(error);
      return toResponse(deny(503, 'misconfigured'));
    }
  };
}
