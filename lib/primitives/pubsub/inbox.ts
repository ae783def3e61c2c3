export interface Inbox<M> {
  /** `false` where there is no room: the message is lost. */
  put(message: M): boolean;
  /** Drops what is in it. Nothing is handled after this but the message under way. */
  end(): void;
}

export interface InboxOptions<M> {
  readonly maxQueued: number;
  /** Does not reject. What comes meanwhile waits. */
  readonly handle: (message: M) => Promise<void> | undefined;
  /** Called in the place of messages that were lost: after those before them, and before those that came later. */
  readonly missed: () => void;
}

const GAP: unique symbol = Symbol('gap');

/** Messages in their order, one at a time, and no more of them than so many. */
export function createInbox<M>({ maxQueued, handle, missed }: InboxOptions<M>): Inbox<M> {
  let queue: (M | typeof GAP)[] = [];
  let isHandling = false;
  let ended = false;

  async function handleAll(): Promise<void> {
    isHandling = true;
    for (let next = queue.shift(); next !== undefined && !ended; next = queue.shift()) {
      if (next === GAP) {
        missed();
        continue;
      }
      const done = handle(next);
      // Not for a listener that is done at once: messages that come together are handled together.
      if (done !== undefined) await done;
    }
    isHandling = false;
  }

  return {
    put: (message) => {
      if (ended) return true;
      if (queue.length >= maxQueued) {
        if (queue.at(-1) !== GAP) queue.push(GAP);
        return false;
      }
      queue.push(message);
      if (!isHandling) void handleAll();
      return true;
    },
    end: () => {
      ended = true;
      queue = [];
    },
  };
}
