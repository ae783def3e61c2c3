/** A moment of a history: events that share an instant have an order all the same. */
export interface Moment {
  readonly turn: number;
  readonly ms: number;
}

/** What makes older values impossible: an invalidation, or a newer value. */
export interface Barrier {
  readonly what: string;
  readonly process: number;
  /** Whether it concerns a value of `key` with these tags. */
  readonly ends: (key: string, tags: readonly string[]) => boolean;
  readonly begun: Moment;
  /** When its caller was told that it is so in his process; and in all. `undefined` as long as he was not. */
  here?: Moment;
  everywhere?: Moment;
}

interface Origin {
  readonly key: string;
  readonly tags: readonly string[];
  /** When it was true last: when the loader read it, or when its writer was told. `undefined` as long as he was not. */
  trueAt?: Moment;
}

export interface Served {
  readonly process: number;
  readonly key: string;
  readonly begun: Moment;
  readonly value: number;
  /** Its process could not ask Redis, or had not told it everything: it may not know what others did. */
  readonly isAlone: boolean;
}

/** What happened to a cache that several processes share, and what of it must not have. */
export interface CacheHistory {
  moment(): Moment;
  /** A value like no other, as of now if `isTrueNow`. */
  value(key: string, tags: readonly string[], isTrueNow: boolean): number;
  /** Its writer knows now that it is there. */
  written(value: number): void;
  barrier(barrier: Omit<Barrier, 'begun'>): Barrier;
  served(served: Served): void;
  /** Every value that was served although it had been ended before its reader began to ask. */
  readonly violations: readonly string[];
  readonly serves: number;
}

/** @param lagMs how much later an invalidation in another process may be seen */
export function cacheHistory(now: () => number, lagMs: number): CacheHistory {
  const values: Origin[] = [];
  const barriers: Barrier[] = [];
  const violations: string[] = [];
  let turn = 0;
  let serves = 0;

  const moment = (): Moment => {
    turn += 1;
    return { turn, ms: now() };
  };

  /** Whether a reader who began then has to know of it. */
  const binds = (barrier: Barrier, { process, begun, isAlone }: Served): boolean => {
    const { here, everywhere } = barrier;
    if (process === barrier.process && here && begun.turn > here.turn) return true;
    return !isAlone && everywhere !== undefined && begun.turn > everywhere.turn && begun.ms >= everywhere.ms + lagMs;
  };

  return {
    moment,
    value(key, tags, isTrueNow) {
      values.push({ key, tags, ...(isTrueNow ? { trueAt: moment() } : {}) });
      return values.length - 1;
    },
    written(value) {
      const origin = values[value];
      if (origin) origin.trueAt = moment();
    },
    barrier(given) {
      const barrier: Barrier = { ...given, begun: moment() };
      barriers.push(barrier);
      return barrier;
    },
    served(reading) {
      serves += 1;
      const origin = values[reading.value];
      if (origin?.key !== reading.key) violations.push(`a value of another key under ${reading.key}`);
      const trueAt = origin?.trueAt;
      if (!origin || !trueAt) return;
      for (const barrier of barriers) {
        const isOlder = trueAt.turn < barrier.begun.turn && barrier.ends(origin.key, origin.tags);
        if (!isOlder || !binds(barrier, reading)) continue;
        const times = `true at ${trueAt.ms}, ended from ${barrier.begun.ms} on, asked for at ${reading.begun.ms}`;
        violations.push(`${barrier.what} by ${barrier.process}, ${reading.key} read by ${reading.process}: ${times}`);
      }
    },
    violations,
    get serves() {
      return serves;
    },
  };
}
