import type { ConsoleSnapshot } from '../../api/_console/snapshot.ts';
import { createKv } from '../../lib/client/kv-client.ts';
import { createMeter } from '../../lib/guard/metrics/meter.ts';
import type { MetricsSnapshot } from '../../lib/guard/metrics/snapshot.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';

const meter = createMeter();
const idle = meter.snapshot(createKv({ store: memoryStore(), telemetry: meter }));

/** What a runtime that has done nothing has counted, as JSON has it. */
export function metricsAt(at: number): MetricsSnapshot {
  return JSON.parse(JSON.stringify({ ...idle, at }));
}

/** A look at an application that the demo has started. */
export function lookAt(at: number): ConsoleSnapshot {
  return {
    at,
    store: { kind: 'upstash', namespace: null, host: '127.0.0.1' },
    middleware: metricsAt(at),
    handler: metricsAt(at),
    demo: { outage: 'ok', keys: [{ label: 'roomy', key: 'bw_live_x', says: 'all' }] },
  };
}
