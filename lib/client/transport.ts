import type { Clock } from '../clock.ts';
import { CircuitOpenError, DeadlineError, isKvError, StoreError } from '../errors.ts';
import type { BreakwaterEvent } from '../events.ts';
import { type CircuitBreaker, isRefusal, type Outcome, type Permit } from '../resilience/circuit.ts';
import { withDeadline } from '../resilience/deadline.ts';
import type { Command, Reply, Store } from '../store/store.ts';
import { asKvError, classifyError, classifyReplies, errorsIn, replyError } from './classify.ts';
import { isRead, namesOf } from './commands.ts';
import type { ClientInstrumentation } from './instrumented.ts';
import type { PlanMeter } from './plan-meter.ts';

export interface TransportOptions {
  readonly store: Store;
  readonly breaker: CircuitBreaker;
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** A request that takes this long is told of. */
  readonly slowMs: number;
  readonly meter: PlanMeter | undefined;
  readonly instrumentation: ClientInstrumentation | undefined;
  readonly notify: (event: BreakwaterEvent) => void;
}

export interface Transport {
  /** One request to the store: a permit, a deadline, a sample. */
  send(commands: readonly Command[], controller: AbortController, atomic?: boolean): Promise<readonly Reply[]>;
}

/** The breaker is asked before and told after; the deadline runs inside it, so that a timeout is a failure and counts. */
export function createTransport(options: TransportOptions): Transport {
  const { store, breaker, clock, timeoutMs, slowMs, meter, instrumentation, notify } = options;
  const tell = (outcome: Outcome, error: unknown, replies: readonly Reply[]) => {
    const at = clock.now();
    if (outcome.result === 'failure' && outcome.kind === 'quota') notify({ type: 'quota', at });
    const refusal = [error, ...[...errorsIn(replies)].map(replyError)].find(isDenial);
    if (refusal) notify({ type: 'config', at, problem: refusal.message });
  };

  const tellSlow = (commands: readonly Command[], durationMs: number) =>
    notify({ type: 'slow', at: clock.now(), durationMs, commands: commands.length, names: namesOf(commands) });

  const settle = (permit: Permit, outcome: Outcome, sent: number, error?: unknown, replies: readonly Reply[] = []) => {
    breaker.settle(permit, outcome);
    instrumentation?.request(sent, outcome.result, outcome.result === 'failure' ? outcome.kind : undefined);
    if (outcome.result !== 'success') tell(outcome, error, replies);
  };

  return {
    async send(commands, controller, atomic) {
      const permit = breaker.acquire();
      if (isRefusal(permit)) {
        instrumentation?.request(0, 'refused', undefined);
        throw new CircuitOpenError(permit.retryAfterMs);
      }
      const startedAt = clock.monotonic();
      let overdue = false;
      const expired = () => {
        overdue = true;
        return new DeadlineError(timeoutMs, !commands.every(isRead));
      };
      meter?.count(commands.length);
      try {
        const replies = await withDeadline({ clock, timeoutMs, controller, expired }, (signal) =>
          store.execute(commands, { signal, atomic }),
        );
        if (replies.length !== commands.length) {
          throw new StoreError('protocol', `The store answered ${replies.length} of ${commands.length} commands`);
        }
        settle(permit, classifyReplies(replies), commands.length, undefined, replies);
        const durationMs = clock.monotonic() - startedAt;
        if (durationMs >= slowMs) tellSlow(commands, durationMs);
        return replies;
      } catch (error) {
        // Nobody waits any more, or a caller's own shorter deadline has passed: no sign of the store.
        if (controller.signal.aborted && !overdue) {
          settle(permit, { result: 'neutral' }, commands.length);
          throw error;
        }
        const known = asKvError(error);
        settle(permit, classifyError(known), commands.length, known);
        throw known;
      }
    },
  };
}

function isDenial(error: unknown): error is StoreError {
  return isKvError(error) && error.code === 'STORE' && error.kind === 'auth';
}
