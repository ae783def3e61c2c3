import { type Defaults, getDefaults, HANDLER_POLICY_NAMES } from '../default-client.ts';
import { ConfigError } from '../errors.ts';
import { type AccessListOptions, joinAccessLists } from '../guard/access-lists.ts';
import { type Allowance, deny } from '../guard/decision.ts';
import { createGuard, type Guard } from '../guard/guard.ts';
import { IDENTITY_HEADER } from '../guard/identity.ts';
import { checkRateHeaderOptions, type RateHeaderOptions } from '../guard/rate-headers.ts';
import { decisionHeaders, toResponse } from '../guard/respond.ts';
import type { Route } from '../guard/routes.ts';
import type { OnUnavailable } from '../limit/ledger.ts';
import { createLimiter } from '../limit/limiter.ts';
import type { Policy } from '../limit/policy.ts';
import { logMisconfiguration } from '../log.ts';
import { CIRCUIT_HEADER, forward } from './forward.ts';

export interface EdgeMiddlewareOptions extends Pick<RateHeaderOptions, 'headers' | 'retryJitter'> {
  /** The first route that fits decides; a request that fits none passes. */
  readonly protect: readonly Route[];
  /** The policies that the routes name. */
  readonly policies: readonly Policy[];
  /** While Redis is away: count in this process, pass uncounted, or refuse with 503. @default 'local' */
  readonly onUnavailable?: OnUnavailable | undefined;
  /** Beside those of BREAKWATER_ALLOW and BREAKWATER_DENY. See `GuardOptions.lists`. @default nobody */
  readonly lists?: AccessListOptions | undefined;
  /** Paths to whose handlers the state of this runtime's circuit breaker is passed on. @default ['/api/health'] */
  readonly statusPaths?: readonly string[] | undefined;
}

/** A function for `middleware.ts` (Edge) and for `proxy.ts` (Node) alike. */
export type EdgeMiddleware = (request: Request) => Promise<Response>;

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
  const { protect, policies, onUnavailable, lists, headers, retryJitter, statusPaths = ['/api/health'] } = options;
  let built: Built | undefined;

  /** On the client of this process, which the handlers share where they run in the same one. */
  const build = (): Built => {
    const defaults = getDefaults();
    if (built?.defaults === defaults) return built;
    const { kv, keys, clientIp, settings } = defaults;
    const taken = policies.find(({ name }) => HANDLER_POLICY_NAMES.includes(name));
    if (taken) throw new ConfigError('policies', `must not use the name ${taken.name}, which is that of the handlers`);
    const limiter = createLimiter({ kv, policies, onUnavailable, localOnly: !settings.redisCache });
    const telling = { headers, retryJitter };
    checkRateHeaderOptions(telling);
    const both = joinAccessLists(settings.lists, lists);
    return { defaults, guard: createGuard({ kv, keys, limiter, routes: protect, clientIp, lists: both }), telling };
  };

  const pass = async (request: Request, decision: Allowance, { defaults: { kv, seal }, telling }: Built) => {
    const set = new Map<string, string>();
    if (decision.identity && seal) set.set(IDENTITY_HEADER, await seal.seal(decision.identity, request));
    if (statusPaths.includes(new URL(request.url).pathname)) {
      set.set(CIRCUIT_HEADER, JSON.stringify(kv.circuit.state()));
    }
    return forward(request, set, decisionHeaders(decision, telling));
  };

  return async function edgeMiddleware(request) {
    try {
      built = build();
      const decision = await built.guard.check(request);
      return decision.outcome === 'deny' ? toResponse(decision, built.telling) : await pass(request, decision, built);
    } catch (error) {
      logMisconfiguration(error);
      return toResponse(deny(503, 'misconfigured'));
    }
  };
}
