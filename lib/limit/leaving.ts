import type { CallOptions } from '../client/call.ts';
import type { Clock } from '../clock.ts';
import { DeadlineError, isKvError } from '../errors.ts';
import { withDeadline } from '../resilience/deadline.ts';
import { withSignal } from '../resilience/linked-signal.ts';

export interface Patience extends CallOptions {
  readonly clock: Clock;
  /** No caller waits longer, in milliseconds. */
  readonly longestMs: number;
}

/**
 * Waits for `work` until it ends or the caller leaves: by his signal, or by a deadline of his own. `work` goes on and has to
 * look at `left` when it is done; the reason is a DeadlineError where the time was up.
 */
export function untilCallerLeaves<T>(
  { clock, longestMs, signal, timeoutMs = longestMs }: Patience,
  work: (left: AbortSignal) => Promise<T>,
): Promise<T> {
  const limitMs = Math.min(timeoutMs, longestMs);
  const expired = () => new DeadlineError(limitMs, true);
  return withSignal(signal, (controller) => withDeadline({ clock, timeoutMs: limitMs, controller, expired }, work));
}

/** Whether somebody's time was up: that check has been counted in this process. */
export function isOverdue(left: AbortSignal | undefined): boolean {
  return left?.aborted === true && isKvError(left.reason) && left.reason.code === 'DEADLINE';
}
