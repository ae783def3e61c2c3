import type { Attributes, Meter } from '@opentelemetry/api';
import type { CircuitStateName, FailureKind, Transition } from '../events.ts';
import type { Measurements } from './measurements.ts';
import { createFeatureInstruments } from './opentelemetry-features.ts';
import type { RequestOutcome } from './telemetry.ts';

/** One client's measurements with one meter. */
export interface Instruments extends Measurements {
  ended(durationMs: number, attributes: Attributes): void;
  request(commands: number, outcome: RequestOutcome, failure: FailureKind | undefined): void;
  coalesced(): void;
  transition(transition: Transition): void;
  close(): void;
}

/** In seconds; the convention's. */
const BOUNDARIES = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];

/**
 * Nothing here is observed by a callback: a meter would hold on to every client that is not closed. Circuits are counted
 * up and down instead, and so those of several clients add up.
 *
 * @param given put on every measurement
 * @param state of the client's circuit now
 */
export function createInstruments(meter: Meter, given: Attributes, state: CircuitStateName): Instruments {
  const durations = meter.createHistogram('db.client.operation.duration', {
    unit: 's',
    description: 'Duration of database client operations.',
    advice: { explicitBucketBoundaries: BOUNDARIES },
  });
  const counter = (name: string, unit: string, description: string) => meter.createCounter(name, { unit, description });
  const requests = counter('breakwater.client.requests', '{request}', 'Requests to the store.');
  const commands = counter('breakwater.client.commands', '{command}', 'Commands in requests to the store.');
  const reads = counter('breakwater.client.coalesced_reads', '{read}', 'Reads answered by the request of another.');
  const transitions = counter('breakwater.circuit.transitions', '{transition}', 'Changes of a circuit.');
  const circuits = meter.createUpDownCounter('breakwater.circuit.count', {
    unit: '{circuit}',
    description: 'Circuits of open clients, by state.',
  });
  let counted: CircuitStateName | undefined;
  const count = (next: CircuitStateName | undefined) => {
    if (next === counted) return;
    if (counted !== undefined) circuits.add(-1, { ...given, 'breakwater.circuit.state': counted });
    if (next !== undefined) circuits.add(1, { ...given, 'breakwater.circuit.state': next });
    counted = next;
  };
  count(state);

  return {
    ...createFeatureInstruments(meter, given),
    ended: (durationMs, attributes) => durations.record(durationMs / 1_000, attributes),
    request(sent, outcome, failure) {
      const error = failure === undefined ? {} : { 'error.type': failure };
      requests.add(1, { ...given, 'breakwater.request.outcome': outcome, ...error });
      if (sent > 0) commands.add(sent, given);
    },
    coalesced: () => reads.add(1, given),
    transition({ from, to, reason }) {
      const why = reason === undefined ? {} : { 'breakwater.circuit.reason': reason };
      transitions.add(1, { ...given, 'breakwater.circuit.from': from, 'breakwater.circuit.to': to, ...why });
      count(to);
    },
    close: () => count(undefined),
  };
}
