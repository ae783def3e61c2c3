import { createLru } from '../../client/lru.ts';
import { type Clock, elapsedSince, type Instant, instant } from '../../clock.ts';
import { unavailableBy } from '../unavailable.ts';
import type { BoardRead } from './leaderboard-options.ts';

/** What Redis was asked, and how much its answer weighs. */
export interface Question<Answer extends object> {
  /** Names the question: one of the same name has the same sort of answer. */
  readonly id: string;
  ask(): Promise<Answer>;
  weigh(answer: Answer): number;
}

/** Asks, and answers what was answered last where Redis is away. */
export type Remembered = <Answer extends object>(question: Question<Answer>) => Promise<BoardRead<Answer>>;

interface Memory {
  readonly answer: object;
  readonly weight: number;
  readonly askedAt: Instant;
}

export function createRemembered(clock: Clock, maxStaleMs: number, maxWeight: number): Remembered {
  const memories = createLru<Memory>(maxWeight, (_, { weight }) => weight);

  return async <Answer extends object>({ id, ask, weigh }: Question<Answer>): Promise<BoardRead<Answer>> => {
    // An answer is as old as its question.
    const askedAt = instant(clock);
    try {
      const answer = await ask();
      const passed = (memories.get(id)?.askedAt.monotonic ?? askedAt.monotonic) > askedAt.monotonic;
      if (maxStaleMs > 0 && !passed) memories.set(id, { answer, weight: weigh(answer), askedAt });
      return { ...answer, status: 'fresh' };
    } catch (error) {
      const unavailable = unavailableBy(error);
      const memory = memories.get(id);
      const ageMs = memory ? elapsedSince(memory.askedAt, clock) : Number.POSITIVE_INFINITY;
      if (memory === undefined || ageMs > maxStaleMs) return unavailable;
      return { ...(memory.answer as Answer), status: 'stale', ageMs };
    }
  };
}
