import type { Cancel, Clock } from '../clock.ts';
import { DeadlineError } from '../errors.ts';

export interface CoalescerOptions {
  readonly clock: Clock;
  /** How long a flight may take before its followers take its leader for dead. */
  readonly timeoutMs: number;
}

/** One who wants an answer, and how he would get it by himself. */
export interface Caller<T> {
  /** Keys that the answer depends on; see {@link Coalescer.forget}. */
  readonly keys: readonly string[];
  /** Asks once, within `timeoutMs`. The signal is aborted when nobody waits any more. */
  readonly load: (signal: AbortSignal, timeoutMs: number) => Promise<T>;
  /** Detaches this caller only. */
  readonly signal?: AbortSignal | undefined;
  /** How long this caller waits, at most the coalescer's `timeoutMs`, which is the default. */
  readonly timeoutMs?: number | undefined;
}

export interface Coalescer<T> {
  /**
   * Joins the flight of the same name, or starts it. The value, one and the same, or the rejection reaches everybody who
   * waits, and is not kept.
   */
  run(name: string, caller: Caller<T>): Promise<T>;
  /** Nobody joins a flight that depends on `key` any more: what it answers may be older than a write just issued. */
  forget(key: string): void;
  forgetAll(): void;
  /** Flights that can be joined. */
  readonly size: number;
}

/** A request under way, which others with the same question join. */
interface Flight<T> {
  readonly name: string;
  readonly promise: Promise<T>;
  readonly controller: AbortController;
  readonly keys: readonly string[];
  /** Monotonic milliseconds at which it should have ended by itself. */
  readonly diesAt: number;
  waiting: number;
}

/** Timers ring up to 2 ms early or late; a flight that ends by its own deadline is not dead. */
const GRACE_MS = 5;

/**
 * One request for identical reads that are in flight at the same time.
 *
 * A leader may vanish: runtimes that end a request's promises with the request leave its followers waiting for ever. So
 * each follower has a timer of its own, and asks for itself when the leader should have answered and has not.
 */
export function createCoalescer<T>({ clock, timeoutMs }: CoalescerOptions): Coalescer<T> {
  const flights = new Map<string, Flight<T>>();
  const byKey = new Map<string, Set<Flight<T>>>();

  const remove = (flight: Flight<T>) => {
    if (flights.get(flight.name) !== flight) return;
    flights.delete(flight.name);
    for (const key of flight.keys) {
      const dependent = byKey.get(key);
      dependent?.delete(flight);
      if (dependent?.size === 0) byKey.delete(key);
    }
  };

  const lead = (name: string, caller: Caller<T>, remainingMs: number, now: number): Flight<T> => {
    const controller = new AbortController();
    const promise = caller.load(controller.signal, remainingMs);
    const flight: Flight<T> = {
      name,
      promise,
      controller,
      keys: caller.keys,
      diesAt: now + remainingMs,
      waiting: 0,
    };
    flights.set(name, flight);
    for (const key of caller.keys) {
      const dependent = byKey.get(key) ?? new Set();
      byKey.set(key, dependent.add(flight));
    }
    const done = () => remove(flight);
    promise.then(done, done);
    return flight;
  };

  const wait = (name: string, caller: Caller<T>, flight: Flight<T>, isLeader: boolean, endsAt: number): Promise<T> => {
    const { signal } = caller;
    flight.waiting += 1;
    return new Promise<T>((resolve, reject) => {
      let cancel: Cancel | undefined;
      let here = true;
      const leave = (): boolean => {
        if (!here) return false;
        here = false;
        cancel?.();
        signal?.removeEventListener('abort', abandon);
        flight.waiting -= 1;
        return true;
      };
      const giveUp = (reason: unknown) => {
        leave();
        if (flight.waiting === 0) {
          remove(flight);
          // A flight that is at its end ends by itself: aborted, it would not count as the failure that it is.
          if (flight.diesAt - clock.monotonic() >= 1) flight.controller.abort(reason);
        }
        reject(reason);
      };
      const abandon = () => giveUp(signal?.reason);
      const expire = () => giveUp(new DeadlineError(Math.min(caller.timeoutMs ?? timeoutMs, timeoutMs), false));
      const takeOver = () => {
        const now = clock.monotonic();
        const leftMs = endsAt - now;
        if (leftMs < 1) return expire();
        leave();
        remove(flight);
        const joined = flights.get(name);
        const next = joined ?? lead(name, caller, leftMs, now);
        wait(name, caller, next, joined === undefined, endsAt).then(resolve, reject);
      };
      const overdueAt = flight.diesAt + GRACE_MS;
      if (!isLeader && overdueAt < endsAt) cancel = clock.after(overdueAt - clock.monotonic(), takeOver);
      // A leader that waits as long as its flight needs no timer: the flight has one.
      else if (!isLeader || flight.diesAt - endsAt >= 1) cancel = clock.after(endsAt - clock.monotonic(), expire);
      signal?.addEventListener('abort', abandon);
      flight.promise.then(
        (value) => {
          if (leave()) resolve(value);
        },
        (error: unknown) => {
          if (leave()) reject(error);
        },
      );
    });
  };

  return {
    async run(name, caller) {
      caller.signal?.throwIfAborted();
      const joined = flights.get(name);
      const now = clock.monotonic();
      const endsAt = now + Math.min(caller.timeoutMs ?? timeoutMs, timeoutMs);
      return wait(name, caller, joined ?? lead(name, caller, timeoutMs, now), joined === undefined, endsAt);
    },
    forget(key) {
      for (const flight of byKey.get(key) ?? []) remove(flight);
    },
    forgetAll() {
      flights.clear();
      byKey.clear();
    },
    get size() {
      return flights.size;
    },
  };
}
