import { getDefaults, onDefaultClient } from '../lib/default-client.ts';
import { problem } from '../lib/guard/problem.ts';
import { isSecretShown } from '../lib/guard/shown-secret.ts';
import {
  createStoreReport,
  getMetrics,
  getMiddlewareMetrics,
  PROMETHEUS_TYPES,
  prometheusText,
  type RuntimeMetrics,
} from '../lib/metrics.ts';

const askStore = onDefaultClient('store-report', ({ kv }) => createStoreReport(kv));

/**
 * What the middleware and the handlers have counted, for Prometheus. For who shows BREAKWATER_METRICS_TOKEN as a bearer
 * token; without one it is off in production, and open elsewhere. Answers while Redis is away too: an API key could not
 * be verified then.
 */
export async function GET(request: Request): Promise<Response> {
  const { metricsToken, production } = getDefaults().settings;
  if (metricsToken === undefined && production) return problem(404, 'not-found', 'There is nothing here.');
  if (metricsToken !== undefined && !(await isSecretShown(request, metricsToken))) {
    const response = problem(401, 'metrics-token-invalid', 'This is for who collects metrics.');
    response.headers.set('www-authenticate', 'Bearer realm="metrics"');
    return response;
  }
  // Before the store is asked, which would count as well.
  const [middleware, handler] = [await getMiddlewareMetrics(request), getMetrics()];
  const runtimes: RuntimeMetrics[] = [{ runtime: 'handler', snapshot: handler }];
  if (middleware) runtimes.unshift({ runtime: 'middleware', snapshot: middleware });
  const format = wantsOpenMetrics(request.headers) ? 'openmetrics' : 'text';
  const text = prometheusText(runtimes, { store: await askStore()(), format });
  const headers = { 'content-type': PROMETHEUS_TYPES[format], 'cache-control': 'no-store', vary: 'accept' };
  return new Response(text, { headers });
}

/** Prometheus prefers it wherever it asks for it at all. */
function wantsOpenMetrics(headers: Headers): boolean {
  return /(?:^|,)\s*application\/openmetrics-text\s*(?:;|,|$)/i.test(headers.get('accept') ?? '');
}
