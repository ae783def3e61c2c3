import { isObject, readJson } from '../../lib/client/json.ts';
import { getDefaults } from '../../lib/default-client.ts';
import type { MetricsSnapshot } from '../../lib/guard/metrics/snapshot.ts';

/** What the handlers of this process have counted. */
export function handlerMetrics(): MetricsSnapshot {
  return getDefaults().metrics();
}

/** What the middleware has counted, as it stands in its header; `null` for what is nothing of the kind. */
export function readMetrics(header: string | null): MetricsSnapshot | null {
  const value = readJson(header ?? undefined);
  const isMetrics = isObject(value) && typeof value.startedAt === 'number' && isObject(value.circuit);
  return isMetrics ? (value as unknown as MetricsSnapshot) : null;
}
