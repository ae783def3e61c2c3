import { reportTo } from '../events.ts';
import type { Measurements } from './measurements.ts';
import type { Instrumentation, InstrumentedClient, OperationEnd, Telemetry, Within } from './telemetry.ts';

/** All telemetry of one client as one. Never throws. */
export interface ClientInstrumentation extends Required<Instrumentation> {
  /** Whether `operation` has to be told: whether somebody listens who wants to know more than how long it took. */
  readonly active: boolean;
}

/** All of `telemetry` as one, each told while it is active; what it throws goes to `report`. `undefined` where there is none. */
export function instrumented(
  telemetry: Telemetry | readonly Telemetry[] | undefined,
  client: InstrumentedClient,
  report: ((error: unknown) => void) | undefined,
): ClientInstrumentation | undefined {
  const safely = <T>(work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      reportTo(report, error);
      return undefined;
    }
  };
  const all: Instrumentation[] = [];
  for (const one of [telemetry ?? []].flat()) {
    const inner = safely(() => one.instrument(client));
    if (inner) all.push(inner);
  }
  if (all.length === 0) return undefined;
  const tracers = all.filter(({ operation }) => operation !== undefined);

  const isActive = (one: Instrumentation): boolean => {
    try {
      return one.active;
    } catch (error) {
      reportTo(report, error);
      return false;
    }
  };

  /** Without a closure for each call: this is on the way of all of them. */
  const toEach =
    <Told extends readonly unknown[]>(tell: (one: Instrumentation, ...told: Told) => void) =>
    (...told: Told): void => {
      for (const one of all) {
        if (!isActive(one)) continue;
        try {
          tell(one, ...told);
        } catch (error) {
          reportTo(report, error);
        }
      }
    };

  const operation: ClientInstrumentation['operation'] = (commands, atomic, work) => {
    const ends: ((end: OperationEnd) => void)[] = [];
    const begin = (index: number, around: Within | undefined): void => {
      const tracer = tracers[index];
      if (!tracer) {
        work(around);
        return;
      }
      let hasBegun = false;
      const next = (within?: Within) => {
        if (hasBegun) return;
        hasBegun = true;
        begin(index + 1, joined(around, within && ((sending) => safely(() => within(sending)))));
      };
      const end = isActive(tracer) ? safely(() => tracer.operation?.(commands, atomic, next)) : undefined;
      if (end) ends.push(end);
      next();
    };
    begin(0, undefined);
    return ends.length === 0
      ? undefined
      : (outcome) => {
          for (const end of ends) safely(() => end(outcome));
        };
  };

  return {
    get active() {
      return tracers.some(isActive);
    },
    operation,
    waited: toEach((one, durationMs) => one.waited?.(durationMs)),
    request: toEach((one, commands, outcome, failure) => one.request(commands, outcome, failure)),
    coalesced: toEach((one) => one.coalesced()),
    transition: toEach((one, transition) => one.transition(transition)),
    decision: toEach((one, decision, durationMs) => one.decision?.(decision, durationMs)),
    limit: toEach((one, check, basis, account) => one.limit?.(check, basis, account)),
    cacheRead: toEach((one, result) => one.cacheRead?.(result)),
    lock: toEach((one, result) => one.lock?.(result)),
    close() {
      for (const one of all) safely(() => one.close());
    },
  };
}

/** What features tell where nobody listens. */
export const UNTOLD: Measurements = {
  decision: () => undefined,
  limit: () => undefined,
  cacheRead: () => undefined,
  lock: () => undefined,
};

function joined(outer: Within | undefined, inner: Within | undefined): Within | undefined {
  return outer && inner ? (work) => outer(() => inner(work)) : (outer ?? inner);
}
