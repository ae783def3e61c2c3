import type { FailureKind } from '../../lib/events.ts';
import type { ManualClock } from '../../lib/testing/manual-clock.ts';
import { BreakerModel, type Leave, type Rules } from './breaker-model.ts';

/** One caller's call of one command. */
export interface ModelCall {
  readonly write: boolean;
  readonly key: string;
  readonly atomic: boolean;
  readonly command: string;
  /** What it was told in the end. */
  told: string | undefined;
}

/** One command on its way, and everybody who waits for it. */
interface Flight {
  readonly call: ModelCall;
  readonly waiting: Set<ModelCall>;
  /** Answered, or abandoned by everybody. A write that was abandoned is nobody's: later reads need not know of it. */
  over: boolean;
}

export interface ModelRequest {
  readonly flights: readonly Flight[];
  readonly leave: Leave;
  readonly sentAt: number;
  over: boolean;
}

export type ModelReply = 'well' | 'outage' | 'denied' | { readonly retryAfterMs: number };

/** The deadline of a request. */
export const DEADLINE_MS = 1_000;

/**
 * The client as its rules are written down: what is issued in one tick leaves together while the circuit is closed, each
 * call alone otherwise, transactions always; a read joins an identical one in flight unless a write of its key was issued
 * since; one request is one sample; nobody waits beyond the deadline.
 */
export class ClientModel {
  readonly breaker: BreakerModel;
  readonly requests: ModelRequest[] = [];
  private readonly clock: ManualClock;
  private joinable = new Map<string, Flight>();
  private gathering: Flight[] = [];
  /** Transactions and others cut the tick into requests that leave in order. */
  private groups: Flight[][] = [];
  private ending: (() => void)[] = [];

  constructor(clock: ManualClock, rules: Rules) {
    this.clock = clock;
    this.breaker = new BreakerModel(clock, rules);
  }

  issue(call: ModelCall): void {
    const joined = call.write ? undefined : this.joinable.get(call.command);
    if (joined) {
      joined.waiting.add(call);
      return;
    }
    const flight: Flight = { call, waiting: new Set([call]), over: false };
    if (call.write) this.forget(call.key);
    else this.joinable.set(call.command, flight);
    if (this.breaker.name !== 'CLOSED') {
      this.send([flight]);
    } else if (call.atomic) {
      this.groups.push(this.gathering, [flight]);
      this.gathering = [];
    } else {
      this.gathering.push(flight);
    }
  }

  /** The end of the tick. */
  flush(): void {
    const groups = [...this.groups, this.gathering].filter(({ length }) => length > 0);
    this.groups = [];
    this.gathering = [];
    for (const group of groups) this.send(group);
    for (const end of this.ending.splice(0)) end();
  }

  private send(flights: readonly Flight[]): void {
    const leave = this.breaker.acquire();
    if (typeof leave === 'number') {
      // The promise rejects at the end of the tick: until then others may join it.
      this.ending.push(() => this.end(flights, () => `CIRCUIT_OPEN ${leave}`));
      return;
    }
    this.requests.push({ flights, leave, sentAt: this.clock.monotonic(), over: false });
  }

  private end(flights: readonly Flight[], outcome: (flight: Flight) => string): void {
    for (const flight of flights) {
      if (flight.over) continue;
      flight.over = true;
      for (const call of flight.waiting) call.told = outcome(flight);
      flight.waiting.clear();
      if (flight.call.write) this.forget(flight.call.key);
      else if (this.joinable.get(flight.call.command) === flight) this.joinable.delete(flight.call.command);
    }
  }

  private forget(key: string): void {
    for (const [command, flight] of this.joinable) if (flight.call.key === key) this.joinable.delete(command);
  }

  reply(request: ModelRequest, reply: ModelReply): void {
    if (request.over) return;
    request.over = true;
    const failed = (kind: FailureKind, retryAfterMs = 0) => ({ kind, retryAfterMs });
    if (reply === 'well') this.breaker.settle(request.leave, 'success');
    else if (reply === 'denied') this.breaker.settle(request.leave, 'neutral');
    else if (reply === 'outage') this.breaker.settle(request.leave, failed('unavailable'));
    else this.breaker.settle(request.leave, failed('network', reply.retryAfterMs));
    this.end(request.flights, ({ call }) => {
      if (reply === 'well') return `ok ${call.command}`;
      if (reply === 'outage') return 'unavailable true';
      return reply === 'denied' ? 'auth true' : 'network true';
    });
  }

  /** The first deadline to come, on the monotonic clock. */
  nextDeadline(): number {
    return Math.min(...this.requests.filter(({ over }) => !over).map(({ sentAt }) => sentAt + DEADLINE_MS));
  }

  expire(): void {
    for (const request of this.requests) {
      if (request.over || request.sentAt + DEADLINE_MS > this.clock.monotonic()) continue;
      request.over = true;
      this.breaker.settle(request.leave, { kind: 'deadline', retryAfterMs: 0 });
      const wrote = (flight: Flight) => flight.call.write;
      this.end(request.flights, (flight) => `DEADLINE ${wrote(flight)}`);
    }
  }

  abort(call: ModelCall): void {
    if (call.told !== undefined) return;
    call.told = 'gone';
    const request = this.requests.find(({ flights }) => flights.some(({ waiting }) => waiting.has(call)));
    const flight = request?.flights.find(({ waiting }) => waiting.has(call));
    if (!request || !flight) throw new Error('a call that waits for nothing');
    flight.waiting.delete(call);
    if (flight.waiting.size > 0) return;
    this.end([flight], () => '');
    if (request.over || request.flights.some(({ waiting }) => waiting.size > 0)) return;
    request.over = true;
    this.breaker.settle(request.leave, 'neutral');
  }
}
