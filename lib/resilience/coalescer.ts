import type { Cancel, Clock } from '../clock.ts';
import { DeadlineError } from '../errors.ts';

export interface CoalescerOptions {
  readonly clock: Clock;
  /** How long a flight may take before its followers take its leader for dead. */
  readonly timeoutMs: number;
}

export interface Flight<T> {
  /** Keys that the answer depends on; see {@link Coalescer.forget}. */
  readonly keys: readonly string[];
  /** Asks once, within `timeoutMs`. The signal is aborted when nobody waits any more. */
  readonly load: (signal: AbortSignal, timeoutMs: number) => Promise<T>;
  /** Gives a follower a value of its own. */
  readonly copy: (value: T) => T;
  /** Detaches this caller only. */
  readonly signal?: AbortSignal | undefined;
  /** How long this caller waits. @default the coalescer's `timeoutMs` */
  readonly timeoutMs?: number | undefined;
}

export interface Coalescer<T> {
  /** Joins the flight of the same name, or starts it. A rejection reaches everybody who waits and is not kept. */
  run(name: string, flight: Flight<T>): Promise<T>;
  /** Nobody joins a flight that depends on `key` any more: what it answers may be older than a write just issued. */
  forget(key: string): void;
  forgetAll(): void;
  /** Flights that can be joined. */
  readonly size: number;
}

interface Entry<T> {
  readonly promise: Promise<T>;
  readonly controller: AbortController;
  readonly keys: readonly string[];
  readonly diesAt: number;
  waiting: number;
}

/**
 * One request for identical reads that are in flight at the same time.
 *
 * A leader may vanish: runtimes that end a request's promises with the request leave its followers waiting for ever. So
 * each follower has a timer of its own, and asks for itself when the leader should have answered and has not.
 */
export function createCoalescer<T>({ clock, timeoutMs }: CoalescerOptions): Coalescer<T> {
  const flights = new Map<string, Entry<T>>();
  const byKey = new Map<string, Set<string>>();

  const remove = (name: string, entry: Entry<T>) => {
    if (flights.get(name) !== entry) return;
    flights.delete(name);
    for (const key of entry.keys) {
      const names = byKey.get(key);
      names?.delete(name);
      if (names?.size === 0) byKey.delete(key);
    }
  };

  const lead = (name: string, flight: Flight<T>, remainingMs: number): Entry<T> => {
    const controller = new AbortController();
    const promise = flight.load(controller.signal, remainingMs);
    const entry: Entry<T> = {
      promise,
      controller,
      keys: flight.keys,
      diesAt: clock.monotonic() + remainingMs,
      waiting: 0,
    };
    flights.set(name, entry);
    for (const key of flight.keys) {
      const names = byKey.get(key) ?? new Set();
      byKey.set(key, names.add(name));
    }
    const done = () => remove(name, entry);
    promise.then(done, done);
    return entry;
  };

  const wait = (name: string, flight: Flight<T>, entry: Entry<T>, isLeader: boolean, endsAt: number): Promise<T> => {
    const { signal } = flight;
    entry.waiting += 1;
    return new Promise<T>((resolve, reject) => {
      let cancel: Cancel | undefined;
      const leave = () => {
        cancel?.();
        signal?.removeEventListener('abort', abandon);
        entry.waiting -= 1;
      };
      const giveUp = (reason: unknown) => {
        leave();
        if (entry.waiting === 0) {
          remove(name, entry);
          entry.controller.abort(reason);
        }
        reject(reason);
      };
      const abandon = () => giveUp(signal?.reason);
      const ring = () => {
        const leftMs = endsAt - clock.monotonic();
        // Timers may ring a fraction of a millisecond early.
        if (leftMs < 1) return giveUp(new DeadlineError(flight.timeoutMs ?? timeoutMs, false));
        leave();
        remove(name, entry);
        const joined = flights.get(name);
        wait(name, flight, joined ?? lead(name, flight, leftMs), joined === undefined, endsAt).then(resolve, reject);
      };
      const ringsAt = isLeader ? endsAt : Math.min(endsAt, entry.diesAt + 1);
      // A leader that waits as long as its flight needs no timer: the flight has one.
      if (ringsAt < entry.diesAt || !isLeader) cancel = clock.after(ringsAt - clock.monotonic(), ring);
      signal?.addEventListener('abort', abandon);
      entry.promise.then(
        (value) => {
          leave();
          resolve(isLeader ? value : flight.copy(value));
        },
        (error: unknown) => {
          leave();
          reject(error);
        },
      );
    });
  };

  return {
    async run(name, flight) {
      flight.signal?.throwIfAborted();
      const joined = flights.get(name);
      const endsAt = clock.monotonic() + (flight.timeoutMs ?? timeoutMs);
      return wait(name, flight, joined ?? lead(name, flight, timeoutMs), joined === undefined, endsAt);
    },
    forget(key) {
      for (const name of byKey.get(key) ?? []) {
        const entry = flights.get(name);
        if (entry) remove(name, entry);
      }
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
