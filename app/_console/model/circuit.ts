import type { CircuitMode, CircuitStateName } from '../../../lib/events.ts';
import type { CircuitSnapshot } from '../../../lib/resilience/circuit.ts';

/** A circuit as it stands at one moment. */
export interface CircuitNow {
  readonly state: CircuitStateName;
  readonly mode: CircuitMode;
  /** Milliseconds until the next request may probe; only while open and not forced. */
  readonly probeInMs: number | null;
  readonly consecutiveFailures: number;
  readonly probeSuccesses: number;
}

/**
 * What `snapshot` means at `at`, Unix milliseconds. A snapshot of the middleware is as old as the last request that went
 * through it, and an open circuit becomes half open by itself.
 */
export function circuitAt(snapshot: CircuitSnapshot, at: number): CircuitNow {
  const { state, mode, consecutiveFailures, probeSuccesses, openedAt, openForMs } = snapshot;
  const rest = { mode, consecutiveFailures, probeSuccesses };
  if (state !== 'OPEN' || openedAt === undefined || openForMs === undefined) return { state, probeInMs: null, ...rest };
  const probeInMs = openedAt + openForMs - at;
  return probeInMs > 0 ? { state, probeInMs, ...rest } : { state: 'HALF_OPEN', probeInMs: null, ...rest };
}
