import type { Cancel, Clock } from '../../lib/clock.ts';
import type { MetricsSnapshot } from '../../lib/guard/metrics/snapshot.ts';
import type { ConsoleSnapshot } from './snapshot.ts';

export interface SamplerOptions {
  /** One look. Ends by itself within a second or so. */
  readonly look: () => Promise<ConsoleSnapshot>;
  readonly clock: Clock;
}

/** Looks at the application once a second, for as long as somebody watches, and once for all of them. */
export interface Sampler {
  /** No watch, and no look, when too many watch already. */
  watch(watcher: Watcher): Watch | undefined;
  /** Sends all watchers away. */
  end(): void;
}

export interface Watcher {
  /** Looks come in order, none of them twice; `undefined` for one that failed. */
  see(look: Look | undefined): void;
  /** There are no more. */
  end(): void;
}

export interface Look {
  /** Unix milliseconds; greater than that of any look before. */
  readonly id: number;
  /** A `ConsoleSnapshot` as JSON: written once, however many watch. */
  readonly json: string;
}

export interface Watch {
  /** What was seen before, as JSON of a list, the oldest first; of it what came after the look `id`. */
  history(id?: number): string;
  stop(): void;
}

export const MAX_WATCHERS = 20;
const INTERVAL_MS = 1_000;
/** Five minutes. */
const MAX_LOOKS = 300;

interface Past {
  readonly id: number;
  /** Without what only the last look is asked for. */
  readonly json: string;
}

/**
 * No timer, and no look, when nobody watches. What was seen stays for who comes back, at most five minutes of it: a few
 * hundred kilobytes.
 */
export function createSampler({ look, clock }: SamplerOptions): Sampler {
  const watchers = new Set<Watcher>();
  const past: Past[] = [];
  let last: Look | undefined;
  let isLooking = false;
  let cancel: Cancel | undefined;

  const sample = async (): Promise<void> => {
    isLooking = true;
    const startedAt = clock.monotonic();
    const snapshot = await look().catch(() => undefined);
    isLooking = false;
    if (watchers.size === 0) return;
    const seen = snapshot && keep(snapshot);
    cancel = clock.after(Math.max(0, INTERVAL_MS - (clock.monotonic() - startedAt)), () => void sample());
    for (const watcher of [...watchers]) watcher.see(seen);
  };

  const keep = (snapshot: ConsoleSnapshot): Look => {
    // The clock of the server may be set back.
    const id = Math.max(snapshot.at, (last?.id ?? 0) + 1);
    past.push({ id, json: JSON.stringify(slim(snapshot)) });
    if (past.length > MAX_LOOKS) past.shift();
    last = { id, json: JSON.stringify(snapshot) };
    return last;
  };

  const history = (after = 0): string => {
    const oldest = clock.now() - MAX_LOOKS * INTERVAL_MS;
    const looks = past.filter(({ id }) => id > after && id > oldest);
    return `[${looks.map(({ id, json }) => (id === last?.id ? last.json : json)).join(',')}]`;
  };

  return {
    watch(watcher) {
      if (watchers.size >= MAX_WATCHERS) return undefined;
      watchers.add(watcher);
      if (watchers.size === 1 && !isLooking) void sample();
      return {
        history,
        stop() {
          watchers.delete(watcher);
          if (watchers.size === 0) cancel?.();
        },
      };
    },
    end() {
      for (const watcher of [...watchers]) watcher.end();
    },
  };
}

function slim({ middleware, handler, demo, ...rest }: ConsoleSnapshot): ConsoleSnapshot {
  return {
    ...rest,
    middleware: middleware && countsOf(middleware),
    handler: countsOf(handler),
    demo: demo && { ...demo, keys: [] },
  };
}

function countsOf(metrics: MetricsSnapshot): MetricsSnapshot {
  return { ...metrics, transitions: [], busiest: [] };
}
