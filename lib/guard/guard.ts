import type { KvClient } from '../client/kv-client.ts';
import { ConfigError } from '../errors.ts';
import type { ApiKeys } from '../keys/api-keys.ts';
import type { Validation } from '../keys/verifier.ts';
import { toSubject } from '../limit/ledger.ts';
import type { Limiter } from '../limit/limiter.ts';
import type { LimitResult } from '../limit/result.ts';
import type { ClientIp } from './client-ip.ts';
import { readCredential } from './credentials.ts';
import { type Decision, type Degradation, deny, refusalBy, withLimits } from './decision.ts';
import { createFrontDoor, type DoorCharge } from './front-door.ts';
import { createRouteMatcher, type MatchedRoute, type Route } from './routes.ts';

export interface GuardOptions {
  readonly kv: KvClient;
  readonly keys: ApiKeys<unknown>;
  readonly limiter: Limiter;
  /** The first route that fits decides; a request that fits none passes. */
  readonly routes: readonly Route[];
  readonly clientIp: ClientIp;
}

export interface Guard {
  /**
   * Decides about a request. Route, client address and the syntax of the key cost no I/O; the rest is one request to
   * Redis. With Redis away: known keys pass on their last answer, unknown ones are refused with 503, limits are counted
   * in this process. Never throws for what a client sends or a store does.
   */
  check(request: Request): Promise<Decision>;
}

/** The account of requests without a trustworthy address: one for all of them, and never exempt. */
export const UNKNOWN_CLIENT = 'unknown-client';

/** @throws ConfigError for a route that names a policy which does not exist. */
export function createGuard({ kv, keys, limiter, routes, clientIp }: GuardOptions): Guard {
  const { rules } = limiter;
  const { verifier, format, digest: toDigest, entryTtlMs } = keys;
  const door = createFrontDoor({ kv, verifier, limiter, entryTtlMs });
  const match = createRouteMatcher(routes);
  for (const { path, limits = {} } of routes) {
    for (const name of Object.keys(limits)) {
      if (!rules.has(name)) throw new ConfigError(`route ${path}`, `names a policy that does not exist: ${name}`);
    }
  }

  const addressOf = (request: Request): string => {
    const address = clientIp(request.headers);
    if (address) return address;
    kv.notify({ type: 'client-unknown', at: kv.clock.now() });
    return UNKNOWN_CLIENT;
  };

  /** Subjects by address, with the key's account left open. */
  const chargesOf = async (route: MatchedRoute, request: Request, account: string): Promise<readonly DoorCharge[]> => {
    const charges: DoorCharge[] = [];
    for (const [name, by] of route.limits) {
      const rule = rules.get(name);
      if (!rule) continue;
      const subject = by === 'key' ? account : await toSubject(addressOf(request));
      charges.push({ rule, subject, byKey: by === 'key' });
    }
    return charges;
  };

  const withoutKey = async (route: MatchedRoute, request: Request): Promise<Decision> => {
    const names = route.limits.map(([name]) => name);
    if (names.length === 0) return allow(undefined, undefined);
    const address = addressOf(request);
    const limits = await limiter.check(Object.fromEntries(names.map((name) => [name, address])));
    return refusalBy(limits) ?? allow(undefined, limits);
  };

  return {
    async check(request) {
      const route = match(request.method, new URL(request.url).pathname);
      if (!route || isPreflight(request)) return allow(undefined, undefined);
      if (route.auth === 'none') return withoutKey(route, request);
      const credential = readCredential(request.headers);
      if (credential === undefined || credential === '') return deny(401, 'api-key-missing');
      if (!format.accepts(credential)) return deny(401, 'api-key-malformed');
      const digest = await toDigest(credential);
      const charges = await chargesOf(route, request, digest.digest);
      const { validation, limits } = await door.ask(digest, charges);
      const degraded: readonly Degradation[] = validation.status === 'VALID' && validation.degraded ? ['keys'] : [];
      return (limits && refusalBy(limits, degraded)) ?? conclude(validation, limits, degraded);
    },
  };
}

function conclude(validation: Validation, limits: LimitResult | undefined, degraded: readonly Degradation[]): Decision {
  if (validation.status === 'INVALID')
    return deny(401, 'api-key-invalid', { limits, degraded: withLimits(degraded, limits) });
  if (validation.status === 'UNAVAILABLE') {
    const { retryAfterMs } = validation;
    return deny(503, 'key-store-unavailable', { retryAfterMs, limits, degraded: withLimits(['keys'], limits) });
  }
  const { id, owner, scopes } = validation.key;
  return allow({ id, owner, scopes }, limits, degraded);
}

function allow(
  identity: { readonly id: string; readonly owner: string; readonly scopes: readonly string[] } | undefined,
  limits: LimitResult | undefined,
  degraded: readonly Degradation[] = [],
): Decision {
  return { outcome: 'allow', identity, limits, degraded: withLimits(degraded, limits) };
}

/** A CORS preflight carries no credentials by specification, and does no work. */
function isPreflight(request: Request): boolean {
  const { method, headers } = request;
  return method === 'OPTIONS' && headers.has('origin') && headers.has('access-control-request-method');
}
