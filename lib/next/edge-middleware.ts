import { getDefaults } from '../default-client.ts';
import { createEntrance, type EntranceOptions } from '../guard/entrance.ts';
import { basePathOf, pathWithin } from './base-path.ts';
import { CIRCUIT_HEADER, forward } from './forward.ts';

/** Settings of a middleware. Wrong ones are a 503 for every request, and a line in the log. */
export interface EdgeMiddlewareOptions extends EntranceOptions {
  /** Paths to whose handlers the state of this runtime's circuit breaker is passed on. @default ['/api/health'] */
  readonly statusPaths?: readonly string[] | undefined;
}

/** A function for `middleware.ts` (Edge) and for `proxy.ts` (Node) alike. */
export type EdgeMiddleware = (request: Request, event?: EdgeEvent) => Promise<Response>;

/** What Next hands over beside the request. */
export interface EdgeEvent {
  waitUntil(work: Promise<unknown>): void;
}

/**
 * Authenticates and limits every request before its handler runs, with one request to Redis. Paths stand without Next's
 * `basePath`. Reads the environment at the first request. Never throws: a deployment that is not configured answers 503, and
 * its log says what to set.
 *
 * @example
 * export const middleware = createEdgeMiddleware({
 *   policies: [{ name: 'ip', limit: 100, windowMs: 60_000 }],
 *   protect: [{ path: '/api/*', limits: { ip: 'ip' } }],
 * });
 */
export function createEdgeMiddleware(options: EdgeMiddlewareOptions): EdgeMiddleware {
  const { statusPaths = ['/api/health'] } = options;
  // On the client of this process, which the handlers share where they run in the same one.
  const enter = createEntrance(options, getDefaults);

  return async function edgeMiddleware(request, event) {
    const pathname = pathWithin(request);
    const visit = await enter(request, {
      pathname,
      basePath: basePathOf(request),
      waitUntil: (work) => event?.waitUntil(work),
      handOn: ({ kv }) =>
        statusPaths.includes(pathname) ? [[CIRCUIT_HEADER, JSON.stringify(kv.circuit.state())]] : [],
    });
    return visit.response ?? forward(request, new Map(visit.handedOn), visit.headers);
  };
}
