import { getDefaults } from './default-client.ts';
import type { MetricsSnapshot } from './guard/metrics/snapshot.ts';

export { createMeter, type Meter, type MeterOptions } from './guard/metrics/meter.ts';
export type * from './guard/metrics/snapshot.ts';

/**
 * What this runtime has counted since it began, of the default client and all that works on it. The middleware has a memory
 * of its own, and so has each process. No I/O.
 *
 * @throws ConfigError
 */
export function getMetrics(): MetricsSnapshot {
  return getDefaults().metrics();
}
