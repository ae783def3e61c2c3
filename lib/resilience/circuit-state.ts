import { type Clock, elapsedSince, type Instant } from '../clock.ts';
import type { CircuitSnapshot, Permit } from './circuit.ts';
import type { FailureWindow } from './failure-window.ts';

/** What is true in one epoch. A new epoch gets a new object. */
export type State = Closed | Open | HalfOpen;

export interface Closed {
  readonly name: 'CLOSED';
  readonly mode: 'AUTO' | 'DISABLED' | 'METRICS_ONLY';
  readonly epoch: number;
  readonly window: FailureWindow | undefined;
  consecutiveFailures: number;
  /** When the server asked us to come back, where it did. */
  retryAfter: { readonly heardAt: Instant; readonly ms: number } | undefined;
}

export interface Open {
  readonly name: 'OPEN';
  readonly mode: 'AUTO' | 'FORCED_OPEN';
  readonly epoch: number;
  readonly openedAt: Instant;
  /** Infinite while forced. */
  readonly openForMs: number;
  /** How often it has opened since it was last closed, not counting the first time. */
  readonly reopenCount: number;
}

export interface HalfOpen {
  readonly name: 'HALF_OPEN';
  readonly mode: 'AUTO';
  readonly epoch: number;
  readonly reopenCount: number;
  readonly probes: Set<Permit>;
  successes: number;
}

/** How much of what the server asked us to wait is still to come. */
export function stillToWaitMs({ retryAfter }: Closed, clock: Clock): number {
  return retryAfter ? Math.max(0, retryAfter.ms - elapsedSince(retryAfter.heardAt, clock)) : 0;
}

export function later(start: Instant, ms: number): Instant {
  return { wall: start.wall + ms, monotonic: start.monotonic + ms };
}

/** The parts of a snapshot that its state alone decides. */
export function described(state: State): Omit<CircuitSnapshot, 'retryAfterMs' | 'lastFailure' | 'totals'> {
  return {
    state: state.name,
    mode: state.mode,
    epoch: state.epoch,
    consecutiveFailures: state.name === 'CLOSED' ? state.consecutiveFailures : 0,
    probeSuccesses: state.name === 'HALF_OPEN' ? state.successes : 0,
    openedAt: state.name === 'OPEN' ? state.openedAt.wall : undefined,
    openForMs: state.name === 'OPEN' && state.mode === 'AUTO' ? state.openForMs : undefined,
    reopenCount: state.name === 'CLOSED' ? 0 : state.reopenCount,
    recent: state.name === 'CLOSED' ? state.window?.recent() : undefined,
  };
}
