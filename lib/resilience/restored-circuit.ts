import { type Clock, instant } from '../clock.ts';
import type { CircuitMode, FailureKind } from '../events.ts';
import type { ResolvedBreaker } from './breaker-options.ts';
import type { LastFailure } from './circuit.ts';
import { type Closed, later, type State } from './circuit-state.ts';
import { longestOpenMs } from './open-time.ts';

const MODES: ReadonlySet<unknown> = new Set<CircuitMode>(['AUTO', 'FORCED_OPEN', 'DISABLED', 'METRICS_ONLY']);
const KINDS: ReadonlySet<unknown> = new Set<FailureKind>([
  'network',
  'deadline',
  'http',
  'protocol',
  'quota',
  'unavailable',
  'probe-lost',
  'slow',
]);

interface RestoreOptions {
  readonly clock: Clock;
  readonly settings: ResolvedBreaker;
  readonly closed: (epoch: number, mode: Closed['mode']) => Closed;
}

export interface Restored {
  readonly state: State;
  readonly lastFailure: LastFailure | undefined;
}

/** What a value is that claims to be a mode; `undefined` when it is none. */
export function asCircuitMode(mode: unknown): CircuitMode | undefined {
  return MODES.has(mode) ? (mode as CircuitMode) : undefined;
}

/**
 * The state that a snapshot of another process means here, or `undefined` when it is no snapshot. It came from outside,
 * over another machine's clock, so it can shorten an outage at most to nothing and never prolong one: the circuit is
 * open for the time that was left of it, and no longer than this one itself could open for.
 */
export function restoredCircuit(
  given: unknown,
  epoch: number,
  { clock, settings, closed }: RestoreOptions,
): Restored | undefined {
  const snapshot = partsOf(given);
  const mode = asCircuitMode(snapshot.mode ?? 'AUTO');
  if (mode === undefined) return undefined;
  const lastFailure = restoredFailure(snapshot.lastFailure, clock.now());
  const reopenCount = count(snapshot.reopenCount, 1_000);
  if (mode === 'FORCED_OPEN') {
    const openForMs = Number.POSITIVE_INFINITY;
    return { state: { name: 'OPEN', mode, epoch, openedAt: instant(clock), openForMs, reopenCount: 0 }, lastFailure };
  }
  switch (snapshot.state) {
    case 'CLOSED': {
      const state = closed(epoch, mode);
      // A circuit is not opened by hearsay: the failure that opens it is one of its own.
      state.consecutiveFailures = count(snapshot.consecutiveFailures, settings.failureThreshold - 1);
      return { state, lastFailure };
    }
    case 'OPEN': {
      const [openedAt, asked] = [numberOf(snapshot.openedAt), numberOf(snapshot.openForMs)];
      if (!Number.isFinite(openedAt) || !(asked >= 0)) return undefined;
      const openForMs = Math.min(asked, Math.max(longestOpenMs(settings.openBackoff), settings.maxOpenMs));
      const elapsedMs = Math.min(Math.max(clock.now() - openedAt, 0), openForMs);
      const since = later(instant(clock), -elapsedMs);
      return { state: { name: 'OPEN', mode: 'AUTO', epoch, openedAt: since, openForMs, reopenCount }, lastFailure };
    }
    case 'HALF_OPEN': {
      // Its probes are out in the other process, and report there.
      const successes = count(snapshot.probeSuccesses, settings.successThreshold - 1);
      const state: State = { name: 'HALF_OPEN', mode: 'AUTO', epoch, reopenCount, probes: new Set(), successes };
      return { state, lastFailure };
    }
    default:
      return undefined;
  }
}

function restoredFailure(given: unknown, now: number): LastFailure | undefined {
  const { kind, at } = partsOf(given);
  const time = numberOf(at);
  if (!KINDS.has(kind) || !Number.isFinite(time)) return undefined;
  return { kind: kind as FailureKind, at: Math.min(time, now) };
}

/** What is no object has no parts. */
function partsOf(given: unknown): Readonly<Record<string, unknown>> {
  return Object(given);
}

function count(value: unknown, most: number): number {
  const whole = numberOf(value);
  return Number.isSafeInteger(whole) ? Math.min(Math.max(whole, 0), most) : 0;
}

/** NaN for what is no number. */
function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : Number.NaN;
}
