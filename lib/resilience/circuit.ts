import type { Instant } from '../clock.ts';
import type { CircuitMode, CircuitStateName, FailureKind } from '../events.ts';
import type { Recent } from './failure-window.ts';

/** Leave to send one request. Opaque; belongs to the epoch in which it was granted, and settles once. */
export interface Permit {
  readonly epoch: number;
  readonly grantedAt: Instant;
}

/** No leave. */
export interface Refusal {
  readonly refused: true;
  /** Milliseconds until asking again can succeed; while the circuit is forced open, `timeout`, for nobody knows. */
  readonly retryAfterMs: number;
}

/** What became of one request. `neutral` says nothing about the store: the caller gave up, or a local bound was met. */
export type Outcome =
  | { readonly result: 'success' | 'neutral' }
  | { readonly result: 'failure'; readonly kind: FailureKind; readonly retryAfterMs?: number | undefined };

export interface CircuitBreaker {
  /** Checks and reserves in one synchronous step. Performs the transitions that time has brought. */
  acquire(): Permit | Refusal;
  /** Reports what became of a permit. Results of an earlier epoch, and second reports, change nothing. */
  settle(permit: Permit, outcome: Outcome): void;
  /** Whether requests flow freely: no permit has to be asked for before a request is put together. */
  readonly closed: boolean;
  /** The state that `acquire` would find. Changes nothing. */
  snapshot(): CircuitSnapshot;
  /** Back to CLOSED and automatic, in a new epoch. */
  reset(): void;
  /**
   * Takes the decision out of its hands until `release`, `reset` or another mode. FORCED_OPEN refuses everything;
   * DISABLED lets everything through and counts nothing; METRICS_ONLY lets everything through and counts.
   *
   * @throws ConfigError for any other mode.
   */
  force(mode: Exclude<CircuitMode, 'AUTO'>): void;
  /** Automatic again: CLOSED, in a new epoch. Does nothing when nothing was forced. */
  release(): void;
  /**
   * Goes on from a `snapshot`, in a new epoch; of another process too, and also after JSON. Totals stay those of this
   * process. `false`, and no change, for what is no snapshot.
   */
  restore(snapshot: unknown): boolean;
}

/** A copy, of JSON's types only: made for health pages, and to be handed to another process. */
export interface CircuitSnapshot {
  readonly state: CircuitStateName;
  readonly mode: CircuitMode;
  readonly epoch: number;
  readonly consecutiveFailures: number;
  readonly probeSuccesses: number;
  /** Unix milliseconds; only while open. */
  readonly openedAt: number | undefined;
  /** How long it stays open, in milliseconds; only while open and not forced. */
  readonly openForMs: number | undefined;
  /** How often it has opened since it was last closed, not counting the first time. */
  readonly reopenCount: number;
  /** Milliseconds until a request can be let through; only while requests are refused. */
  readonly retryAfterMs: number | undefined;
  /** What the failure-rate rule sees; only while closed, and with that rule. */
  readonly recent: Recent | undefined;
  readonly lastFailure: LastFailure | undefined;
  /**
   * Since the process started. `ignored` counts results that came back in a later epoch than their permit's, and those
   * of a disabled circuit.
   */
  readonly totals: Readonly<Record<keyof Totals, number>>;
}

export interface LastFailure {
  readonly kind: FailureKind;
  /** Unix milliseconds. */
  readonly at: number;
}

export interface Totals {
  successes: number;
  failures: number;
  neutral: number;
  ignored: number;
  refused: number;
  opened: number;
}

/** Whether `answer` is a refusal rather than a permit. */
export function isRefusal(answer: Permit | Refusal): answer is Refusal {
  return 'refused' in answer;
}
