import { type Clock, systemClock } from '../clock.ts';
import { ConfigError, DeadlineError, StoreError } from '../errors.ts';
import { type BreakwaterEvent, type EventListener, emit } from '../events.ts';
import type { BreakerSettings } from '../resilience/breaker-options.ts';
import type { CircuitSnapshot } from '../resilience/circuit.ts';
import { createCircuitBreaker } from '../resilience/circuit-breaker.ts';
import { type Coalescer, createCoalescer } from '../resilience/coalescer.ts';
import { withDeadline } from '../resilience/deadline.ts';
import { type Command, isErrorReply, type Reply, type Store, type StoreKind } from '../store/store.ts';
import { type BatchSettings, createBatcher, type SubmitOptions } from './batcher.ts';
import type { CallOptions, ExecuteOptions, Result, Value } from './call.ts';
import { replyError } from './classify.ts';
import { coalescibleKeys, commandId, isRead } from './commands.ts';
import { createTransport } from './transport.ts';
import { type TypedCommands, typedCommands } from './typed-commands.ts';

export interface KvOptions {
  readonly store: Store;
  readonly breaker?: BreakerSettings | undefined;
  /** No call waits longer, in milliseconds. Not how long the circuit stays open. @default 1_000 */
  readonly requestTimeoutMs?: number | undefined;
  readonly batch?: BatchSettings | undefined;
  /** Identical reads in flight share a request, within this client; `false` turns it off. @default 'isolate' */
  readonly coalesce?: 'isolate' | false | undefined;
  /** Put before every key that the typed commands and the features on this client use. @default '' */
  readonly namespace?: string | undefined;
  /** Told of every {@link BreakwaterEvent} after the fact. What it throws goes to `onListenerError`. */
  readonly onEvent?: EventListener | undefined;
  readonly onListenerError?: ((error: unknown) => void) | undefined;
  readonly clock?: Clock | undefined;
}

export interface KvClient extends TypedCommands {
  readonly storeKind: StoreKind;
  readonly namespace: string;
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
  readonly circuit: {
    /** Free of I/O: the state that the next request would meet. */
    state(): CircuitSnapshot;
    reset(): void;
  };
  /**
   * Runs commands in order in one request, shared with whatever else leaves in the same tick.
   *
   * @returns one result per command; a command that Redis refused is a `CommandError` in its place.
   * @throws CircuitOpenError without asking; DeadlineError; StoreError. With `mayHaveRun` a write may have taken effect;
   *   it is never sent again.
   */
  execute(commands: readonly Command[], options?: ExecuteOptions): Promise<readonly Result[]>;
  /** One command. @throws CommandError when Redis refuses it, and as `execute`. */
  command(command: Command, options?: CallOptions): Promise<Value>;
  /** Tells this client's listener. */
  notify(event: BreakwaterEvent): void;
  close(): Promise<void>;
}

/** The resilient client: coalesce, then batch, then breaker, then deadline, then store. @throws ConfigError */
export function createKv(options: KvOptions): KvClient {
  const { store, coalesce = 'isolate', namespace = '', clock = systemClock, requestTimeoutMs = 1_000 } = options;
  if (!(requestTimeoutMs >= 1 && requestTimeoutMs <= 2 ** 31 - 1)) {
    throw new ConfigError(
      'requestTimeoutMs',
      `must be a number of milliseconds from 1 to 2147483647, got ${requestTimeoutMs}`,
    );
  }
  const notify = (event: BreakwaterEvent) => emit(options.onEvent, event, options.onListenerError);

  const breaker = createCircuitBreaker({
    probeLeaseMs: requestTimeoutMs + 500,
    frozenAfterMs: 2 * requestTimeoutMs + 1_000,
    ...defined(options.breaker),
    clock,
    onTransition: (transition) => notify({ type: 'circuit', at: clock.now(), ...transition }),
  });
  const transport = createTransport({ store, breaker, clock, timeoutMs: requestTimeoutMs, notify });
  const batcher = createBatcher({
    ...defined(options.batch),
    clock,
    timeoutMs: requestTimeoutMs,
    send: transport.send,
  });
  const coalescer = createCoalescer<Reply>({ clock, timeoutMs: requestTimeoutMs });
  let closed = false;

  const request = (
    commands: readonly Command[],
    { signal, atomic = false, onSent }: ExecuteOptions & SubmitOptions,
  ) => {
    if (breaker.closed && !atomic) return batcher.submit(commands, { signal, onSent });
    // While the circuit is not closed the permit is taken at once: one call is the probe, and the others do not queue.
    onSent?.();
    return withSignal(signal, (controller) => transport.send(commands, controller, atomic));
  };

  const bounded = (commands: readonly Command[], { signal, timeoutMs, atomic }: ExecuteOptions) => {
    if (timeoutMs === undefined || timeoutMs >= requestTimeoutMs) return request(commands, { signal, atomic });
    let sent = false;
    const onSent = () => {
      sent = true;
    };
    const expired = () => new DeadlineError(timeoutMs, sent && !commands.every(isRead));
    return withSignal(signal, (controller) =>
      withDeadline({ clock, timeoutMs, controller, expired }, (inner) =>
        request(commands, { signal: inner, atomic, onSent }),
      ),
    );
  };

  const ask = async (commands: readonly Command[], options: ExecuteOptions): Promise<readonly Reply[]> => {
    if (closed) throw new StoreError('local', 'The client is closed', { mayHaveRun: false });
    options.signal?.throwIfAborted();
    const [only] = commands;
    const keys = only && commands.length === 1 && coalesce ? coalescibleKeys(only) : undefined;
    if (only && keys) {
      const { signal, timeoutMs } = options;
      const load = async (upstream: AbortSignal, leftMs: number): Promise<Reply> => {
        const replies = await bounded(commands, { signal: upstream, timeoutMs: leftMs });
        return replies[0] ?? null;
      };
      return [await coalescer.run(commandId(only), { keys, load, copy: copyReply, signal, timeoutMs })];
    }
    const writes = commands.filter((command) => !isRead(command));
    if (writes.length === 0) return bounded(commands, options);
    // Twice: a read that left while the write was under way may have been answered before it.
    forgetWritten(writes, coalescer);
    return bounded(commands, options).finally(() => forgetWritten(writes, coalescer));
  };

  const execute: KvClient['execute'] = async (commands, callOptions = {}) => {
    if (commands.length === 0) return [];
    const replies = await ask(commands, callOptions);
    return replies.map(toResult);
  };

  const command: KvClient['command'] = async (only, callOptions) => {
    const [result] = await execute([only], callOptions);
    if (result instanceof Error) throw result;
    return result ?? null;
  };

  return {
    storeKind: store.kind,
    namespace,
    clock,
    requestTimeoutMs,
    circuit: { state: breaker.snapshot, reset: breaker.reset },
    execute,
    command,
    ...typedCommands(namespace, execute, command),
    notify,
    async close() {
      closed = true;
      await store.close();
    },
  };
}

/** A read must not join one that may have been answered before a write of this client: it would say what was there. */
function forgetWritten(writes: readonly Command[], coalescer: Coalescer<Reply>): void {
  if (coalescer.size === 0) return;
  for (const write of writes) {
    if (write.length === 1 || write[0].toUpperCase().startsWith('FLUSH')) coalescer.forgetAll();
    for (const part of write.slice(1)) coalescer.forget(String(part));
  }
}

function withSignal<T>(signal: AbortSignal | undefined, work: (controller: AbortController) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  if (!signal) return work(controller);
  // AbortSignal.any does not exist in the Edge sandbox of Next 16.
  const abandon = () => controller.abort(signal.reason);
  signal.addEventListener('abort', abandon);
  return work(controller).finally(() => signal.removeEventListener('abort', abandon));
}

function copyReply(reply: Reply): Reply {
  return isReplyArray(reply) ? reply.map(copyReply) : reply;
}

function isReplyArray(reply: Reply): reply is readonly Reply[] {
  return Array.isArray(reply);
}

function toResult(reply: Reply): Result {
  return isErrorReply(reply) ? replyError(reply) : (reply as Value);
}

/** Without the keys whose value is an explicit `undefined`. */
function defined<T extends object>(options: T | undefined): Partial<T> {
  return Object.fromEntries(Object.entries(options ?? {}).filter(([, value]) => value !== undefined)) as Partial<T>;
}
