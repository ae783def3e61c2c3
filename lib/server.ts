import { getDefaults } from './default-client.ts';
import { tellConnectionAddress } from './guard/connection-address.ts';
import type { Allowance } from './guard/decision.ts';
import { createEntrance, type EntranceOptions, type TurnedAway } from './guard/entrance.ts';
import { type Handler, withFields } from './guard/handler-limit.ts';
import {
  addFields,
  changeIncoming,
  isReset,
  type NodeRequest,
  type NodeResponse,
  requestOf,
  sendTo,
} from './guard/node-request.ts';
import { passedOn } from './guard/passed-on.ts';
import { problem } from './guard/problem.ts';
import type { Field } from './guard/rate-headers.ts';

export type { EntranceOptions as ServerGuardOptions, TurnedAway };

/** What a server knows of a request that does not stand in it. */
export interface RequestContext {
  /**
   * From where the connection came: `socket.remoteAddress`, `server.requestIP(request)`, `info.remoteAddr.hostname`. Taken for
   * the client's where the environment names nobody who knows better, and for the nearest proxy's with TRUSTED_PROXIES.
   *
   * @default not known
   */
  readonly address?: string | undefined;
  /** Keeps the platform awake for what goes on behind the answer. @default nobody does */
  readonly waitUntil?: ((work: Promise<unknown>) => void) | undefined;
}

/** A request that may pass. */
export interface Passage {
  readonly decision: Allowance;
  readonly response?: undefined;
  /**
   * For the handler: `verifyIdentity` takes it. The same one, or a copy with its body. What the client has sent as an identity
   * is not in it.
   */
  readonly request: Request;
  /** What the answer to the client is to say of limits. */
  readonly headers: readonly Field[];
  /** `response`, saying that too: a copy. */
  finish(response: Response): Response;
}

/** Whether a request may pass. Never rejects. */
export type RequestGuard = (request: Request, context?: RequestContext) => Promise<Passage | TurnedAway>;

/**
 * The guard for any fetch-style server: it authenticates and limits a request before its handler runs, with one request to
 * Redis, and says what to answer or what to hand on. With Redis away known keys pass, unknown ones are a 503, and limits are
 * counted in this process. Reads the environment at the first request; a deployment that is not configured answers 503, and
 * its log says what to set.
 *
 * @example
 * ```ts
 * const guardRequest = createRequestGuard({
 *   policies: [{ name: 'key', limit: 100, windowMs: 60_000 }],
 *   protect: [{ path: '/api/*', limits: { key: 'key' } }],
 * });
 *
 * const passage = await guardRequest(request);
 * if (passage.response) return passage.response;
 * return passage.finish(await handle(passage.request));
 * ```
 */
export function createRequestGuard(options: EntranceOptions): RequestGuard {
  const enter = createEntrance(options, getDefaults);
  return async (request, { address, waitUntil } = {}) => {
    if (address !== undefined) tellConnectionAddress(request.headers, address);
    const visit = await enter(request, { waitUntil });
    if (visit.response) return visit;
    const { decision, headers } = visit;
    return {
      decision,
      request: passedOn(request, visit.handedOn),
      headers,
      finish: (response) => (headers.length > 0 ? withFields(response, headers) : response),
    };
  };
}

/** Settings of the guard of a handler. Wrong ones are a 503 for every request, and a line in the log. */
export interface WithGuardOptions<Rest extends readonly unknown[]> extends EntranceOptions {
  /**
   * From where a connection came, of what the server calls the handler with. See `RequestContext.address`. Where it answers
   * `undefined`, which is what most servers know of a connection that is gone, it is nobody's. Behind a proxy that connects by
   * a Unix socket leave it out.
   *
   * @default not known
   */
  readonly address?: ((request: Request, ...rest: Rest) => string | undefined) | undefined;
}

/**
 * A handler behind the guard of {@link createRequestGuard}: what Hono, Bun, Deno and Workers call with a request and
 * something of their own, which is passed through. If that has a `waitUntil`, as in Workers, it is used.
 *
 * @example
 * ```ts
 * export default { fetch: withGuard(app.fetch, { policies, protect: [{ path: '/api/*', limits: { key: 'key' } }] }) };
 * ```
 */
export function withGuard<Rest extends readonly unknown[] = []>(
  handler: Handler<Request, Rest>,
  options: WithGuardOptions<Rest>,
): (request: Request, ...rest: Rest) => Promise<Response> {
  const guardRequest = createRequestGuard(options);
  return async (request, ...rest) => {
    const awake = rest.find(keepsAwake);
    const passage = await guardRequest(request, {
      address: options.address && (options.address(request, ...rest) ?? ''),
      waitUntil: awake && ((work) => awake.waitUntil(work)),
    });
    return passage.response ?? passage.finish(await handler(passage.request, ...rest));
  };
}

/** Settings of the guard of a server in Node. Wrong ones are a 503 for every request, and a line in the log. */
export interface NodeGuardOptions extends EntranceOptions {
  /**
   * Whether `/API` is another path than `/api`. To Express and Connect it is not, unless they are told so, each router by
   * itself.
   *
   * @default false
   */
  readonly caseSensitive?: boolean | undefined;
}

/** Whether a request in Node may pass; `undefined` where not, and it has been answered. Never rejects. */
export type NodeGuard = (incoming: NodeRequest, outgoing: NodeResponse) => Promise<Passage | undefined>;

/**
 * The guard of {@link createRequestGuard} for what `node:http` and frameworks like Express call a request. What passes finds
 * in `incoming` the path that was looked at, and no identity of the client's own; the rate headers are set already. The body
 * is not touched, and not in `passage.request`. The client's address is that of the socket unless the environment names
 * somebody who knows better.
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http';
 *
 * const guard = createNodeGuard({ policies, protect: [{ path: '/api/*', limits: { key: 'key' } }] });
 * createServer(async (incoming, outgoing) => {
 *   const passage = await guard(incoming, outgoing);
 *   if (passage) outgoing.end(`Hello ${passage.decision.identity?.owner}`);
 * });
 * ```
 */
export function createNodeGuard(options: NodeGuardOptions): NodeGuard {
  const guardRequest = createRequestGuard({ ...options, caseSensitive: options.caseSensitive ?? false });
  return async (incoming, outgoing) => {
    const request = requestOf(incoming);
    if (!request) {
      await sendTo(outgoing, problem(501, 'method-not-implemented', 'This method is not implemented.'));
      return undefined;
    }
    // Else who resets each connection would be nobody, and on no list, or whoever a header names.
    if (isReset(incoming)) {
      await sendTo(outgoing, problem(400, 'connection-reset', 'The connection was reset.'));
      return undefined;
    }
    const passage = await guardRequest(request, { address: incoming.socket.remoteAddress });
    if (passage.response) {
      await sendTo(outgoing, passage.response);
      return undefined;
    }
    // Somebody who did not wait has answered: a timeout, say.
    if (outgoing.headersSent) return undefined;
    changeIncoming(incoming, passage.request);
    addFields(outgoing, passage.headers);
    return passage;
  };
}

interface Awake {
  waitUntil(work: Promise<unknown>): void;
}

function keepsAwake(context: unknown): context is Awake {
  return typeof (context as Partial<Awake> | null | undefined)?.waitUntil === 'function';
}
