export interface Inbox<M> {
  /** `false` where there is no room: the message is lost. */
  put(message: M): boolean;
  /** Messages have been lost before they came here: after those that wait, and before those to come. */
  gap(): void;
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
  /** By the order in which they came. Not an array: to shift a long one takes as long as it is. */
  const queue = new Map<number, M | typeof GAP>();
  let came = 0;
  let isHandling = false;
  let ended = false;

  async function handleAll(): Promise<void> {
    isHandling = true;
    // Those too that come meanwhile.
    for (const [place, next] of queue) {
      queue.delete(place);
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

  function add(next: M | typeof GAP): void {
    queue.set(came, next);
    came += 1;
    if (!isHandling) void handleAll();
  }

  function gap(): void {
    if (!ended && queue.get(came - 1) !== GAP) add(GAP);
  }

  return {
    put: (message) => {
      if (ended) return true;
      if (queue.size >= maxQueued) {
        gap();
        return false;
      }
      add(message);
      return true;
    },
    gap,
    end: () => {
      ended = true;
      queue.clear();
    },
  };
}
