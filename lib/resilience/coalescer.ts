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
  run(name: string, flight: Flight<T>): Promise<T>;
  /** Nobody joins a flight that depends on `key` any more: what it answers may be older than a write just issued. */
  forget(key: string): void;
  forgetAll(): void;
  /** Flights that can be joined. */
  readonly size: number;
}

interface Entry<T> {
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
  const flights = new Map<string, Entry<T>>();
  const byKey = new Map<string, Set<Entry<T>>>();

  const remove = (entry: Entry<T>) => {
    if (flights.get(entry.name) !== entry) return;
    flights.delete(entry.name);
    for (const key of entry.keys) {
      const entries = byKey.get(key);
      entries?.delete(entry);
      if (entries?.size === 0) byKey.delete(key);
    }
  };

  const lead = (name: string, flight: Flight<T>, remainingMs: number, now: number): Entry<T> => {
    const controller = new AbortController();
    const promise = flight.load(controller.signal, remainingMs);
    const entry: Entry<T> = {
      name,
      promise,
      controller,
      keys: flight.keys,
      diesAt: now + remainingMs,
      waiting: 0,
    };
    flights.set(name, entry);
    for (const key of flight.keys) {
      const entries = byKey.get(key) ?? new Set();
      byKey.set(key, entries.add(entry));
    }
    const done = () => remove(entry);
    promise.then(done, done);
    return entry;
  };

  const wait = (name: string, flight: Flight<T>, entry: Entry<T>, isLeader: boolean, endsAt: number): Promise<T> => {
    const { signal } = flight;
    entry.waiting += 1;
    return new Promise<T>((resolve, reject) => {
      let cancel: Cancel | undefined;
      let here = true;
      const leave = (): boolean => {
        if (!here) return false;
        here = false;
        cancel?.();
        signal?.removeEventListener('abort', abandon);
        entry.waiting -= 1;
        return true;
      };
      const giveUp = (reason: unknown) => {
        leave();
        if (entry.waiting === 0) {
          remove(entry);
          // A flight that is at its end ends by itself: aborted, it would not count as the failure that it is.
          if (entry.diesAt - clock.monotonic() >= 1) entry.controller.abort(reason);
        }
        reject(reason);
      };
      const abandon = () => giveUp(signal?.reason);
      const expire = () => giveUp(new DeadlineError(flight.timeoutMs ?? timeoutMs, false));
      const takeOver = () => {
        const now = clock.monotonic();
        const leftMs = endsAt - now;
        if (leftMs < 1) return expire();
        leave();
        remove(entry);
        const joined = flights.get(name);
        const next = joined ?? lead(name, flight, leftMs, now);
        wait(name, flight, next, joined === undefined, endsAt).then(resolve, reject);
      };
      const overdueAt = entry.diesAt + GRACE_MS;
      if (!isLeader && overdueAt < endsAt) cancel = clock.after(overdueAt - clock.monotonic(), takeOver);
      // A leader that waits as long as its flight needs no timer: the flight has one.
      else if (!isLeader || entry.diesAt - endsAt >= 1) cancel = clock.after(endsAt - clock.monotonic(), expire);
      signal?.addEventListener('abort', abandon);
      entry.promise.then(
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
    async run(name, flight) {
      flight.signal?.throwIfAborted();
      const joined = flights.get(name);
      const now = clock.monotonic();
      const endsAt = now + Math.min(flight.timeoutMs ?? timeoutMs, timeoutMs);
      return wait(name, flight, joined ?? lead(name, flight, timeoutMs, now), joined === undefined, endsAt);
    },
    forget(key) {
      for (const entry of byKey.get(key) ?? []) remove(entry);
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
