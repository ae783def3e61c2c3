import type { Cancel, Clock } from '../../lib/clock.ts';
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
/** Half of what a client may leave unread: who begins with all of it has room for what comes next. */
const MAX_CHARACTERS = 2 * 1024 * 1024;

/**
 * No timer, and no look, when nobody watches. What was seen stays for who comes back: at most five minutes of it, and 2 MB,
 * which is less of it where there are dozens of policies.
 */
export function createSampler({ look, clock }: SamplerOptions): Sampler {
  const watchers = new Set<Watcher>();
  const past: Look[] = [];
  let characters = 0;
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
    const id = Math.max(snapshot.at, (past.at(-1)?.id ?? 0) + 1);
    const seen = { id, json: JSON.stringify(snapshot) };
    past.push(seen);
    characters += seen.json.length;
    while (past.length > MAX_LOOKS || characters > MAX_CHARACTERS) {
      characters -= past.shift()?.json.length ?? characters;
    }
    return seen;
  };

  const history = (after = 0): string => {
    const oldest = clock.now() - MAX_LOOKS * INTERVAL_MS;
    const looks = past.filter(({ id }) => id > after && id > oldest);
    return `[${looks.map(({ json }) => json).join(',')}]`;
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
