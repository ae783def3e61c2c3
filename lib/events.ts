/** Why a request counted as a failure; safe to log. */
export type FailureKind =
  | 'network'
  | 'deadline'
  | 'http'
  | 'protocol'
  | 'quota'
  | 'unavailable'
  | 'probe-lost'
  | 'slow';

export type CircuitStateName = 'CLOSED' | 'OPEN' | 'HALF_OPEN';

/** Who decides: the circuit's own rules (AUTO), or somebody who forced it. A forced circuit stays as it is. */
export type CircuitMode = 'AUTO' | 'FORCED_OPEN' | 'DISABLED' | 'METRICS_ONLY';

/** What changed the circuit: the failure that tripped it, somebody's hand, or another process's snapshot. */
export type CircuitReason = FailureKind | 'manual' | 'restored';

/** A change of a circuit's state or mode. */
export interface Transition {
  readonly from: CircuitStateName;
  readonly to: CircuitStateName;
  /** The mode from now on. */
  readonly mode: CircuitMode;
  /** `undefined` for what the rules do by themselves as time or successes come in. */
  readonly reason: CircuitReason | undefined;
  /** How long it stays open, in milliseconds, where it opened. */
  readonly openForMs: number | undefined;
}

/** Something an operator may want to see. Carries no key, value, address or secret. `at` is Unix milliseconds. */
export type BreakwaterEvent =
  /** The circuit breaker changed state or mode. */
  | ({ readonly type: 'circuit'; readonly at: number } & Transition)
  /** The circuit breaker of the source of API keys changed state or mode. */
  | ({ readonly type: 'source'; readonly at: number } & Transition)
  /** The store refuses our credentials or permissions: nothing heals until somebody changes the configuration. */
  | { readonly type: 'config'; readonly at: number; readonly problem: string }
  /** The plan's quota is used up, or the database is suspended. */
  | { readonly type: 'quota'; readonly at: number }
  /** An answer took `slowMs` or longer: how many commands it was to, and which (their names only). */
  | {
      readonly type: 'slow';
      readonly at: number;
      readonly durationMs: number;
      readonly commands: number;
      readonly names: readonly string[];
    }
  /**
   * `share` of what the plan allows is used: of the commands of a UTC day, by this process alone (what others send is
   * not known here), or of the bytes, as Redis said when `planUsage` asked it.
   */
  | {
      readonly type: 'plan';
      readonly at: number;
      readonly resource: 'commands' | 'bytes';
      readonly used: number;
      readonly limit: number;
      readonly share: 0.8 | 1;
    }
  /** Limits are answered without the store; sent once per outage. */
  | { readonly type: 'fallback'; readonly at: number; readonly feature: 'limit'; readonly reason: string }
  /** Limits are back on the store: it has answered all of them for 5 s. Sent with the next answer after that. */
  | { readonly type: 'recovered'; readonly at: number; readonly feature: 'limit' }
  /** A stored record cannot be read: another type of value, another version, or damage. */
  | {
      readonly type: 'unreadable';
      readonly at: number;
      readonly feature: 'limit' | 'keys' | 'cache' | 'pubsub' | 'usage' | 'analytics' | 'sessions';
      readonly problem: string;
    }
  /** A subscription hears nothing: its connection is lost. Or it hears again, and has missed what was published meanwhile. */
  | { readonly type: 'subscription'; readonly at: number; readonly state: 'lost'; readonly reason: string }
  | { readonly type: 'subscription'; readonly at: number; readonly state: 'restored' }
  /** The store of record has no sentinel: it is new, or it has lost its data. */
  | { readonly type: 'keys-lost'; readonly at: number }
  /** A request has passed that would have been refused so, were the guard's mode not `report`. `code` is a `RefusalCode`. */
  | { readonly type: 'reported'; readonly at: number; readonly status: number; readonly code: string }
  /** A request carried no client address that the configured source can vouch for. */
  | { readonly type: 'client-unknown'; readonly at: number };

export type EventListener = (event: BreakwaterEvent) => void;

/**
 * Tells the listener. A listener that throws, or answers with a promise that rejects, costs its own event only: the
 * caller's result is never its business. What it threw goes to `report`, so that it is not lost silently.
 */
export function emit(
  listener: EventListener | undefined,
  event: BreakwaterEvent,
  report?: (error: unknown) => void,
): void {
  const failed = (error: unknown): void => reportTo(report, error);
  try {
    const answer: unknown = listener?.(event);
    if (answer instanceof Promise) answer.catch(failed);
  } catch (error) {
    failed(error);
  }
}

/** Tells `report` what a listener threw. Of what that throws, or rejects with, nobody is told. */
export function reportTo(report: ((error: unknown) => void) | undefined, error: unknown): void {
  try {
    const answer: unknown = report?.(error);
    if (answer instanceof Promise) answer.catch(() => undefined);
  } catch {
    // Nobody is left to tell.
  }
}
