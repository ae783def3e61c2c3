import type { ConsoleSnapshot, DemoState } from '../../api/_console/snapshot.ts';
import type { BusyAccount, CircuitChange, MetricsSnapshot } from '../../lib/guard/metrics/snapshot.ts';
import type { CircuitSnapshot } from '../../lib/resilience/circuit.ts';

export const BOUNDS_MS: readonly number[] = [0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500];
export const STARTED_AT = 1_800_000_000_000;

export const CLOSED: CircuitSnapshot = {
  state: 'CLOSED',
  mode: 'AUTO',
  epoch: 1,
  consecutiveFailures: 0,
  probeSuccesses: 0,
  openedAt: undefined,
  openForMs: undefined,
  reopenCount: 0,
  retryAfterMs: undefined,
  recent: undefined,
  lastFailure: undefined,
  totals: { successes: 0, failures: 0, neutral: 0, ignored: 0, refused: 0, opened: 0 },
};

export function openedAt(at: number, openForMs = 10_000): CircuitSnapshot {
  return { ...CLOSED, state: 'OPEN', epoch: 2, openedAt: at, openForMs, retryAfterMs: openForMs };
}

export const OPENED: Omit<CircuitChange, 'at'> = {
  from: 'CLOSED',
  to: 'OPEN',
  mode: 'AUTO',
  reason: 'deadline',
  openForMs: 10_000,
};
export const PROBED: Omit<CircuitChange, 'at'> = {
  from: 'OPEN',
  to: 'HALF_OPEN',
  mode: 'AUTO',
  reason: null,
  openForMs: null,
};
export const HEALED: Omit<CircuitChange, 'at'> = {
  from: 'HALF_OPEN',
  to: 'CLOSED',
  mode: 'AUTO',
  reason: null,
  openForMs: null,
};

type MetricsParts = Partial<Omit<MetricsSnapshot, 'decisions' | 'requests' | 'caches'>> & {
  readonly decisions?: Partial<MetricsSnapshot['decisions']>;
  readonly requests?: Partial<MetricsSnapshot['requests']>;
  readonly caches?: Partial<MetricsSnapshot['caches']>;
};

/** What a runtime has counted that has done nothing but `parts`. */
export function metrics({ decisions, requests, caches, ...parts }: MetricsParts = {}): MetricsSnapshot {
  const durations = { boundsMs: BOUNDS_MS, counts: [...BOUNDS_MS, 0].map(() => 0), sumMs: 0 };
  return {
    id: 'runtime',
    startedAt: STARTED_AT,
    at: STARTED_AT,
    circuit: CLOSED,
    openMs: 0,
    transitions: [],
    decisions: {
      allowed: 0,
      limited: 0,
      refused: 0,
      degraded: 0,
      degradedKeys: 0,
      reported: 0,
      byCode: {},
      ...decisions,
    },
    decisionDuration: durations,
    requests: { success: 0, failure: 0, neutral: 0, refused: 0, commands: 0, coalesced: 0, failures: {}, ...requests },
    operationDuration: durations,
    policies: {},
    busiest: [],
    caches: { hits: 0, misses: 0, unavailable: 0, ...caches },
    plan: null,
    locks: { acquired: 0, timeouts: 0, unavailable: 0 },
    ...parts,
  };
}

/** A look at an application without middleware, of which `handler` is all. */
export function look(at: number, handler: MetricsParts = {}, demo: DemoState | null = null): ConsoleSnapshot {
  const store = { kind: 'upstash', namespace: null, host: 'eu1.upstash.io' } as const;
  return { at, store, middleware: null, handler: metrics({ at, ...handler }), demo };
}

export function account(label: string, parts: Partial<BusyAccount> = {}): BusyAccount {
  return {
    label,
    policy: 'key',
    limit: 60,
    used: 12,
    basis: 'store',
    retryAfterMs: null,
    at: STARTED_AT,
    checks: 12,
    ...parts,
  };
}
