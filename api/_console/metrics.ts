import { isObject, readJson } from '../../lib/client/json.ts';
import { steadyNow } from '../../lib/clock.ts';
import { getDefaults } from '../../lib/default-client.ts';
import type { MetricsSnapshot } from '../../lib/guard/metrics/snapshot.ts';

const startedAt = Math.round(steadyNow());
const NOTHING = { boundsMs: [], counts: [0], sumMs: 0 };

/** What the handlers of this process have counted. */
export function handlerMetrics(): MetricsSnapshot {
  const { kv } = getDefaults();
  const circuit = kv.circuit.state();
  const { successes, failures, neutral, refused } = circuit.totals;
  return {
    startedAt,
    at: kv.clock.now(),
    circuit,
    openMs: 0,
    transitions: [],
    decisions: { allowed: 0, limited: 0, refused: 0, degraded: 0, degradedKeys: 0, reported: 0, byCode: {} },
    decisionDuration: NOTHING,
    requests: { success: successes, failure: failures, neutral, refused, commands: 0, coalesced: 0, failures: {} },
    operationDuration: NOTHING,
    policies: {},
    busiest: [],
    caches: { hits: 0, misses: 0 },
    locks: { acquired: 0, timeouts: 0, unavailable: 0 },
  };
}

/** What the middleware has counted, as it stands in its header; `null` for what is nothing of the kind. */
export function readMetrics(header: string | null): MetricsSnapshot | null {
  const value = readJson(header ?? undefined);
  const isMetrics = isObject(value) && typeof value.startedAt === 'number' && isObject(value.circuit);
  return isMetrics ? (value as unknown as MetricsSnapshot) : null;
}
