import { type Clock, systemClock } from '../clock.ts';
import { ConfigError, StoreError } from '../errors.ts';
import { type BreakwaterEvent, type CircuitMode, type EventListener, emit } from '../events.ts';
import type { BreakerSettings } from '../resilience/breaker-options.ts';
import type { CircuitSnapshot } from '../resilience/circuit.ts';
import { createCircuitBreaker } from '../resilience/circuit-breaker.ts';
import type { Command, Store, StoreKind } from '../store/store.ts';
import type { BatchSettings } from './batcher.ts';
import type { CallOptions, ExecuteOptions, Result, Value } from './call.ts';
import { toResult } from './classify.ts';
import { randomShare } from './crypto.ts';
import { instrumented, UNTOLD } from './instrumented.ts';
import { createLane, type Lane } from './lane.ts';
import type { Measurements } from './measurements.ts';
import { runOperation } from './operation.ts';
import { createPlanMeter, type PlanSettings, type PlanUsage, usedBytes } from './plan-meter.ts';
import { createReadRetry, type RetrySettings } from './read-retry.ts';
import { allowedSharing } from './shared-requests.ts';
import type { Telemetry } from './telemetry.ts';
import { createTransport } from './transport.ts';
import { type TypedCommands, typedCommands } from './typed-commands.ts';

/** Settings of a client. Wrong ones throw a ConfigError when it is made. */
export interface KvOptions {
  readonly store: Store;
  readonly breaker?: BreakerSettings | undefined;
  /** No call waits longer, in milliseconds. Not how long the circuit stays open. @default 1_000 */
  readonly requestTimeoutMs?: number | undefined;
  readonly batch?: BatchSettings | undefined;
  /**
   * Identical reads in flight share a request: all calls on this client (`isolate`), or none (`false`). With `request`
   * calls on the client itself share nothing, neither reads nor batches; only calls on the same {@link KvClient.scope}
   * do. @default 'isolate'; 'request' where a runtime forbids to await what another request began: Cloudflare's, Vercel's Edge
   */
  readonly coalesce?: 'isolate' | 'request' | false | undefined;
  /** One further attempt for calls that only read. Writes are never sent twice. @default off */
  readonly retry?: RetrySettings | undefined;
  /** An answer that takes this long is an event of type `slow`, in milliseconds; `false` for none. @default 100 */
  readonly slowMs?: number | false | undefined;
  /** Tell when 80 % and 100 % are used of the plan's commands of a UTC day, by this process, or of its bytes. @default off */
  readonly plan?: PlanSettings | undefined;
  /** Put before every key that the typed commands and the features on this client use. @default '' */
  readonly namespace?: string | undefined;
  /** Told of every {@link BreakwaterEvent} after the fact. What it throws goes to `onListenerError`. */
  readonly onEvent?: EventListener | undefined;
  /** Told what a listener threw, or {@link KvOptions.telemetry}. */
  readonly onListenerError?: ((error: unknown) => void) | undefined;
  /** Spans and metrics: `openTelemetry(api)`, `createMeter()`, or several. What it throws changes no result. @default none */
  readonly telemetry?: Telemetry | readonly Telemetry[] | undefined;
  readonly clock?: Clock | undefined;
}

/** The circuit breaker of a client and of all its scopes. Nothing here does I/O. */
export interface KvCircuit {
  /** The state that the next request would meet; plain data, fit for JSON. */
  state(): CircuitSnapshot;
  /** Back to CLOSED and automatic, in a new epoch: what is still under way no longer counts. */
  reset(): void;
  /** FORCED_OPEN refuses everything, DISABLED and METRICS_ONLY let everything through, until `release` or `reset`. */
  force(mode: Exclude<CircuitMode, 'AUTO'>): void;
  /** Automatic again: CLOSED, in a new epoch. */
  release(): void;
  /** Goes on from the `state()` of another process; `false` for what is none. */
  restore(snapshot: unknown): boolean;
}

/** A store with a circuit breaker, deadlines, coalescing and batches in front of it; all features stand on one. */
export interface KvClient extends TypedCommands {
  readonly storeKind: StoreKind;
  /** Whether calls of several incoming requests may wait for one promise: not with `coalesce: 'request'`. */
  readonly sharesPromises: boolean;
  /** See {@link Store.slotOf}. */
  readonly slotOf: Store['slotOf'];
  /** See {@link Store.subscribe}. No request, and nothing of it concerns the circuit. Channels are whole names. */
  readonly subscribe: Store['subscribe'];
  readonly namespace: string;
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
  readonly circuit: KvCircuit;
  /**
   * Runs commands in order in one request, shared with whatever else leaves in the same tick. Requests leave in the order
   * of their calls, transactions too, as long as the circuit is closed: a probe waits for nobody. Two that are under way
   * together may still pass each other on the network, so await the first where the order matters.
   *
   * @returns one result per command; a command that Redis refused is a `CommandError` in its place.
   * @throws CircuitOpenError without asking; DeadlineError; StoreError. With `mayHaveRun` a write may have taken effect;
   *   it is never sent again.
   */
  execute(commands: readonly Command[], options?: ExecuteOptions): Promise<readonly Result[]>;
  /** One command. @throws CommandError when Redis refuses it, and as `execute`. */
  command(command: Command, options?: CallOptions): Promise<Value>;
  /**
   * A view for one incoming request: same store, circuit, settings and listener, but reads and batches are shared with
   * calls on this very view only, and so are a call's own writes known to its later reads. Cheap; drop it when done.
   * Closing it ends the view, not the client.
   */
  scope(): KvClient;
  /**
   * How much of the plan is used; tells of 80 % and 100 % of its bytes too, so call it now and then, from a health endpoint
   * or a cron job. One request. On a Cluster the bytes are those of one node.
   *
   * @throws as `command`
   */
  planUsage(): Promise<PlanUsage>;
  /** Tells this client's listener. */
  notify(event: BreakwaterEvent): void;
  /** Tells this client's telemetry. */
  readonly measure: Measurements;
  /** Closes the store, and ends what waits: it rejects. No more calls are taken. */
  close(): Promise<void>;
}

/** The resilient client: coalesce, then batch, then breaker, then deadline, then store. @throws ConfigError */
export function createKv(options: KvOptions): KvClient {
  const { store, coalesce = allowedSharing(), namespace = '', clock = systemClock, requestTimeoutMs = 1_000 } = options;
  if (!(requestTimeoutMs >= 1 && requestTimeoutMs <= 2 ** 31 - 1)) {
    throw new ConfigError(
      'requestTimeoutMs',
      `must be a number of milliseconds from 1 to 2147483647, got ${requestTimeoutMs}`,
    );
  }
  const { slowMs = 100, plan, retry } = options;
  if (slowMs !== false && !(slowMs > 0)) {
    throw new ConfigError('slowMs', `must be a positive number of milliseconds, or false, got ${slowMs}`);
  }
  const notify = (event: BreakwaterEvent) => emit(options.onEvent, event, options.onListenerError);

  const breaker = createCircuitBreaker({
    probeLeaseMs: requestTimeoutMs + 500,
    frozenAfterMs: 2 * requestTimeoutMs + 1_000,
    ...defined(options.breaker),
    clock,
    random: randomShare,
    onTransition: (transition) => {
      notify({ type: 'circuit', at: clock.now(), ...transition });
      instrumentation?.transition(transition);
    },
  });
  const meter = plan && createPlanMeter(plan, clock, notify);
  const instrumentation = instrumented(
    options.telemetry,
    { storeKind: store.kind, circuitState: () => breaker.snapshot().state },
    options.onListenerError,
  );
  const transport = createTransport({
    store,
    breaker,
    clock,
    timeoutMs: requestTimeoutMs,
    slowMs: slowMs === false ? Number.POSITIVE_INFINITY : slowMs,
    meter,
    instrumentation,
    notify,
  });
  const shared = {
    transport,
    breaker,
    clock,
    timeoutMs: requestTimeoutMs,
    batch: defined(options.batch),
    retry: retry?.reads ? createReadRetry(defined(retry), clock) : undefined,
    instrumentation,
  };
  const subscribe = store.subscribe?.bind(store);
  const { snapshot, reset, force, release, restore } = breaker;
  const circuit: KvCircuit = { state: snapshot, reset, force, release, restore };
  const sharesPromises = coalesce !== 'request';
  let closed = false;

  const view = (lane: Lane, isClosed: () => boolean, close: () => Promise<void>): KvClient => {
    const execute: KvClient['execute'] = async (commands, callOptions = {}) => {
      if (commands.length === 0) return [];
      if (isClosed()) throw closedError();
      if (!instrumentation) return (await lane.ask(commands, callOptions)).map(toResult);
      if (instrumentation.active) return runOperation({ instrumentation, clock, lane }, commands, callOptions);
      const startedAt = clock.monotonic();
      try {
        return (await lane.ask(commands, callOptions)).map(toResult);
      } finally {
        instrumentation.waited(clock.monotonic() - startedAt);
      }
    };
    const command: KvClient['command'] = async (only, callOptions) => {
      const [result] = await execute([only], callOptions);
      if (result instanceof Error) throw result;
      return result ?? null;
    };
    const planUsage: KvClient['planUsage'] = async () => {
      const bytes = usedBytes(await command(['INFO', 'memory']));
      if (bytes !== undefined) meter?.weigh(bytes);
      return { commandsToday: meter?.commandsToday(), bytes };
    };
    return {
      storeKind: store.kind,
      sharesPromises,
      slotOf: store.slotOf,
      subscribe:
        subscribe &&
        ((...asked) => {
          if (isClosed()) throw closedError();
          return subscribe(...asked);
        }),
      namespace,
      clock,
      requestTimeoutMs,
      circuit,
      execute,
      command,
      ...typedCommands(namespace, execute, command),
      scope,
      planUsage,
      notify,
      measure: instrumentation ?? UNTOLD,
      close,
    };
  };

  const scope = (): KvClient => {
    const lane = createLane({ ...shared, coalesces: coalesce !== false, batches: true });
    let ended = false;
    return view(
      lane,
      () => closed || ended,
      async () => {
        ended = true;
      },
    );
  };

  const lane = createLane({ ...shared, coalesces: coalesce === 'isolate', batches: sharesPromises });
  return view(
    lane,
    () => closed,
    async () => {
      if (!closed) instrumentation?.close();
      closed = true;
      await store.close();
    },
  );
}

function closedError(): StoreError {
  return new StoreError('local', 'The client is closed', { mayHaveRun: false });
}

/** Without the keys whose value is an explicit `undefined`. */
function defined<T extends object>(options: T | undefined): Partial<T> {
  return Object.fromEntries(Object.entries(options ?? {}).filter(([, value]) => value !== undefined)) as Partial<T>;
}
