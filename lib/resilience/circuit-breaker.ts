import { type Clock, elapsedSince, type Instant, instant } from '../clock.ts';
import type { CircuitStateName, FailureKind } from '../events.ts';
import { type BreakerSettings, resolveBreakerSettings } from './breaker-options.ts';

export interface CircuitBreakerOptions extends BreakerSettings {
  readonly clock: Clock;
  /** Called after each transition, with the new state in force. What it throws is dropped. */
  readonly onTransition?: ((transition: Transition) => void) | undefined;
}

export interface Transition {
  readonly from: CircuitStateName;
  readonly to: CircuitStateName;
  readonly reason: FailureKind | undefined;
  readonly openForMs: number | undefined;
}

/** Leave to send one request. Opaque; belongs to the epoch in which it was granted, and settles once. */
export interface Permit {
  readonly epoch: number;
  readonly grantedAt: Instant;
}

/** No leave. */
export interface Refusal {
  readonly refused: true;
  /** Milliseconds until asking again can succeed. */
  readonly retryAfterMs: number;
}

/** What became of one request. `neutral` says nothing about the store: the caller gave up, or a local bound was met. */
export type Outcome =
  | { readonly result: 'success' | 'neutral' }
  | { readonly result: 'failure'; readonly kind: FailureKind; readonly retryAfterMs?: number | undefined };

export interface CircuitSnapshot {
  readonly state: CircuitStateName;
  readonly epoch: number;
  readonly consecutiveFailures: number;
  readonly probeSuccesses: number;
  /** Unix milliseconds; only while open. */
  readonly openedAt: number | undefined;
  /** Milliseconds until a request can be let through; only while requests are refused. */
  readonly retryAfterMs: number | undefined;
  readonly lastFailure: { readonly kind: FailureKind; readonly at: number } | undefined;
  /** Since the process started. `ignored` counts results that came back in a later epoch than their permit's. */
  readonly totals: Readonly<Record<keyof Totals, number>>;
}

interface Totals {
  successes: number;
  failures: number;
  neutral: number;
  ignored: number;
  refused: number;
  opened: number;
}

export interface CircuitBreaker {
  /** Checks and reserves in one synchronous step. Performs the transitions that time has brought. */
  acquire(): Permit | Refusal;
  /** Reports what became of a permit. Results of an earlier epoch, and second reports, change nothing. */
  settle(permit: Permit, outcome: Outcome): void;
  /** Whether requests flow freely: no permit has to be asked for before a request is put together. */
  readonly closed: boolean;
  /** The state that `acquire` would find. Changes nothing. */
  snapshot(): CircuitSnapshot;
  /** Back to CLOSED in a new epoch. */
  reset(): void;
}

type State =
  | { readonly name: 'CLOSED'; readonly epoch: number; consecutiveFailures: number }
  | { readonly name: 'OPEN'; readonly epoch: number; readonly openedAt: Instant; readonly openForMs: number }
  | { readonly name: 'HALF_OPEN'; readonly epoch: number; readonly probes: Set<Permit>; successes: number };

/**
 * CLOSED, OPEN, HALF_OPEN, as a value and a clock: no timers, no I/O, nothing asynchronous.
 *
 * Three rules keep late, lost and frozen requests from corrupting it. Every transition starts a new epoch, and a result
 * from another epoch is ignored (as in gobreaker). A probe holds a lease, not a lock: if it never settles it counts as a
 * failure dated at the end of its lease. And a request over which the whole process stood still proves nothing.
 */
export function createCircuitBreaker(options: CircuitBreakerOptions): CircuitBreaker {
  const { clock, onTransition } = options;
  const settings = resolveBreakerSettings(options);
  const { failureThreshold, successThreshold, timeout, halfOpenMaxConcurrent, probeLeaseMs, frozenAfterMs } = settings;

  const totals: Totals = { successes: 0, failures: 0, neutral: 0, ignored: 0, refused: 0, opened: 0 };
  const settled = new WeakSet<Permit>();
  let lastFailure: CircuitSnapshot['lastFailure'];
  let state: State = { name: 'CLOSED', epoch: 0, consecutiveFailures: 0 };

  const ageOf = (permit: Permit) => elapsedSince(permit.grantedAt, clock);
  const isLive = (probe: Permit) => ageOf(probe) < probeLeaseMs;
  const isFrozen = (permit: Permit) => ageOf(permit) > frozenAfterMs;

  /** The state that time alone makes of `current`; the same object when it makes nothing of it. */
  const due = (current: State): State => {
    if (current.name === 'OPEN' && elapsedSince(current.openedAt, clock) >= current.openForMs) {
      return { name: 'HALF_OPEN', epoch: current.epoch + 1, probes: new Set(), successes: 0 };
    }
    if (current.name === 'HALF_OPEN') {
      const lost = [...current.probes].find((probe) => !isLive(probe) && !isFrozen(probe));
      if (lost) {
        const openedAt = later(lost.grantedAt, probeLeaseMs);
        return { name: 'OPEN', epoch: current.epoch + 1, openedAt, openForMs: timeout };
      }
    }
    return current;
  };

  const enter = (next: State, reason?: FailureKind) => {
    const from = state.name;
    state = next;
    if (next.name === 'OPEN') totals.opened += 1;
    try {
      onTransition?.({ from, to: next.name, reason, openForMs: next.name === 'OPEN' ? next.openForMs : undefined });
    } catch {
      // The state is in force already, and the caller's result is not the listener's business.
    }
  };

  /** Performs what is due; twice, because a lease may have run out longer ago than the circuit stays open. */
  const catchUp = () => {
    for (let next = due(state); next !== state; next = due(state)) {
      if (next.name === 'OPEN') recordFailure('probe-lost', next.openedAt.wall);
      enter(next, next.name === 'OPEN' ? 'probe-lost' : undefined);
    }
    if (state.name !== 'HALF_OPEN') return;
    for (const probe of state.probes) if (isFrozen(probe)) state.probes.delete(probe);
  };

  const recordFailure = (kind: FailureKind, at: number) => {
    totals.failures += 1;
    lastFailure = { kind, at };
  };

  const retryAfterMs = (current: State): number | undefined => {
    if (current.name === 'CLOSED') return undefined;
    if (current.name === 'OPEN') return current.openForMs - elapsedSince(current.openedAt, clock);
    const live = [...current.probes].filter(isLive);
    if (live.length < halfOpenMaxConcurrent && current.successes + live.length < successThreshold) return undefined;
    return probeLeaseMs - Math.max(...live.map(ageOf));
  };

  return {
    acquire() {
      catchUp();
      const wait = retryAfterMs(state);
      if (wait !== undefined) {
        totals.refused += 1;
        return { refused: true, retryAfterMs: wait };
      }
      const permit: Permit = { epoch: state.epoch, grantedAt: instant(clock) };
      if (state.name === 'HALF_OPEN') state.probes.add(permit);
      return permit;
    },

    settle(permit, outcome) {
      if (settled.has(permit)) return;
      settled.add(permit);
      catchUp();
      const current = state;
      if (permit.epoch !== current.epoch || current.name === 'OPEN') {
        totals.ignored += 1;
        return;
      }
      if (current.name === 'HALF_OPEN') current.probes.delete(permit);
      if (outcome.result === 'neutral' || isFrozen(permit)) {
        totals.neutral += 1;
      } else if (outcome.result === 'failure') {
        recordFailure(outcome.kind, clock.now());
        if (current.name === 'CLOSED' && ++current.consecutiveFailures < failureThreshold) return;
        // `||`: a NaN from a store would keep the circuit open for ever.
        const openForMs = Math.max(timeout, Math.min(outcome.retryAfterMs || 0, settings.maxOpenMs));
        const opened: State = { name: 'OPEN', epoch: current.epoch + 1, openedAt: instant(clock), openForMs };
        enter(opened, outcome.kind);
      } else {
        totals.successes += 1;
        if (current.name === 'CLOSED') current.consecutiveFailures = 0;
        else if (++current.successes >= successThreshold) enter(closed(current.epoch + 1));
      }
    },

    get closed() {
      return state.name === 'CLOSED';
    },

    snapshot() {
      let current = due(state);
      current = due(current);
      return {
        state: current.name,
        epoch: current.epoch,
        consecutiveFailures: current.name === 'CLOSED' ? current.consecutiveFailures : 0,
        probeSuccesses: current.name === 'HALF_OPEN' ? current.successes : 0,
        openedAt: current.name === 'OPEN' ? current.openedAt.wall : undefined,
        retryAfterMs: retryAfterMs(current),
        lastFailure,
        totals: { ...totals },
      };
    },

    reset() {
      catchUp();
      enter(closed(state.epoch + 1));
    },
  };
}

/** Whether `answer` is a refusal rather than a permit. */
export function isRefusal(answer: Permit | Refusal): answer is Refusal {
  return 'refused' in answer;
}

function closed(epoch: number): State {
  return { name: 'CLOSED', epoch, consecutiveFailures: 0 };
}

function later(start: Instant, ms: number): Instant {
  return { wall: start.wall + ms, monotonic: start.monotonic + ms };
}
