import * as track from '../../../api/analytics/track.ts';
import * as syncUsage from '../../../api/cron/sync-usage.ts';
import * as echo from '../../../api/echo.ts';
import * as redis from '../../../api/health/redis.ts';
import * as health from '../../../api/health.ts';
import * as key from '../../../api/keys/[id]/index.ts';
import * as rotate from '../../../api/keys/[id]/rotate.ts';
import * as usage from '../../../api/keys/[id]/usage.ts';
import * as keys from '../../../api/keys/index.ts';
import * as whoami from '../../../api/whoami.ts';
import { ConfigError } from '../../../lib/errors.ts';
import { problem } from '../../../lib/guard/problem.ts';
import { logDefect, logMisconfiguration } from '../../../lib/log.ts';

type Handler = (request: Request) => Response | Promise<Response>;
type Methods = Partial<Record<string, Handler>>;

/**
 * Next's door to `api/*`. One catch-all, and never a second route with the path of an `api/` file: on Vercel those are
 * functions of their own, and two of one name overwrite each other without an error. `:` is a free second segment.
 */
const routes = new Map<string, Methods>([
  ['analytics/track', { POST: track.POST }],
  ['cron/sync-usage', { GET: syncUsage.GET }],
  ['echo', { POST: echo.POST }],
  ['health', { GET: health.GET }],
  ['health/redis', { GET: redis.GET }],
  ['keys', { GET: keys.GET, POST: keys.POST }],
  ['keys/:', { DELETE: key.DELETE, GET: key.GET }],
  ['keys/:/rotate', { POST: rotate.POST }],
  ['keys/:/usage', { GET: usage.GET }],
  ['whoami', { GET: whoami.GET }],
]);

async function dispatch(request: Request, context: { params: Promise<{ path: string[] }> }): Promise<Response> {
  const methods = methodsAt((await context.params).path);
  if (!methods) return problem(404, 'not-found', 'There is nothing here.');
  const handler = methods[request.method === 'HEAD' ? 'GET' : request.method];
  if (!handler) {
    const response = problem(405, 'method-not-allowed', 'This method is not served here.');
    response.headers.set('allow', Object.keys(methods).join(', '));
    return response;
  }
  try {
    return await handler(request);
  } catch (error) {
    if (error instanceof ConfigError) {
      logMisconfiguration(error);
      return problem(503, 'misconfigured', 'This deployment is not configured correctly.');
    }
    logDefect(error);
    return problem(500, 'internal', 'Something went wrong.');
  }
}

/** A slash inside a segment is none between two, so nobody writes himself another path than the guard has seen. */
function methodsAt(path: readonly string[]): Methods | undefined {
  const segments = path.map(encodeURIComponent);
  const free = segments.map((segment, index) => (index === 1 ? ':' : segment));
  return routes.get(segments.join('/')) ?? routes.get(free.join('/'));
}

export { dispatch as DELETE, dispatch as GET, dispatch as HEAD, dispatch as PATCH, dispatch as POST, dispatch as PUT };
