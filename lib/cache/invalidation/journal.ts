import type { KvClient } from '../../client/kv-client.ts';
import { elapsedSince, type Instant, instant } from '../../clock.ts';
import type { Command } from '../../store/store.ts';

/** One thing that Redis is to hear of. */
export interface Notice {
  readonly commands: readonly Command[];
  /** Called once Redis has taken it. */
  readonly told: () => void;
  /** What says the same in other words: the first may have arrived, and others may have changed something since. */
  readonly again?: () => Notice;
}

/** Invalidations that Redis has to hear of, kept while it is away. Bounded. */
export interface Journal {
  /** Tells Redis, now or later; a later notice of the same name takes the place of this one. Whether it has heard it now. */
  tell(name: string, notice: Notice): Promise<boolean>;
  /** As `tell`, but later only. */
  keep(name: string, notice: Notice): void;
  /** Whether there is something of this name that Redis has not heard. */
  has(name: string): boolean;
  /** Redis has heard better. */
  drop(name: string): void;
  /** Tells again what could not be told, unless that was tried a moment ago; `undefined` where there is nothing to do. */
  replay(): Promise<void> | undefined;
  readonly size: number;
}

export interface JournalOptions {
  readonly kv: KvClient;
  /** So many notices at most: with one more all are dropped, and `onOverflow` is to keep one that ends all they would have. */
  readonly maxNotices: number;
  readonly onOverflow: () => void;
}

const REPLAY_EVERY_MS = 1_000;
/** Notices in one request. */
const REPLAYED_AT_ONCE = 100;

export function createJournal({ kv, maxNotices, onOverflow }: JournalOptions): Journal {
  const notices = new Map<string, Notice>();
  let triedAt: Instant | undefined;
  let replaying: Promise<void> | undefined;

  const send = async (batch: readonly (readonly [name: string, notice: Notice])[]): Promise<boolean> => {
    try {
      const results = await kv.execute(batch.flatMap(([, { commands }]) => commands));
      let from = 0;
      let isWhole = true;
      for (const [name, notice] of batch) {
        const own = results.slice(from, from + notice.commands.length);
        from += notice.commands.length;
        if (own.some((result) => result instanceof Error)) isWhole = false;
        else {
          if (notices.get(name) === notice) notices.delete(name);
          notice.told();
        }
      }
      return isWhole;
    } catch {
      // The client counts and reports what goes wrong between it and Redis.
      return false;
    }
  };

  const replayAll = async (): Promise<void> => {
    for (const [name, notice] of notices) notices.set(name, notice.again?.() ?? notice);
    for (let rest = [...notices]; rest.length > 0; rest = rest.slice(REPLAYED_AT_ONCE)) {
      if (!(await send(rest.slice(0, REPLAYED_AT_ONCE)))) return;
    }
  };

  const keep = (name: string, notice: Notice): boolean => {
    if (notices.size >= maxNotices && !notices.has(name)) {
      notices.clear();
      onOverflow();
      return false;
    }
    notices.set(name, notice);
    return true;
  };

  return {
    keep,
    async tell(name, notice) {
      if (!keep(name, notice)) return false;
      triedAt = instant(kv.clock);
      return send([[name, notice]]);
    },
    has: (name) => notices.has(name),
    drop(name) {
      notices.delete(name);
    },
    replay() {
      if (notices.size === 0 || replaying || kv.circuit.state().state === 'OPEN') return undefined;
      if (triedAt && elapsedSince(triedAt, kv.clock) < REPLAY_EVERY_MS) return undefined;
      triedAt = instant(kv.clock);
      replaying = replayAll().finally(() => {
        replaying = undefined;
      });
      return replaying;
    },
    get size() {
      return notices.size;
    },
  };
}

/** Name of a notice about one key. */
export function keyNotice(key: string): string {
  return `key ${key}`;
}
