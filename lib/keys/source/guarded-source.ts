import { type Clock, type Instant, instant } from '../../clock.ts';
import { CircuitOpenError, DeadlineError, isKvError, StoreError } from '../../errors.ts';
import type { FailureKind, Transition } from '../../events.ts';
import type { BreakerSettings } from '../../resilience/breaker-options.ts';
import { type CircuitSnapshot, isRefusal, type Outcome } from '../../resilience/circuit.ts';
import { createCircuitBreaker } from '../../resilience/circuit-breaker.ts';
import { withDeadline } from '../../resilience/deadline.ts';
import { withSignal } from '../../resilience/linked-signal.ts';
import type { KeyDigest } from '../digest.ts';
import type { ApiKeySource, FoundKey } from './source.ts';

/** Bounds of the questions to a source of keys. Wrong ones throw a ConfigError. */
export interface SourceSettings {
  /** Deadline of one look, in milliseconds. @default 500 */
  readonly timeoutMs?: number | undefined;
  /** Deadline of each statement by which keys are issued, ended and listed, in milliseconds. @default 5_000 */
  readonly managementTimeoutMs?: number | undefined;
  /** Looks under way at the same time; keys never seen before may use half of them. @default 32 */
  readonly maxConcurrent?: number | undefined;
  /** Of the source alone: the client's own circuit is another. */
  readonly breaker?: BreakerSettings | undefined;
}

export interface GuardedSourceOptions<Config> extends SourceSettings {
  readonly source: ApiKeySource<Config>;
  readonly clock: Clock;
  /** Whether several callers may wait for one look. */
  readonly shares: boolean;
  readonly onTransition?: ((transition: Transition) => void) | undefined;
}

export interface Look {
  /** How long this caller waits, in milliseconds. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Whether the key is known to have been valid once. */
  readonly seen: boolean;
  /** Told of a look that goes on when the time of this caller is up. Never rejects. */
  readonly onBackground?: ((work: Promise<unknown>) => void) | undefined;
}

export interface Answer<Config> {
  readonly found: FoundKey<Config> | undefined;
  /** When the look began, which may be before its caller came. */
  readonly askedAt: Instant;
}

/** A source that cannot take its callers down with it. */
export interface GuardedSource<Config> {
  /** @throws CircuitOpenError, DeadlineError, StoreError: it cannot say. */
  find(digest: KeyDigest, look: Look): Promise<Answer<Config>>;
  circuit(): CircuitSnapshot;
  /** Whether looks are made freely. */
  readonly closed: boolean;
}

interface Flight<Config> {
  readonly startedAt: number;
  readonly answer: Promise<Answer<Config>>;
}

/**
 * Looks for one digest are one look. Each runs to its own deadline whoever goes on waiting for it: a caller who leaves
 * says nothing about the source, and what it answers is news for the next one.
 */
export function guardSource<Config>(options: GuardedSourceOptions<Config>): GuardedSource<Config> {
  const { source, clock, shares, onTransition, timeoutMs = 500, maxConcurrent = 32 } = options;
  // A probe may take its whole time, as any look.
  const patience = { probeLeaseMs: timeoutMs + 500, frozenAfterMs: 2 * timeoutMs + 1_000 };
  const breaker = createCircuitBreaker({ ...patience, ...options.breaker, clock, onTransition });
  const flights = new Map<string, Flight<Config>>();
  let underWay = 0;

  const look = async (digest: KeyDigest, seen: boolean): Promise<Answer<Config>> => {
    const askedAt = instant(clock);
    const permit = breaker.acquire();
    if (isRefusal(permit)) throw new CircuitOpenError(permit.retryAfterMs);
    if (underWay >= (seen ? maxConcurrent : Math.ceil(maxConcurrent / 2))) {
      breaker.settle(permit, { result: 'neutral' });
      throw new StoreError('local', 'Too many API keys are being looked up at once', { mayHaveRun: false });
    }
    underWay += 1;
    try {
      const controller = new AbortController();
      const expired = () => new DeadlineError(timeoutMs, false);
      const found = await withDeadline({ clock, timeoutMs, controller, expired }, (signal) =>
        source.findByDigest(digest, { signal }),
      );
      breaker.settle(permit, { result: 'success' });
      return { found: found ?? undefined, askedAt };
    } catch (error) {
      breaker.settle(permit, outcomeOf(error));
      throw error;
    } finally {
      underWay -= 1;
    }
  };

  const join = (digest: KeyDigest, seen: boolean): Promise<Answer<Config>> => {
    if (!shares) return look(digest, seen);
    const name = `${digest.kid}:${digest.digest}`;
    const now = clock.monotonic();
    const joined = flights.get(name);
    // Its leader's runtime may have ended with the look still open.
    if (joined && now - joined.startedAt <= timeoutMs) return joined.answer;
    const flight: Flight<Config> = { startedAt: now, answer: look(digest, seen) };
    flights.set(name, flight);
    const land = () => {
      if (flights.get(name) === flight) flights.delete(name);
    };
    flight.answer.then(land, land);
    return flight.answer;
  };

  return {
    async find(digest, { timeoutMs: waitMs, signal, seen, onBackground }) {
      signal?.throwIfAborted();
      if (waitMs < 1) throw new DeadlineError(0, false);
      const answer = join(digest, seen);
      const expired = () => {
        onBackground?.(answer.catch(() => undefined));
        return new DeadlineError(waitMs, false);
      };
      return withSignal(signal, (controller) =>
        withDeadline({ clock, timeoutMs: waitMs, controller, expired }, () => answer),
      );
    },
    circuit: () => breaker.snapshot(),
    get closed() {
      return breaker.closed;
    },
  };
}

/** One record that cannot be read is no outage. */
function outcomeOf(error: unknown): Outcome {
  if (isKvError(error) && error.code === 'COMMAND') return { result: 'success' };
  return { result: 'failure', kind: failureKindOf(error) };
}

/** A source of another make throws what it likes: it did not answer. */
function failureKindOf(error: unknown): FailureKind {
  if (!isKvError(error)) return 'network';
  if (error.code === 'DEADLINE') return 'deadline';
  if (error.code === 'STORE' && (error.kind === 'protocol' || error.kind === 'quota')) return error.kind;
  return 'unavailable';
}
