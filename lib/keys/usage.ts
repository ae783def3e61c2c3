import type { Result } from '../client/call.ts';
import type { KvClient } from '../client/kv-client.ts';
import { createLru } from '../client/lru.ts';
import { DAY_MS, isoDay } from '../clock.ts';
import { isUnavailable } from '../errors.ts';
import type { Command } from '../store/store.ts';
import type { KeyDigest } from './digest.ts';
import type { KeyNames } from './key-names.ts';

/** How often a key was used on a day, by the calendar of UTC. */
export interface DayUsage {
  /** `2026-11-21` */
  readonly day: string;
  /** Requests that passed. */
  readonly count: number;
}

/** Commands that bring Redis up to date, and what to do when they may not have got there. */
export interface Arrears {
  readonly commands: readonly Command[];
  /** Call it with their results: what Redis refused to count is still to be told. */
  told(results: readonly Result[]): void;
  /** Call it with the error when the request with them failed. */
  putBack(error: unknown): void;
}

/** Counts the requests of each key and day. Kept for 30 days. */
export interface Usage {
  /** As {@link dayOf} names it. */
  today(): string;
  /** The name in Redis of the counter of a key for today. */
  counterOf(digest: KeyDigest): string;
  /** A request passed that Redis has not been told of. Bounded: the counts of the keys used least recently go. */
  note(digest: KeyDigest): void;
  /** What Redis has not been told of, today. */
  notedOf(digest: KeyDigest): number;
  /** Some of what Redis has not been told of, to be sent along with something else. */
  take(): Arrears;
  /** Tells Redis all of it. What cannot be told now is kept. */
  flush(): Promise<void>;
  /** The last `days` days of a key, today first, through all its digests. One request. @throws when Redis is away */
  read(digests: readonly KeyDigest[], days: number): Promise<readonly DayUsage[]>;
}

/** A counter outlives the thirtieth day after its own, wherever the clocks of server and clients stand. */
export const USAGE_TTL_MS: number = 32 * DAY_MS;
const MAX_NOTED = 10_000;
/** Counters that one request brings along. */
const MAX_ARREARS = 16;
const COMMANDS_OF_ONE = 2;

/** `20261121`, by UTC. */
export function dayOf(now: number): string {
  return isoDay(now).replaceAll('-', '');
}

export function createUsage(kv: KvClient, names: KeyNames): Usage {
  const noted = createLru<number>(MAX_NOTED);
  let day = { startsAt: Number.NaN, name: '' };

  const today = (): string => {
    const now = kv.clock.now();
    const startsAt = now - (now % DAY_MS);
    if (startsAt !== day.startsAt) day = { startsAt, name: dayOf(now) };
    return day.name;
  };

  const counterOf = (digest: KeyDigest) => names.usage(digest, today());

  const add = (key: string, count: number) => {
    noted.set(key, (noted.get(key) ?? 0) + count);
  };

  const take = (): Arrears => {
    const taken = noted.size > 0 ? noted.take(MAX_ARREARS) : [];
    return {
      commands: taken.flatMap(([key, count]): readonly Command[] => [
        ['INCRBY', key, count],
        ['PEXPIRE', key, USAGE_TTL_MS],
      ]),
      told(results) {
        taken.forEach(([key, count], index) => {
          // No memory, a replica, no permission: it was refused, so it has certainly not run.
          if (isUnavailable(results[COMMANDS_OF_ONE * index])) add(key, count);
        });
      },
      putBack(error) {
        // What may have run is never sent again: it would be counted twice.
        const mayHaveRun = !isUnavailable(error) || (error.code !== 'CIRCUIT_OPEN' && error.mayHaveRun);
        if (!mayHaveRun) for (const [key, count] of taken) add(key, count);
      },
    };
  };

  return {
    today,
    counterOf,
    note: (digest) => add(counterOf(digest), 1),
    notedOf: (digest) => noted.get(counterOf(digest)) ?? 0,
    take,
    async flush() {
      for (let left = noted.size; left > 0; left -= MAX_ARREARS) {
        const { commands, told, putBack } = take();
        try {
          told(await kv.execute(commands));
        } catch (error) {
          putBack(error);
          return;
        }
      }
    },
    async read(digests, days) {
      const now = kv.clock.now();
      const wanted = Array.from({ length: days }, (_, ago) => now - ago * DAY_MS);
      if (digests.length === 0) return wanted.map((at) => ({ day: isoDay(at), count: 0 }));
      const keys = wanted.flatMap((at) => digests.map((digest) => names.usage(digest, dayOf(at))));
      const reply = await kv.command(['MGET', ...keys]);
      const counts = Array.isArray(reply) ? reply.map((text) => Number(text) || 0) : [];
      return wanted.map((at, index) => {
        const ofDay = counts.slice(index * digests.length, (index + 1) * digests.length);
        return { day: isoDay(at), count: ofDay.reduce((sum, count) => sum + count, 0) };
      });
    },
  };
}
