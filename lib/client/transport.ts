import type { Clock } from '../clock.ts';
import { CircuitOpenError, DeadlineError, isKvError, StoreError } from '../errors.ts';
import type { BreakwaterEvent } from '../events.ts';
import { type CircuitBreaker, isRefusal, type Outcome, type Permit } from '../resilience/circuit.ts';
import { withDeadline } from '../resilience/deadline.ts';
import { type Command, isErrorReply, type Reply, type Store } from '../store/store.ts';
import { asKvError, classifyError, classifyReplies, replyError } from './classify.ts';
import { isRead } from './commands.ts';

export interface TransportOptions {
  readonly store: Store;
  readonly breaker: CircuitBreaker;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly notify: (event: BreakwaterEvent) => void;
}

export interface Transport {
  /** One request to the store: a permit, a deadline, a sample. */
  send(commands: readonly Command[], controller: AbortController, atomic?: boolean): Promise<readonly Reply[]>;
}

/** The breaker is asked before and told after; the deadline runs inside it, so that a timeout is a failure and counts. */
export function createTransport({ store, breaker, clock, timeoutMs, notify }: TransportOptions): Transport {
  const tell = (outcome: Outcome, error: unknown, replies: readonly Reply[]) => {
    const at = clock.now();
    if (outcome.result === 'failure' && outcome.kind === 'quota') notify({ type: 'quota', at });
    if (outcome.result !== 'neutral') return;
    const refusal = [error, ...replies.filter(isErrorReply).map(replyError)].find(isDenial);
    if (refusal) notify({ type: 'config', at, problem: refusal.message });
  };

  const settle = (permit: Permit, outcome: Outcome, error: unknown, replies: readonly Reply[]) => {
    breaker.settle(permit, outcome);
    if (outcome.result !== 'success') tell(outcome, error, replies);
  };

  return {
    async send(commands, controller, atomic) {
      const permit = breaker.acquire();
      if (isRefusal(permit)) throw new CircuitOpenError(permit.retryAfterMs);
      let overdue = false;
      const expired = () => {
        overdue = true;
        return new DeadlineError(timeoutMs, !commands.every(isRead));
      };
      try {
        const replies = await withDeadline({ clock, timeoutMs, controller, expired }, (signal) =>
          store.execute(commands, { signal, atomic }),
        );
        if (replies.length !== commands.length) {
          throw new StoreError('protocol', `The store answered ${replies.length} of ${commands.length} commands`);
        }
        settle(permit, classifyReplies(replies), undefined, replies);
        return replies;
      } catch (error) {
        // Nobody waits any more, or a caller's own shorter deadline has passed: no sign of the store.
        if (controller.signal.aborted && !overdue) {
          breaker.settle(permit, { result: 'neutral' });
          throw error;
        }
        const known = asKvError(error);
        settle(permit, classifyError(known), known, []);
        throw known;
      }
    },
  };
}

function isDenial(error: unknown): error is StoreError {
  return isKvError(error) && error.code === 'STORE' && error.kind === 'auth';
}
