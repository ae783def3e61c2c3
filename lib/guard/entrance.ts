import type { KvClient } from '../client/kv-client.ts';
import { ConfigError } from '../errors.ts';
import type { ApiKeys } from '../keys/api-keys.ts';
import { createLimiter, type Limiter, type LimiterOptions } from '../limit/limiter.ts';
import type { Policy } from '../limit/policy.ts';
import { logMisconfiguration } from '../log.ts';
import { type AccessListOptions, joinAccessLists } from './access-lists.ts';
import type { ClientIp } from './client-ip.ts';
import { type Allowance, allow, deny, type Refusal } from './decision.ts';
import { createGuard, type Guard, type GuardOptions } from './guard.ts';
import { IDENTITY_HEADER, type IdentitySeal } from './identity.ts';
import { checkRateHeaderOptions, type Field, type RateHeaderOptions } from './rate-headers.ts';
import { decisionHeaders, toResponse } from './respond.ts';
import { HEALTH_PATHS, type Route } from './routes.ts';

/** Settings of the guard of a server. Wrong ones are a 503 for every request, and a line in the log. */
export interface EntranceOptions
  extends Pick<RateHeaderOptions, 'headers' | 'retryJitter'>,
    Pick<LimiterOptions, 'onUnavailable' | 'expectedProcesses' | 'refusalTtlMs' | 'prefetch'>,
    Pick<GuardOptions, 'budgetMs' | 'caseSensitive'> {
  /** The first route that fits decides; a request that fits none passes. */
  readonly protect: readonly Route[];
  /** The policies that the routes name. */
  readonly policies: readonly Policy[];
  /** Beside those of BREAKWATER_ALLOW and BREAKWATER_DENY. See `GuardOptions.lists`. @default nobody */
  readonly lists?: AccessListOptions | undefined;
  /**
   * `report` lets everything pass and tells what `enforce` would refuse: in `reported` of the decision, as an event, and in
   * the log. It refuses nobody, a deployment that is not configured included. For single routes see `Route.mode`.
   *
   * @default 'enforce'
   */
  readonly mode?: GuardOptions['mode'];
  /**
   * Paths, written as those of routes, that GET and HEAD reach without a key and uncounted, unless a route begins with them:
   * `/api/*` says nothing of `/api/health`, and `/api/health/*` does. An empty list for none.
   *
   * @default ['/api/health', '/api/health/live', '/api/health/ready', '/api/health/redis']
   */
  readonly exempt?: readonly string[] | undefined;
}

/** What the process has one of each of. */
export interface Surroundings {
  readonly kv: KvClient;
  readonly keys: ApiKeys<unknown>;
  readonly clientIp: ClientIp;
  /** `undefined` without a secret: then no identity is handed on. */
  readonly seal: IdentitySeal | undefined;
  /** That of the handlers, whose policies have names of their own. */
  readonly limiter: Limiter;
  readonly settings: { readonly lists: AccessListOptions; readonly redisCache: boolean };
}

/** What else is known of a request, and wanted of an answer. */
export interface Visit {
  /** By which routes are looked up. @default the path of the request */
  readonly pathname?: string | undefined;
  /** A prefix of the path that the handler may not be shown. @default none */
  readonly basePath?: string | undefined;
  /** Keeps the platform awake for what goes on behind the answer. @default nobody does */
  readonly waitUntil?: ((work: Promise<unknown>) => void) | undefined;
  /** Further headers for the handler. @default none */
  readonly handOn?: ((surroundings: Surroundings) => readonly Field[] | Promise<readonly Field[]>) | undefined;
}

/** A request that may not pass, and what to answer. */
export interface TurnedAway {
  readonly decision: Refusal;
  readonly response: Response;
}

/** A request that may pass. */
export interface Admitted {
  readonly decision: Allowance;
  readonly response?: undefined;
  /** For the handler: to be set on the request, instead of what the client has sent under these names. */
  readonly handedOn: readonly Field[];
  /** For the client: what its answer is to say. */
  readonly headers: readonly Field[];
}

/** Never rejects. */
export type Entrance = (request: Request, visit?: Visit) => Promise<Admitted | TurnedAway>;

interface Built {
  readonly surroundings: Surroundings;
  readonly guard: Guard;
  readonly telling: RateHeaderOptions;
}

/**
 * A guard with all around it that a server needs: the answer to those who are refused, a sealed identity for the handler of
 * those who pass, and what their answers say of limits. Made at the first request, of what the process has then. Without a
 * configuration that works it answers 503, and the log says what to set.
 */
export function createEntrance(options: EntranceOptions, surroundingsNow: () => Surroundings): Entrance {
  let built: Built | undefined;

  const build = (): Built => {
    const surroundings = surroundingsNow();
    return built?.surroundings === surroundings ? built : buildGuard(options, surroundings);
  };

  return async (request, { pathname, basePath, waitUntil, handOn } = {}) => {
    try {
      built = build();
      const { surroundings, guard, telling } = built;
      const decision = await guard.check(request, pathname);
      if (decision.pending) keepAwake(decision.pending, waitUntil);
      if (decision.outcome === 'deny') return { decision, response: toResponse(decision, telling) };
      const { seal } = surroundings;
      const { identity } = decision;
      const handedOn: Field[] = [...((await handOn?.(surroundings)) ?? [])];
      if (identity && seal) handedOn.push([IDENTITY_HEADER, await seal.seal(identity, request, basePath)]);
      return { decision, handedOn, headers: decisionHeaders(decision, telling) };
    } catch (error) {
      logMisconfiguration(error);
      const decision = deny(503, 'misconfigured');
      if (options.mode !== 'report') return { decision, response: toResponse(decision) };
      return { decision: { ...allow(), mode: 'report', reported: decision }, handedOn: [], headers: [] };
    }
  };
}

/** @throws ConfigError naming the option. */
function buildGuard(options: EntranceOptions, surroundings: Surroundings): Built {
  const {
    protect,
    policies,
    lists,
    headers,
    retryJitter,
    budgetMs,
    mode,
    exempt = HEALTH_PATHS,
    caseSensitive,
  } = options;
  const { onUnavailable, expectedProcesses, refusalTtlMs, prefetch } = options;
  const { kv, keys, clientIp, settings } = surroundings;
  const taken = policies.find(({ name }) => surroundings.limiter.policies.has(name));
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
  const matching = { routes: protect, mode, exempt, caseSensitive };
  const guard = createGuard({ kv, keys, limiter, clientIp, lists: both, budgetMs, ...matching });
  return { surroundings, guard, telling };
}

function keepAwake(work: Promise<unknown>, waitUntil: Visit['waitUntil']): void {
  try {
    waitUntil?.(work);
  } catch {
    // Outside a request some platforms refuse it: then nothing has to be kept awake.
  }
}
