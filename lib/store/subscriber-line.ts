import type { Clock } from '../clock.ts';
import { StoreError } from '../errors.ts';
import type { RedisLink } from './redis-link.ts';
import { type Link, type SharedLink, shareLink } from './shared-link.ts';
import type { Feed, Heard, OpenFeed } from './subscriptions.ts';

export interface LineTimes {
  /** After so much silence Redis is asked whether it is there. */
  readonly pingAfterMs: number;
  /** And has to say something within this. So long it may take to subscribe, too. */
  readonly answerMs: number;
  readonly clock: Clock;
}

/** A connection that hears channels for all who want to. */
interface Line extends Link {
  /** @throws StoreError */
  hear(channels: readonly string[], heard: Heard): Promise<Feed>;
}

/** The feeds of all subscriptions of a store, on one connection, which is there as long as one of them is. */
export interface SubscriberLine {
  readonly feed: OpenFeed;
  close(): Promise<void>;
}

export function subscriberLine(open: (over: AbortSignal) => Promise<RedisLink>, times: LineTimes): SubscriberLine {
  const shared: SharedLink<Line> = shareLink(async (over) => createLine(await open(over), times));
  return {
    feed: async (channels, heard, over) => (await shared.attempt(over)).hear(channels, heard),
    close: shared.close,
  };
}

function createLine(link: RedisLink, { pingAfterMs, answerMs, clock }: LineTimes): Line {
  const hearing = new Map<string, Set<Heard>>();
  /** Called with what ended the connection. A feed takes its own with it: what is over is not kept as long as the line. */
  const feeds = new Set<(error: Error) => void>();
  let cancel = (): void => undefined;
  // Whoever wanted it may have left while it was opened.
  const stopIdle = clock.after(answerMs, () => {
    if (feeds.size === 0) end();
  });
  let isOver = false;
  const listening = link.listen((channel, text) => {
    for (const heard of hearing.get(channel) ?? []) heard(channel, text);
  });

  /**
   * A connection of which nobody has told this end that it is gone says nothing, and neither does a channel on which
   * nothing is published: so Redis is asked.
   */
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
  Promise.race([silent, listening.ended.then(cutOff)]).then((error) => {
    end();
    for (const lose of feeds) lose(error);
  });

  function end(): void {
    isOver = true;
    cancel();
    stopIdle();
    link.retire();
  }

  async function hear(channels: readonly string[], heard: Heard): Promise<Feed> {
    // A function of its own: nobody else's feed ends with this one.
    const own: Heard = (channel, text) => heard(channel, text);
    let lose = (_error: Error): void => undefined;
    const lost = new Promise<Error>((resolve) => {
      lose = resolve;
    });
    feeds.add(lose);
    for (const channel of channels) hearing.set(channel, (hearing.get(channel) ?? new Set()).add(own));
    const close = (): void => {
      if (!feeds.delete(lose)) return;
      const unheard = channels.filter((channel) => leave(channel, own));
      if (feeds.size === 0) end();
      else if (unheard.length > 0 && !isOver) listening.unsubscribe(unheard);
    };
    const stopClock = clock.after(answerMs, end);
    try {
      await listening.subscribe(channels);
      return { lost, close };
    } catch (error) {
      close();
      throw error;
    } finally {
      stopClock();
    }
  }

  /** Whether nobody hears the channel any more. */
  function leave(channel: string, own: Heard): boolean {
    const all = hearing.get(channel);
    all?.delete(own);
    return all?.size === 0 && hearing.delete(channel);
  }

  return { hear, usable: () => !isOver && link.usable(), retire: end, close: async () => end() };
}

function silence(): StoreError {
  return new StoreError('network', 'Redis does not answer a subscriber', { mayHaveRun: false });
}

function cutOff(): StoreError {
  return new StoreError('network', 'The connection of a subscriber closed', { mayHaveRun: false });
}
