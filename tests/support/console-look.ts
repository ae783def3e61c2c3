import type { ConsoleSnapshot } from '../../api/_console/snapshot.ts';
import type { MetricsSnapshot } from '../../lib/guard/metrics/snapshot.ts';

/** What a runtime that has done nothing has counted, but for one key that is busy and one change of the circuit. */
export function metricsAt(at: number): MetricsSnapshot {
  const durations = { boundsMs: [1], counts: [0, 0], sumMs: 0 };
  const totals = { successes: 0, failures: 0, neutral: 0, ignored: 0, refused: 0, opened: 0 };
  return {
    startedAt: 0,
    at,
    circuit: {
      state: 'CLOSED',
      mode: 'AUTO',
      epoch: 0,
      consecutiveFailures: 0,
      probeSuccesses: 0,
      reopenCount: 0,
      totals,
    },
    openMs: 0,
    transitions: [{ at: 1, from: 'CLOSED', to: 'OPEN', mode: 'AUTO', reason: null, openForMs: 10 }],
    decisions: { allowed: 0, limited: 0, refused: 0, degraded: 0, degradedKeys: 0, reported: 0, byCode: {} },
    decisionDuration: durations,
    requests: { success: 0, failure: 0, neutral: 0, refused: 0, commands: 0, coalesced: 0, failures: {} },
    operationDuration: durations,
    policies: {},
    busiest: [{ label: 'key_1', policy: 'key', limit: 1, used: 1, basis: 'store', retryAfterMs: null, at, checks: 1 }],
    caches: { hits: 0, misses: 0 },
    locks: { acquired: 0, timeouts: 0, unavailable: 0 },
  } as unknown as MetricsSnapshot;
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
