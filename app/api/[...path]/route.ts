import * as echo from '../../../api/echo.ts';
import * as redis from '../../../api/health/redis.ts';
import * as health from '../../../api/health.ts';
import * as whoami from '../../../api/whoami.ts';
import { ConfigError } from '../../../lib/errors.ts';
import { problem } from '../../../lib/guard/problem.ts';
import { logDefect, logMisconfiguration } from '../../../lib/log.ts';

type Handler = (request: Request) => Response | Promise<Response>;
type Methods = Partial<Record<string, Handler>>;

/**
 * Next's door to `api/*`. One catch-all, and never a second route with the path of an `api/` file: on Vercel those are
 * functions of their own, and two of one name overwrite each other without an error.
 */
const routes = new Map<string, Methods>([
  ['echo', { POST: echo.POST }],
  ['health', { GET: health.GET }],
  ['health/redis', { GET: redis.GET }],
  ['whoami', { GET: whoami.GET }],
]);

async function dispatch(request: Request, context: { params: Promise<{ path: string[] }> }): Promise<Response> {
  const methods = routes.get((await context.params).path.join('/'));
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

export { dispatch as DELETE, dispatch as GET, dispatch as HEAD, dispatch as PATCH, dispatch as POST, dispatch as PUT };
