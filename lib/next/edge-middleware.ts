import { getDefaults } from '../default-client.ts';
import { createEntrance, type EntranceOptions } from '../guard/entrance.ts';
import { METRICS_HEADER, sealedSnapshot } from '../guard/metrics/sealed-snapshot.ts';
import type { Field } from '../guard/rate-headers.ts';
import { basePathOf, pathWithin } from './base-path.ts';
import { CIRCUIT_HEADER, forward } from './forward.ts';

/** Settings of a middleware. Wrong ones are a 503 for every request, and a line in the log. */
export interface EdgeMiddlewareOptions extends EntranceOptions {
  /** Paths to whose handlers the state of this runtime's circuit breaker is passed on. @default ['/api/health'] */
  readonly statusPaths?: readonly string[] | undefined;
  /**
   * Paths to whose handlers what this runtime has counted is passed on, signed with BREAKWATER_IDENTITY_SECRET: without that
   * it is not. @default ['/api/metrics', '/api/console/snapshot', '/api/console/stream']
   */
  readonly metricsPaths?: readonly string[] | undefined;
}

const METRICS_PATHS: readonly string[] = ['/api/metrics', '/api/console/snapshot', '/api/console/stream'];

/** A function for `middleware.ts` (Edge) and for `proxy.ts` (Node) alike. */
export type EdgeMiddleware = (request: Request, event?: EdgeEvent) => Promise<Response>;

/** What Next hands over beside the request. */
export interface EdgeEvent {
  waitUntil(work: Promise<unknown>): void;
}

/**
 * Authenticates and limits every request before its handler runs, with one request to Redis. Paths stand without Next's
 * `basePath` and locales. Reads the environment at the first request. Never throws: a deployment that is not configured answers 503, and
 * its log says what to set.
 *
 * @example
 * ```ts
 * export const middleware = createEdgeMiddleware({
 *   policies: [{ name: 'ip', limit: 100, windowMs: 60_000 }],
 *   protect: [{ path: '/api/*', limits: { ip: 'ip' } }],
 * });
 * ```
 */
export function createEdgeMiddleware(options: EdgeMiddlewareOptions): EdgeMiddleware {
  const { statusPaths = ['/api/health'], metricsPaths = METRICS_PATHS } = options;
  // On the client of this process, which the handlers share where they run in the same one.
  const enter = createEntrance(options, getDefaults);

  return async function edgeMiddleware(request, event) {
    const pathname = pathWithin(request);
    const visit = await enter(request, {
      pathname,
      basePath: basePathOf(request),
      waitUntil: (work) => event?.waitUntil(work),
      handOn: async ({ kv }) => {
        const fields: Field[] = [];
        if (statusPaths.includes(pathname)) fields.push([CIRCUIT_HEADER, JSON.stringify(kv.circuit.state())]);
        if (metricsPaths.includes(pathname)) fields.push(...(await countedHere()));
        return fields;
      },
    });
    return visit.response ?? forward(request, new Map(visit.handedOn), visit.headers);
  };
}

async function countedHere(): Promise<readonly Field[]> {
  const { metrics, metricsMac } = getDefaults();
  return metricsMac ? [[METRICS_HEADER, await sealedSnapshot(metricsMac, metrics())]] : [];
}
