import { getDefaults } from './default-client.ts';
import { openedSnapshot } from './guard/metrics/opened-snapshot.ts';
import type { MetricsSnapshot } from './guard/metrics/snapshot.ts';

export { createMeter, type Meter, type MeterOptions } from './guard/metrics/meter.ts';
export {
  PROMETHEUS_TYPES,
  type PrometheusOptions,
  prometheusText,
  type RuntimeMetrics,
} from './guard/metrics/prometheus.ts';
export type * from './guard/metrics/snapshot.ts';
export { createStoreReport, type StoreReport } from './guard/metrics/store-report.ts';

/**
 * What this runtime has counted since it began, of the default client and all that works on it. The middleware has a memory
 * of its own, and so has each process. No I/O.
 *
 * @throws ConfigError
 */
export function getMetrics(): MetricsSnapshot {
  return getDefaults().metrics();
}

/**
 * What the middleware in front of this handler has counted, as of this request; `null` where there is none, it shares its
 * memory with this handler, it does not pass this path on (`metricsPaths`), or there is no BREAKWATER_IDENTITY_SECRET to
 * believe it by. No I/O.
 *
 * @throws ConfigError
 */
export async function getMiddlewareMetrics(request: Request): Promise<MetricsSnapshot | null> {
  const { kv, metrics, metricsMac } = getDefaults();
  const middleware = metricsMac && (await openedSnapshot(metricsMac, request.headers, kv.clock));
  return middleware && middleware.id !== metrics().id ? middleware : null;
}
