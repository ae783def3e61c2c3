import type { KvClient } from '../client/kv-client.ts';
import { ConfigError } from '../errors.ts';
import type { ApiKeys } from '../keys/api-keys.ts';
import { questionOf } from '../keys/question.ts';
import { coversScopes } from '../keys/scopes.ts';
import type { Validation } from '../keys/validation.ts';
import type { Limiter } from '../limit/limiter.ts';
import { type LimitResult, summarise } from '../limit/result.ts';
import { type AccessListOptions, createAccessLists } from './access-lists.ts';
import { accountLabel, UNKNOWN_CLIENT } from './account-label.ts';
import type { ClientIp } from './client-ip.ts';
import { readCredential } from './credentials.ts';
import {
  allow,
  type Decision,
  type Degradation,
  deny,
  type GuardMode,
  identityBy,
  refusalBy,
  withLimits,
  withPending,
} from './decision.ts';
import type { DoorCharge } from './door-charges.ts';
import { createFrontDoor } from './front-door.ts';
import { isDecodable } from './path.ts';
import { createReportMode, type Visit } from './report-mode.ts';
import { createRouteMatcher, type MatchedRoute, type Route, type RouteMatcherOptions } from './routes.ts';

/** Settings of a guard. Wrong ones throw a ConfigError when it is made. */
export interface GuardOptions extends Pick<RouteMatcherOptions, 'exempt' | 'caseSensitive'> {
  readonly kv: KvClient;
  readonly keys: ApiKeys<unknown>;
  readonly limiter: Limiter;
  /** The first route that fits decides; a request that fits none passes. */
  readonly routes: readonly Route[];
  readonly clientIp: ClientIp;
  /**
   * Who is always refused with 403, and who is exempt from limits, by address and by key id.
   *
   * An address is looked up before any I/O; where `clientIp` finds none, lists say nothing of the request, which is an
   * event. The id of a key stands in its record: it is known before any I/O once this process has seen the key, and else
   * from the answer to the one request that is made anyway, so an allowed key is charged for the first request that a
   * process sees, and a denied one costs it.
   *
   * @default nobody
   */
  readonly lists?: AccessListOptions | undefined;
  /** How long a decision takes at most, Redis and the source of keys together, in milliseconds. @default 1_500 */
  readonly budgetMs?: number | undefined;
  /**
   * `report` asks and counts as `enforce` does, and refuses nobody: what would be refused passes, is an event, and stands in
   * `reported` of the decision. It passes with an identity where its key is valid, and else without; a key that a refusal
   * came before is looked up for that, with one request where this process does not know it. Clients are told nothing.
   *
   * @default 'enforce'
   */
  readonly mode?: GuardMode | undefined;
}

/** Decides who may pass. */
export interface Guard {
  /**
   * Decides about a request. Route, lists, client address and the syntax of the key cost no I/O; the rest is one request
   * to Redis. With Redis away: known keys pass on their last answer, unknown ones are refused with 503, limits are counted
   * in this process. Never throws for what a client sends or a store does. `pathname` is what routes are looked up by,
   * where that is not the whole path of the request.
   */
  check(request: Request, pathname?: string): Promise<Decision>;
}

type Limits = MatchedRoute['limits'];

/** @throws ConfigError for a route that names a policy which does not exist, and for a list with a malformed entry. */
export function createGuard(options: GuardOptions): Guard {
  const { kv, keys, limiter, routes, clientIp, lists, budgetMs = 1_500, mode, exempt, caseSensitive } = options;
  const { policies } = limiter;
  const { verifier, format, digest: toDigest } = keys;
  const door = createFrontDoor({ kv, verifier, limiter, usage: keys.counting, budgetMs });
  const match = createRouteMatcher(routes, { mode, exempt, caseSensitive });
  const report = createReportMode({ kv, keys, clientIp });
  const access = createAccessLists(lists);
  for (const { path, limits = {} } of routes) {
    for (const name of Object.keys(limits)) {
      const policy = policies.get(name);
      if (!policy) throw new ConfigError(`route ${path}`, `names a policy that does not exist: ${name}`);
      // Nobody here sees the end of a request, so nobody would give its slot back.
      if (policy.rule.kind === 'c') throw new ConfigError(`route ${path}`, `cannot have a concurrency policy: ${name}`);
    }
  }

  const notifyUnknown = () => kv.notify({ type: 'client-unknown', at: kv.clock.now() });

  const accountOf = (address: string | undefined): string => {
    if (address) return address;
    notifyUnknown();
    return UNKNOWN_CLIENT;
  };

  /** Tells telemetry of each limit, and of whose it is: by key where the route does not say by address. */
  const measured = (
    counted: LimitResult | undefined,
    limits: Limits,
    address: string | undefined,
    key: string | undefined,
  ): void => {
    if (!counted) return;
    const client = accountLabel(address ?? UNKNOWN_CLIENT);
    for (const one of counted.policies) {
      const isOfClient = limits.some(([name, by]) => by === 'ip' && name === one.policy);
      kv.measure.limit(one, counted.basis, isOfClient ? client : key);
    }
  };

  /** Subjects by address, with the key's account left open. */
  const chargesOf = async (
    limits: Limits,
    address: string | undefined,
    account: string,
  ): Promise<readonly DoorCharge[]> => {
    const charges: DoorCharge[] = [];
    for (const [name, by] of limits) {
      const charge = limiter.chargeOf(name, by === 'key' ? account : accountOf(address));
      const { rule, subject } = charge instanceof Promise ? await charge : charge;
      charges.push({ rule, subject, byKey: by === 'key' });
    }
    return charges;
  };

  const withoutKey = async (limits: Limits, request: Request): Promise<Decision> => {
    if (limits.length === 0) return allow();
    const address = accountOf(clientIp(request.headers));
    const subjects = Object.fromEntries(limits.map(([name]) => [name, address]));
    const counted = await limiter.check(subjects, { timeoutMs: budgetMs });
    measured(counted, limits, address, undefined);
    return refusalBy(counted) ?? allow(undefined, counted);
  };

  const withKey = async (limits: Limits, { request, route, onBackground }: Visit): Promise<Decision> => {
    const credential = readCredential(request.headers);
    if (credential === undefined || credential === '') return deny(401, 'api-key-missing');
    if (!format.accepts(credential)) return deny(401, 'api-key-malformed');
    const digests = await toDigest.all(credential);
    const client = clientIp(request.headers);
    const question = await questionOf(digests, client, onBackground);
    const known = access.hasKeys ? verifier.idOf(question) : undefined;
    const early = known === undefined ? undefined : access.ofKey(known);
    if (early === 'deny') return deny(403, 'key-denied');
    const charges = await chargesOf(early === 'allow' ? limits.filter(isByAddress) : limits, client, digests[0].digest);
    const { validation, limits: all } = await door.ask(question, charges, early === 'allow');
    const identity = identityBy(validation);
    const found = identity && access.ofKey(identity.id);
    if (found === 'deny') return deny(403, 'key-denied', { identity });
    const counted = found === 'allow' ? only(limits.filter(isByAddress), all, kv.clock.now()) : all;
    measured(counted, limits, client, validation.status === 'VALID' ? validation.key.id : verifier.idOf(question));
    const degraded: readonly Degradation[] = validation.status === 'VALID' && validation.degraded ? ['keys'] : [];
    return (counted && refusalBy(counted, degraded, identity)) ?? conclude(validation, route.scopes, counted, degraded);
  };

  const decide = async (pathname: string, visit: Visit): Promise<Decision> => {
    const { request, route } = visit;
    if (!isDecodable(pathname)) return deny(400, 'path-malformed');
    const said = access.ofClient(request.headers, clientIp);
    if (said === 'deny') return deny(403, 'address-denied');
    if (said === 'unknown') notifyUnknown();
    if (isPreflight(request)) return allow();
    const limits = said === 'allow' ? route.limits.filter((one) => !isByAddress(one)) : route.limits;
    return route.auth === 'none' ? withoutKey(limits, request) : withKey(limits, visit);
  };

  return {
    async check(request, pathname = new URL(request.url).pathname) {
      const route = match(request.method, pathname);
      if (!route) return allow();
      const startedAt = kv.clock.monotonic();
      const works: Promise<unknown>[] = [];
      const endsAt = startedAt + budgetMs;
      const visit: Visit = { request, route, endsAt, onBackground: (work) => works.push(work) };
      const decided = await decide(pathname, visit);
      const decision = route.mode === 'report' ? await report(decided, visit) : decided;
      // A route that asks for nothing decides nothing, unless it refuses.
      const asks = route.auth !== 'none' || route.limits.length > 0;
      if (asks || decision.outcome === 'deny') kv.measure.decision(decision, kv.clock.monotonic() - startedAt);
      return withPending(decision, works);
    },
  };
}

function isByAddress([, by]: Limits[number]): boolean {
  return by === 'ip';
}

/** What was counted of `limits` alone; an allowed key that this process did not know was charged for its others too. */
function only(limits: Limits, counted: LimitResult | undefined, now: number): LimitResult | undefined {
  const policies = counted?.policies.filter(({ policy }) => limits.some(([name]) => name === policy)) ?? [];
  if (!counted || policies.length === 0) return undefined;
  const left = summarise(policies, counted.basis, now);
  return counted.pending ? { ...left, pending: counted.pending } : left;
}

/** Only a key that is known to be valid is ever told what it lacks. */
function conclude(
  validation: Validation,
  wanted: readonly string[],
  limits: LimitResult | undefined,
  degraded: readonly Degradation[],
): Decision {
  if (validation.status === 'INVALID')
    return deny(401, 'api-key-invalid', { limits, degraded: withLimits(degraded, limits) });
  if (validation.status === 'UNAVAILABLE') {
    const { retryAfterMs, reason } = validation;
    if (reason === 'locked') return deny(429, 'too-many-unknown-keys', { retryAfterMs, limits });
    return deny(503, 'key-store-unavailable', { retryAfterMs, limits, degraded: withLimits(['keys'], limits) });
  }
  const identity = identityBy(validation);
  if (!coversScopes(validation.key.scopes, wanted)) {
    return deny(403, 'scope-missing', { scopes: wanted, identity, limits, degraded: withLimits(degraded, limits) });
  }
  return allow(identity, limits, degraded);
}

/** A CORS preflight carries no credentials by specification, and does no work. */
function isPreflight(request: Request): boolean {
  const { method, headers } = request;
  return method === 'OPTIONS' && headers.has('origin') && headers.has('access-control-request-method');
}
