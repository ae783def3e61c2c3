import type { CircuitStateName, FailureKind, Transition } from '../events.ts';
import type { Command, StoreKind } from '../store/store.ts';
import type { Measurements } from './measurements.ts';

/**
 * Makes spans and metrics of what clients do, and the features on them. Ours are `openTelemetry` and `createMeter`; one of
 * your own has to be quick, for it is on the way of every call.
 */
export interface Telemetry {
  /** Called once by each client that is given it. */
  instrument(client: InstrumentedClient): Instrumentation;
}

export interface InstrumentedClient {
  readonly storeKind: StoreKind;
  /** No I/O. */
  circuitState(): CircuitStateName;
}

/** What one client tells. All of it is told at once, and none of it is waited for. */
export interface Instrumentation extends Partial<Measurements> {
  /** Whether anybody wants to know now. While nobody does, only `close` is called. */
  readonly active: boolean;
  /**
   * A caller's operation begins. Has to call `work` once, before it returns; `within` leads back to where `work` ran, for
   * what is sent later on its behalf.
   *
   * `commands` hold keys and values: their names alone may be told.
   *
   * @returns what to call when the caller has its answer.
   */
  operation?(
    commands: readonly Command[],
    atomic: boolean,
    work: (within?: Within) => void,
  ): ((end: OperationEnd) => void) | undefined;
  /** A caller has its answer or its error: for who wants to know no more of it than how long that took, and costs less. */
  waited?(durationMs: number): void;
  /** A request to the store is over, or was refused by the circuit. `commands` counts those that were sent. */
  request(commands: number, outcome: RequestOutcome, failure: FailureKind | undefined): void;
  /** A read was answered by the request of another. */
  coalesced(): void;
  transition(transition: Transition): void;
  /** The client is closed. */
  close(): void;
}

/** Calls what it is given, once and at once. */
export type Within = (work: () => void) => void;

export interface OperationEnd {
  readonly durationMs: number;
  /** What it rejected with, or the first of its commands; `undefined` where all went well. */
  readonly error: unknown;
  /** The caller gave up, and `error` is its own reason. */
  readonly aborted: boolean;
}

/** As the circuit breaker counts them; `refused` were not sent. */
export type RequestOutcome = 'success' | 'failure' | 'neutral' | 'refused';

/** Calls `work` by way of `within`, or by itself where that does not. What it answers is what `work` answered. */
export function runWithin<T extends object>(within: Within, work: () => T): T {
  let answer: T | undefined;
  within(() => {
    answer ??= work();
  });
  answer ??= work();
  return answer;
}
