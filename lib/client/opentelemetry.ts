import type { Attributes, Context, MeterProvider, Span, Tracer, TracerProvider } from '@opentelemetry/api';
import { isNoScript } from './classify.ts';
import { createInstruments, type Instruments } from './opentelemetry-instruments.ts';
import { createOperationNames, errorAttributes } from './operation-attributes.ts';
import type { Instrumentation, InstrumentedClient, OperationEnd, Telemetry, Within } from './telemetry.ts';

/** What is needed of the module `@opentelemetry/api`, from version 1.4 on. */
export interface OpenTelemetryApi {
  readonly trace: { getTracerProvider(): TracerProvider };
  readonly metrics: { getMeterProvider(): MeterProvider };
  readonly context: ActiveContext;
}

/** What is told beside what the client does. */
export interface OpenTelemetryOptions {
  /** Put on every span and every measurement: `{ 'server.address': 'eu1.example.com' }`, say. Few and fixed. @default none */
  readonly attributes?: Readonly<Record<string, string | number | boolean>> | undefined;
}

interface ActiveContext {
  active(): Context;
  with(context: Context, work: () => void): void;
}

/** Where the SDK is found at the moment, as far as there is one. */
interface Registry {
  readonly trace?: TracerProvider | undefined;
  readonly metrics?: MeterProvider | undefined;
  readonly context?: ActiveContext | undefined;
}

/** Of the instrumentation scope. */
const SCOPE = 'breakwater';
/** Values of the API's enumerations, so that nothing of it has to be loaded. */
const [INTERNAL, CLIENT, ERROR] = [0, 2, 2];

/**
 * Spans and metrics of the clients that are given it, by the conventions for database clients. May come before or after
 * the SDK is started. Costs no request; while Redis is away operations go on being told, as the errors that they are.
 *
 * @example
 * ```ts
 * import * as otel from '@opentelemetry/api';
 *
 * const kv = createKv({ store, telemetry: openTelemetry(otel) });
 * ```
 */
export function openTelemetry(api: OpenTelemetryApi, options: OpenTelemetryOptions = {}): Telemetry {
  const registry: Registry = {
    get trace() {
      return api.trace.getTracerProvider();
    },
    get metrics() {
      return api.metrics.getMeterProvider();
    },
    context: api.context,
  };
  return telemetryOf(() => registry, options.attributes);
}

/**
 * As {@link openTelemetry}, with whatever SDK this process has started; nothing happens while it has none.
 *
 * The copies of `@opentelemetry/api` in a process, of all versions 1.x, find each other under this name, and so do we.
 * Importing the package would be worse: bundlers resolve an `import` also within `try`, and builds have failed over it
 * where the package is missing (vercel/workflow#1947, vercel/storage#611, better-auth#9365); it adds 5 KB, gzipped, to an
 * Edge bundle; and what is loaded on demand misses the first calls.
 */
export function registeredOpenTelemetry(): Telemetry {
  const home = globalThis as { readonly [API]?: Registry };
  return telemetryOf(() => home[API]);
}

const API: unique symbol = Symbol.for('opentelemetry.js.api.1');

function telemetryOf(registry: () => Registry | undefined, given: Attributes = {}): Telemetry {
  const fixed: Attributes = { ...given, 'db.system.name': 'redis' };
  return { instrument: (client) => instrument(client, registry, given, fixed) };
}

function instrument(
  { storeKind, circuitState }: InstrumentedClient,
  registry: () => Registry | undefined,
  given: Attributes,
  fixed: Attributes,
): Instrumentation {
  const nameOfOperation = createOperationNames();
  // Nothing leaves the process: a map of services would show a Redis that is not there.
  const kind = storeKind === 'memory' ? INTERNAL : CLIENT;
  let closed = false;
  let traces: { readonly provider: TracerProvider; readonly tracer: Tracer } | undefined;
  let meters: { readonly provider: MeterProvider; readonly instruments: Instruments } | undefined;

  const tracer = (): Tracer | undefined => {
    const provider = registry()?.trace;
    if (provider !== traces?.provider) traces = provider && { provider, tracer: provider.getTracer(SCOPE) };
    return traces?.tracer;
  };

  // Meters of the API before an SDK is started never measure, so the provider is looked for each time.
  const instruments = (): Instruments | undefined => {
    const provider = registry()?.metrics;
    if (provider !== meters?.provider) {
      meters = provider && {
        provider,
        instruments: createInstruments(provider.getMeter(SCOPE), given, circuitState()),
      };
    }
    return meters?.instruments;
  };

  const within = (): Within | undefined => {
    const surroundings = registry()?.context;
    if (!surroundings) return undefined;
    const active = surroundings.active();
    return (work) => surroundings.with(active, work);
  };

  const ending = (attributes: Attributes, span?: Span) => (end: OperationEnd) => {
    const outcome = outcomeAttributes(end);
    instruments()?.ended(end.durationMs, { ...attributes, ...outcome });
    if (!span) return;
    span.setAttributes(outcome);
    if ('error.type' in outcome) span.setStatus({ code: ERROR });
    span.end();
  };

  return {
    get active() {
      const registered = closed ? undefined : registry();
      return registered?.trace !== undefined || registered?.metrics !== undefined;
    },
    operation(commands, atomic, work) {
      const name = nameOfOperation(commands, atomic);
      const attributes = { ...fixed, 'db.operation.name': name };
      const spanAttributes =
        commands.length > 1 ? { ...attributes, 'db.operation.batch.size': commands.length } : attributes;
      const end = tracer()?.startActiveSpan(name, { kind, attributes: spanAttributes }, (span) => {
        work(within());
        return ending(attributes, span);
      });
      if (end) return end;
      work();
      return ending(attributes);
    },
    request: (commands, outcome, failure) => instruments()?.request(commands, outcome, failure),
    coalesced: () => instruments()?.coalesced(),
    transition: (transition) => instruments()?.transition(transition),
    decision: (decision, durationMs) => instruments()?.decision(decision, durationMs),
    limit: (check, basis, account) => instruments()?.limit(check, basis, account),
    cacheRead: (result) => instruments()?.cacheRead(result),
    lock: (result) => instruments()?.lock(result),
    close() {
      closed = true;
      meters?.instruments.close();
    },
  };
}

function outcomeAttributes({ error, aborted }: OperationEnd): Attributes {
  if (aborted) return { 'breakwater.aborted': true };
  if (error === undefined) return {};
  // No error: it is how Redis asks for a script, and EVAL follows.
  if (isNoScript(error)) return { 'db.response.status_code': 'NOSCRIPT' };
  return errorAttributes(error);
}
