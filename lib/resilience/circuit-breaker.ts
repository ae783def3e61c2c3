import { type Clock, elapsedSince, type Instant, instant } from '../clock.ts';
import { ConfigError } from '../errors.ts';
import type { CircuitReason, FailureKind, Transition } from '../events.ts';
import { type BreakerSettings, resolveBreakerSettings } from './breaker-options.ts';
import type { CircuitBreaker, CircuitSnapshot, Permit, Totals } from './circuit.ts';
import { type Closed, described, type HalfOpen, later, type State, stillToWaitMs } from './circuit-state.ts';
import { createFailureWindow } from './failure-window.ts';
import { openTimeMs } from './open-time.ts';
import { asCircuitMode, restoredCircuit } from './restored-circuit.ts';

export interface CircuitBreakerOptions extends BreakerSettings {
  readonly clock: Clock;
  /** From 0 to 1, for the jitter of `openBackoff`. @default none, and then a jitter is refused */
  readonly random?: (() => number) | undefined;
  /** Called after each transition, with the new state in force. What it throws is dropped. */
  readonly onTransition?: ((transition: Transition) => void) | undefined;
}

/**
 * CLOSED, OPEN, HALF_OPEN, as a value and a clock: no timers, no I/O, nothing asynchronous.
 *
 * Three rules keep late, lost and frozen requests from corrupting it. Every transition starts a new epoch, and a result
 * from another epoch is ignored (as in gobreaker). A probe holds a lease, not a lock: if it never settles it counts as a
 * failure dated at the end of its lease. And a request over which the whole process stood still proves nothing.
 */
export function createCircuitBreaker(options: CircuitBreakerOptions): CircuitBreaker {
  const { clock, random, onTransition } = options;
  const settings = resolveBreakerSettings(options);
  const { failureThreshold, successThreshold, halfOpenMaxConcurrent, probeLeaseMs, failureRate } = settings;
  if (settings.openBackoff.jitter > 0 && !random) throw new ConfigError('breaker.random', 'is needed for a jitter');

  /** Drawn before it is needed, so that a look at what is due shows what will be. */
  const draw = () => Math.min(Math.max(random?.() || 0, 0), 1);
  const closed = (epoch: number, mode: Closed['mode'] = 'AUTO'): Closed => {
    const window = failureRate && createFailureWindow(clock, failureRate.windowMs);
    return { name: 'CLOSED', mode, epoch, window, consecutiveFailures: 0, retryAfter: undefined };
  };

  const totals: Totals = { successes: 0, failures: 0, neutral: 0, ignored: 0, refused: 0, opened: 0 };
  const settled = new WeakSet<Permit>();
  let lastFailure: CircuitSnapshot['lastFailure'];
  let chance = draw();
  let state: State = closed(0);

  const ageOf = (permit: Permit) => elapsedSince(permit.grantedAt, clock);
  const isLive = (probe: Permit) => ageOf(probe) < probeLeaseMs;
  const isFrozen = (permit: Permit) => ageOf(permit) > settings.frozenAfterMs;

  const opened = (before: State, openedAt: Instant, askedMs = 0): State => {
    const reopenCount = before.name === 'CLOSED' ? 0 : before.reopenCount + 1;
    const openForMs = Math.max(openTimeMs(settings.openBackoff, reopenCount, chance), askedMs);
    return { name: 'OPEN', mode: 'AUTO', epoch: before.epoch + 1, openedAt, openForMs, reopenCount };
  };

  /** The state that time alone makes of `current`; the same object when it makes nothing of it. */
  const due = (current: State): State => {
    if (current.name === 'OPEN' && elapsedSince(current.openedAt, clock) >= current.openForMs) {
      const { epoch, reopenCount } = current;
      return { name: 'HALF_OPEN', mode: 'AUTO', epoch: epoch + 1, reopenCount, probes: new Set(), successes: 0 };
    }
    if (current.name !== 'HALF_OPEN') return current;
    const lost = [...current.probes].find((probe) => !isLive(probe) && !isFrozen(probe));
    return lost ? opened(current, later(lost.grantedAt, probeLeaseMs)) : current;
  };

  const enter = (next: State, reason?: CircuitReason) => {
    const { name: from, mode } = state;
    state = next;
    if (next.name === 'OPEN' && next.mode === 'AUTO') {
      if (reason !== 'restored') totals.opened += 1;
      chance = draw();
    }
    if (from === next.name && mode === next.mode) return;
    const openForMs = described(next).openForMs;
    try {
      onTransition?.({ from, to: next.name, mode: next.mode, reason, openForMs });
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
    if (current.mode === 'FORCED_OPEN') return settings.timeout;
    if (current.name === 'OPEN') return current.openForMs - elapsedSince(current.openedAt, clock);
    const live = [...current.probes].filter(isLive);
    if (live.length < halfOpenMaxConcurrent && current.successes + live.length < successThreshold) return undefined;
    return probeLeaseMs - Math.max(...live.map(ageOf));
  };

  const tooManyFailed = (current: Closed): boolean => {
    if (current.mode !== 'AUTO') return false;
    if (current.consecutiveFailures >= failureThreshold) return true;
    const recent = current.window?.recent();
    if (!recent || !failureRate || recent.calls < failureRate.minimumCalls) return false;
    return recent.failures / recent.calls >= failureRate.threshold;
  };

  const failed = (current: Closed | HalfOpen, kind: FailureKind, heardMs: number) => {
    recordFailure(kind, clock.now());
    if (current.name === 'HALF_OPEN') return enter(opened(current, instant(clock), heardMs), kind);
    current.window?.record(true);
    current.consecutiveFailures += 1;
    if (heardMs > stillToWaitMs(current, clock)) current.retryAfter = { heardAt: instant(clock), ms: heardMs };
    if (tooManyFailed(current)) enter(opened(current, instant(clock), stillToWaitMs(current, clock)), kind);
  };

  return {
    acquire() {
      catchUp();
      const wait = retryAfterMs(state);
      if (wait !== undefined) {
        totals.refused += 1;
        // The clock may have gone on since: nobody is told to come back in the past.
        return { refused: true, retryAfterMs: Math.max(1, wait) };
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
      if (permit.epoch !== current.epoch || current.name === 'OPEN' || current.mode === 'DISABLED') {
        totals.ignored += 1;
        return;
      }
      if (current.name === 'HALF_OPEN') current.probes.delete(permit);
      const tookMs = clock.monotonic() - permit.grantedAt.monotonic;
      if (outcome.result === 'neutral' || isFrozen(permit)) {
        totals.neutral += 1;
      } else if (outcome.result === 'failure') {
        // `||`: a NaN from a store would keep the circuit open for ever.
        failed(current, outcome.kind, Math.min(outcome.retryAfterMs || 0, settings.maxOpenMs));
      } else if (tookMs > settings.slowCallMs) {
        failed(current, 'slow', 0);
      } else {
        totals.successes += 1;
        if (current.name === 'HALF_OPEN') {
          if (++current.successes >= successThreshold) enter(closed(current.epoch + 1));
          return;
        }
        current.window?.record(false);
        current.consecutiveFailures = 0;
      }
    },

    get closed() {
      return state.name === 'CLOSED';
    },

    snapshot() {
      let current = state;
      const seen = { ...totals };
      let last = lastFailure;
      for (let next = due(current); next !== current; next = due(current)) {
        current = next;
        if (next.name !== 'OPEN') continue;
        seen.failures += 1;
        seen.opened += 1;
        last = { kind: 'probe-lost', at: next.openedAt.wall };
      }
      return {
        ...described(current),
        retryAfterMs: retryAfterMs(current),
        lastFailure: last && { ...last },
        totals: seen,
      };
    },

    reset() {
      catchUp();
      enter(closed(state.epoch + 1), 'manual');
    },

    force(mode) {
      const known = asCircuitMode(mode);
      if (known === undefined || known === 'AUTO') {
        throw new ConfigError('mode', 'must be FORCED_OPEN, DISABLED or METRICS_ONLY');
      }
      catchUp();
      const epoch = state.epoch + 1;
      if (state.mode === known) return;
      if (known !== 'FORCED_OPEN') return enter(closed(epoch, known), 'manual');
      const openForMs = Number.POSITIVE_INFINITY;
      enter({ name: 'OPEN', mode: known, epoch, openedAt: instant(clock), openForMs, reopenCount: 0 }, 'manual');
    },

    release() {
      if (state.mode !== 'AUTO') enter(closed(state.epoch + 1), 'manual');
    },

    restore(snapshot) {
      catchUp();
      const restored = restoredCircuit(snapshot, state.epoch + 1, { clock, settings, closed });
      if (!restored) return false;
      lastFailure = restored.lastFailure ?? lastFailure;
      enter(restored.state, 'restored');
      return true;
    },
  };
}
