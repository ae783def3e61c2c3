import type { CircuitMode, CircuitReason, CircuitStateName } from '../../events.ts';
import type { Basis } from '../../limit/result.ts';
import type { CircuitSnapshot } from '../../resilience/circuit.ts';

/**
 * What one runtime of one process has counted since it began: the middleware has a memory of its own, and the handlers
 * another. Plain data, fit for JSON and small enough for a header. Counters only grow, so that a reader who keeps the last
 * one knows what has happened since; one that is less belongs to a process that has begun again, as `startedAt` says.
 */
export interface MetricsSnapshot {
  /** Random: what counts under one is one, whatever asks it. A proxy and the handlers of one process may be. */
  readonly id: string;
  /** Unix milliseconds: since when it counts, and when it was taken. */
  readonly startedAt: number;
  readonly at: number;
  readonly circuit: CircuitSnapshot;
  /** How long the circuit has been open or half open since `startedAt`, in milliseconds. */
  readonly openMs: number;
  /** The last changes of the circuit, the oldest first; a few dozen at most. */
  readonly transitions: readonly CircuitChange[];
  readonly decisions: DecisionCounts;
  /** How long decisions took, all of a guard's and nothing else. */
  readonly decisionDuration: DurationCounts;
  readonly requests: RequestCounts;
  /** How long callers of the client waited, retries and coalescing included. */
  readonly operationDuration: DurationCounts;
  /** By the name of the policy: of the guard's limits, and of those that handlers ask for. Beyond 200 of them, `_other`. */
  readonly policies: Readonly<Record<string, PolicyCounts>>;
  /** Who is checked most of late: ten at most, the busiest first. */
  readonly busiest: readonly BusyAccount[];
  readonly caches: CacheCounts;
  readonly locks: LockCounts;
  /** `null` where no plan is named. */
  readonly plan: PlanCounts | null;
}

/** One change of the circuit. */
export interface CircuitChange {
  /** Unix milliseconds. */
  readonly at: number;
  readonly from: CircuitStateName;
  readonly to: CircuitStateName;
  readonly mode: CircuitMode;
  readonly reason: CircuitReason | null;
  /** How long it stays open, in milliseconds, where it opened; `null` elsewhere. */
  readonly openForMs: number | null;
}

/** Each is one of `allowed`, `limited` and `refused`. Where a route asks for neither key nor limit, only refusals are counted. */
export interface DecisionCounts {
  readonly allowed: number;
  /** Refused by a limit or a quota: 429. */
  readonly limited: number;
  /** Refused for any other reason. */
  readonly refused: number;
  /** Of the allowed and limited, those that were decided without Redis: on a remembered key, or a count of this process. */
  readonly degraded: number;
  /** Of those, the ones whose key passed on what this process remembers of it. */
  readonly degradedKeys: number;
  /** What would have been refused where the mode is `report`; these are among the allowed. */
  readonly reported: number;
  /** Refusals by their `RefusalCode`. */
  readonly byCode: Readonly<Record<string, number>>;
}

/** `counts[i]` were at most `boundsMs[i]` and above the bound before; the last of `counts`, which has no bound, above all. */
export interface DurationCounts {
  readonly boundsMs: readonly number[];
  readonly counts: readonly number[];
  readonly sumMs: number;
}

/** Requests to the store, and what was in them. */
export interface RequestCounts {
  /** As the circuit breaker counts them; `refused` were not sent. */
  readonly success: number;
  readonly failure: number;
  readonly neutral: number;
  readonly refused: number;
  /** Commands in those that were sent. */
  readonly commands: number;
  /** Reads that were answered by the request of another. */
  readonly coalesced: number;
  /** By the kind of the failure. */
  readonly failures: Readonly<Record<string, number>>;
}

/** What became of the checks of one policy. */
export interface PolicyCounts {
  readonly allowed: number;
  readonly limited: number;
}

/** An account of a limit, under a label that is neither a key nor a whole address. */
export interface BusyAccount {
  /**
   * The id of a key, `key_…`; or an address with its last part masked, which stands for all that begin alike: what is
   * said is said of the one that was checked last.
   */
  readonly label: string;
  readonly policy: string;
  readonly limit: number;
  /** `null` where nobody knows. */
  readonly used: number | null;
  readonly basis: Basis;
  /** Milliseconds until it may go on, as of `at`; `null` while it may. */
  readonly retryAfterMs: number | null;
  /** Unix milliseconds. */
  readonly at: number;
  /** Checks for as long as it is remembered. */
  readonly checks: number;
}

/** Of all caches on the client together. */
export interface CacheCounts {
  /** Served from a cache, also past its end, and also that there is no such thing. */
  readonly hits: number;
  readonly misses: number;
  /** Nothing was found, and Redis could not be asked. */
  readonly unavailable: number;
}

/** Of all locks on the client together. */
export interface LockCounts {
  readonly acquired: number;
  /** Not granted within `waitMs`. */
  readonly timeouts: number;
  /** Redis could not be asked. */
  readonly unavailable: number;
}

/** `null` where the plan does not name it. */
export interface PlanCounts {
  /** Commands that this process has sent on this UTC day. */
  readonly commandsToday: number | null;
  /** What all processes together may send, and hold in Redis. */
  readonly commandsPerDay: number | null;
  readonly maxBytes: number | null;
}
