import type { CacheFetch, CacheRead } from '../cache-options.ts';
import { readLoaded } from '../loaded.ts';
import { type CacheStatus, withCacheStatus } from './cache-status.ts';
import { conditional, withoutConditions } from './conditional.ts';
import { type Answer, createOriginCall, discard, isFailure, type OriginCall } from './origin-call.ts';
import { requestKey } from './request-key.ts';
import { treatmentOf } from './request-rules.ts';
import {
  type CompiledOptions,
  compileResponseCacheOptions,
  type ResponseCacheOptions,
} from './response-cache-options.ts';
import { isStoredResponse, restoreResponse, type StoredResponse } from './stored-response.ts';

/** A web-standard handler: Next's route handlers are some. */
export type CachedHandler<Req extends Request, Rest extends readonly unknown[]> = (
  request: Req,
  ...rest: Rest
) => Promise<Response>;

/**
 * Puts a shared HTTP cache (RFC 9111) in front of `handler`. What may be given to others is, as long as it says; requests
 * that carry credentials, ask for a part, or are neither GET nor HEAD go to the handler, and so do all that came together
 * for a response that turns out not to be storable, or fails. A response to store is handed out while it arrives.
 *
 * A response must depend on nothing but the URL and the headers that `varyOn` names: whatever else the handler reads of a
 * request, somebody can have stored for everybody.
 *
 * One request to Redis for what is not in this process, two where its tags are not known here, and one in the background
 * to store. Redis away: what is in this process, else the handler; the cache refuses nothing. Conditional requests are answered with 304; the handler sees them
 * without their conditions. Not used: `min-fresh` and `max-stale` of requests.
 *
 * @throws ConfigError naming the option; the function it makes throws what the handler throws, where nothing stale may be
 *   served instead.
 */
export function cacheResponse<Req extends Request, Rest extends readonly unknown[]>(
  handler: (request: Req, ...rest: Rest) => Response | Promise<Response>,
  options: ResponseCacheOptions<Req>,
): CachedHandler<Req, Rest> {
  const compiled = compileResponseCacheOptions(options);
  return async (request, ...rest) => {
    const treatment = treatmentOf(request, compiled);
    if (treatment === 'pass') return handler(request, ...rest);
    if (treatment === 'bypass') {
      return withCacheStatus(await handler(request, ...rest), { hit: false, forward: 'bypass' }, compiled);
    }
    const ask = async () => handler(withoutConditions(request), ...rest);
    const visit: Visit<Req> = { request, ask, options: compiled };
    const key = await requestKey(request, compiled);
    if (treatment === 'load') return load(visit, key);
    if (treatment === 'reload') return reload(visit, key);
    return read(visit, key, treatment === 'only-if-cached');
  };
}

/** One request that the cache may answer. */
interface Visit<Req extends Request> {
  readonly request: Req;
  readonly ask: () => Promise<Response>;
  readonly options: CompiledOptions<Req>;
}

/** From the cache, or by one call of the handler for all who ask now. */
async function load<Req extends Request>(visit: Visit<Req>, key: string): Promise<Response> {
  const { request, ask, options } = visit;
  const call = createOriginCall(request, ask, options);
  let forward: Finding['forward'] = 'miss';
  const mayServeStale = (value: StoredResponse, ageMs: number): boolean => {
    const { usable } = findingOf({ status: 'stale', value, tier: 'store', ageMs });
    if (!usable) forward = 'stale';
    return usable !== undefined;
  };
  // What fails here the handler is asked about: a load of somebody else, or one that took too long.
  const shared = options.cache.getOrFetch(key, call.load, { mayServeStale }).then(findingOf, () => NOTHING);
  const begun = call.answer.then((answer) =>
    'response' in answer && !isFailure(answer.response) ? undefined : shared,
  );
  const finding = await Promise.race([begun, shared]);
  if (finding?.usable) {
    call.leave();
    return serve(visit, finding.usable);
  }
  if (!finding) options.waitUntil(shared);
  const rest = finding ?? { forward };
  if (call.isUnderWay()) return handOut(visit, await call.answer, rest);
  // It may be called yet, in the background.
  call.leave();
  return handOut(visit, await answerOf(ask), rest);
}

/** From the cache, or by a call of the handler for this request alone. */
async function read<Req extends Request>(visit: Visit<Req>, key: string, onlyIfCached: boolean): Promise<Response> {
  const { ask, options } = visit;
  // Whatever the cache fails with: the handler is asked, as for `load`.
  const finding = await options.cache.get(key).then(findingOf, () => NOTHING);
  if (finding.usable) return serve(visit, finding.usable);
  if (!onlyIfCached) return handOut(visit, await answerOf(ask), finding);
  return withCacheStatus(new Response(null, { status: 504 }), { hit: false, forward: undefined }, options);
}

/** By a call of the handler, and into the cache. */
async function reload<Req extends Request>(visit: Visit<Req>, key: string): Promise<Response> {
  const { request, ask, options } = visit;
  const call = createOriginCall(request, ask, options);
  options.waitUntil(store(call, key, options));
  return handOut(visit, await call.answer, { forward: 'request' });
}

async function store<Req extends Request>(
  call: OriginCall,
  key: string,
  { cache }: CompiledOptions<Req>,
): Promise<void> {
  try {
    const answer = readLoaded(await call.load());
    if (answer.kind === 'value') await cache.set(key, answer.value, { ttlMs: answer.ttlMs, tags: answer.tags });
  } catch {
    // The answer tells who asked.
  }
}

interface Served {
  readonly stored: StoredResponse;
  readonly ageMs: number;
  readonly status: CacheStatus;
}

/** What the cache has for a request. */
interface Finding {
  /** To be served as it is. */
  readonly usable?: Served;
  /** To be served if the handler fails. */
  readonly fallback?: Served;
  /** Why the handler is asked. */
  readonly forward: 'miss' | 'stale' | 'request';
}

const NOTHING: Finding = { forward: 'miss' };

function findingOf(found: CacheFetch<StoredResponse> | CacheRead<StoredResponse>): Finding {
  if (!('value' in found) || !isStoredResponse(found.value)) return NOTHING;
  const stored = found.value;
  const { life } = stored;
  if (found.status === 'miss') {
    const status = { hit: false, forward: 'miss', isCollapsed: true } as const;
    return { usable: { stored, ageMs: 0, status }, forward: 'miss' };
  }
  const leftMs = life.ttlMs - found.ageMs;
  const served: Served = {
    stored,
    ageMs: found.ageMs,
    status: { hit: true, isStale: found.status === 'stale', ttlMs: leftMs },
  };
  const isAllowed = (staleMs = Number.POSITIVE_INFINITY) => -leftMs <= staleMs;
  if (isAllowed(life.staleWhileRevalidateMs)) return { usable: served, forward: 'miss' };
  return isAllowed(life.staleIfErrorMs) ? { fallback: served, forward: 'stale' } : { forward: 'stale' };
}

function serve<Req extends Request>({ request, options }: Visit<Req>, { stored, ageMs, status }: Served): Response {
  const response = restoreResponse(stored, ageMs, { isHead: request.method === 'HEAD' });
  return withCacheStatus(conditional(request, response), status, options);
}

async function answerOf(ask: () => Promise<Response>): Promise<Answer> {
  try {
    return { response: await ask() };
  } catch (error) {
    return { error };
  }
}

/** The handler's own answer, or what is stale if it failed. */
function handOut<Req extends Request>(visit: Visit<Req>, answer: Answer, { fallback, forward }: Finding): Response {
  const isFailed = 'error' in answer || isFailure(answer.response);
  if (fallback && isFailed) {
    discard(answer);
    return serve(visit, fallback);
  }
  if ('error' in answer) throw answer.error;
  const { response, obstacle } = answer;
  return withCacheStatus(conditional(visit.request, response), { hit: false, forward, obstacle }, visit.options);
}
