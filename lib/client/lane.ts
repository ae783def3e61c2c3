import type { Clock } from '../clock.ts';
import { DeadlineError } from '../errors.ts';
import type { CircuitBreaker } from '../resilience/circuit.ts';
import { type Coalescer, createCoalescer } from '../resilience/coalescer.ts';
import { withDeadline } from '../resilience/deadline.ts';
import { withSignal } from '../resilience/linked-signal.ts';
import type { Command, Reply } from '../store/store.ts';
import { type BatchSettings, createBatcher, type SubmitOptions } from './batcher.ts';
import type { ExecuteOptions } from './call.ts';
import { coalescibleKeys, commandId, isRead } from './commands.ts';
import type { ClientInstrumentation } from './instrumented.ts';
import type { Retry } from './read-retry.ts';
import type { Within } from './telemetry.ts';
import type { Transport } from './transport.ts';

export interface LaneOptions {
  readonly transport: Transport;
  readonly breaker: CircuitBreaker;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly batch: BatchSettings;
  /** Identical reads in flight share a request. */
  readonly coalesces: boolean;
  /** Calls of one tick share a request. */
  readonly batches: boolean;
  readonly retry: Retry | undefined;
  readonly instrumentation: ClientInstrumentation | undefined;
}

export interface AskOptions extends ExecuteOptions {
  readonly within?: Within | undefined;
}

/**
 * The way of calls to the store. Calls share promises with calls of the same lane, and with no others. Replies may be
 * shared as well: they are to be read, and `toResult` makes a caller's own of them.
 */
export interface Lane {
  ask(commands: readonly Command[], options: AskOptions): Promise<readonly Reply[]>;
}

/** @throws ConfigError for bounds of `batch` that cannot be. */
export function createLane(options: LaneOptions): Lane {
  const { transport, breaker, clock, timeoutMs: longestMs, coalesces, batches, retry, instrumentation } = options;
  const batcher = createBatcher({ ...options.batch, clock, timeoutMs: longestMs, send: transport.send });
  const coalescer = createCoalescer<Reply>({ clock, timeoutMs: longestMs });

  const request = (
    commands: readonly Command[],
    { signal, atomic = false, onSent, within }: ExecuteOptions & SubmitOptions,
  ) => {
    if (breaker.closed && batches) return batcher.submit(commands, { signal, atomic, onSent, within });
    // While the circuit is not closed the permit is taken at once: one call is the probe, and the others do not queue.
    onSent?.();
    return withSignal(signal, (controller) => transport.send(commands, controller, atomic));
  };

  const bounded = (commands: readonly Command[], { signal, timeoutMs, atomic, within }: AskOptions) => {
    // Who has left between a failure and the second attempt would not be heard of any more.
    signal?.throwIfAborted();
    if (timeoutMs === undefined || timeoutMs >= longestMs) return request(commands, { signal, atomic, within });
    let sent = false;
    const onSent = () => {
      sent = true;
    };
    const expired = () => new DeadlineError(timeoutMs, sent && !commands.every(isRead));
    return withSignal(signal, (controller) =>
      withDeadline({ clock, timeoutMs, controller, expired }, (inner) =>
        request(commands, { signal: inner, atomic, onSent, within }),
      ),
    );
  };

  const read = (commands: readonly Command[], given: AskOptions) => {
    if (!retry || given.atomic) return bounded(commands, given);
    const limitMs = Math.min(given.timeoutMs ?? longestMs, longestMs);
    return retry(limitMs, (timeoutMs) => bounded(commands, { ...given, timeoutMs }));
  };

  return {
    async ask(callers, given) {
      given.signal?.throwIfAborted();
      // The caller's arrays may change under us, and replies would go to the wrong callers.
      const commands = callers.map(copyCommand);
      const [only] = commands;
      const keys = only && commands.length === 1 && coalesces ? coalescibleKeys(only) : undefined;
      if (only && keys) {
        const { signal, timeoutMs, within } = given;
        let asked = false;
        const load = async (upstream: AbortSignal, leftMs: number): Promise<Reply> => {
          asked = true;
          const replies = await read(commands, { signal: upstream, timeoutMs: leftMs, within });
          return replies[0] ?? null;
        };
        const reply = await coalescer.run(commandId(only), { keys, load, signal, timeoutMs });
        if (!asked) instrumentation?.coalesced();
        return [reply];
      }
      const writes = commands.filter((command) => !isRead(command));
      if (writes.length === 0) return read(commands, given);
      // Twice: a read that left while the write was under way may have been answered before it.
      forgetWritten(writes, coalescer);
      return bounded(commands, given).finally(() => forgetWritten(writes, coalescer));
    },
  };
}

/** A read must not join one that may have been answered before a write of this lane: it would say what was there. */
function forgetWritten(writes: readonly Command[], coalescer: Coalescer<Reply>): void {
  if (coalescer.size === 0) return;
  for (const write of writes) {
    if (write.length === 1 || write[0].toUpperCase().startsWith('FLUSH')) coalescer.forgetAll();
    for (const part of write.slice(1)) coalescer.forget(String(part));
  }
}

function copyCommand([name, ...rest]: Command): Command {
  return [name, ...rest];
}
