import type { Clock } from '../clock.ts';
import { StoreError } from '../errors.ts';
import type { RedisLink } from './redis-link.ts';
import type { Feed, Heard } from './subscriptions.ts';

export interface FeedTimes {
  /** After so much silence Redis is asked whether it is there. */
  readonly pingAfterMs: number;
  /** And has to say something within this. So long it may take to subscribe, too. */
  readonly answerMs: number;
  readonly clock: Clock;
}

/**
 * Listens on a link that nobody else has. A connection of which nobody has told this end that it is gone says nothing, and
 * neither does a channel on which nothing is published: so Redis is asked.
 *
 * @throws StoreError with the link cut
 */
export async function redisFeed(
  link: RedisLink,
  channels: readonly string[],
  heard: Heard,
  times: FeedTimes,
): Promise<Feed> {
  const { pingAfterMs, answerMs, clock } = times;
  const stopClock = clock.after(answerMs, () => link.retire());
  const listening = await link
    .listen(channels, heard)
    .catch((error: unknown) => {
      link.retire();
      throw error;
    })
    .finally(stopClock);

  let cancel = (): void => undefined;
  const silent = new Promise<Error>((resolve) => {
    const wait = (): void => {
      const before = listening.heard();
      cancel = clock.after(pingAfterMs, () => (listening.heard() === before ? ask() : wait()));
    };
    const ask = (): void => {
      const before = listening.heard();
      listening.ping();
      cancel = clock.after(answerMs, () => (listening.heard() === before ? resolve(silence()) : wait()));
    };
    wait();
  });
  const close = (): void => {
    cancel();
    link.retire();
  };
  return { lost: Promise.race([silent, listening.ended.then(cutOff)]), close };
}

function silence(): StoreError {
  return new StoreError('network', 'Redis does not answer a subscriber', { mayHaveRun: false });
}

function cutOff(): StoreError {
  return new StoreError('network', 'The connection of a subscriber closed', { mayHaveRun: false });
}
