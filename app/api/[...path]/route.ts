import { isAbsent } from '../../../api/_console/access.ts';
import { ConfigError } from '../../../lib/errors.ts';
import { problem } from '../../../lib/guard/problem.ts';
import { logDefect, logMisconfiguration } from '../../../lib/log.ts';
import { type Methods, routes } from './routes.ts';

async function dispatch(request: Request, context: { params: Promise<{ path: string[] }> }): Promise<Response> {
  const { path } = await context.params;
  const methods = methodsAt(path);
  if (!methods || isAbsent(path[0])) return problem(404, 'not-found', 'There is nothing here.');
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
