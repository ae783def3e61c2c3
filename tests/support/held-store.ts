import type { Reply, Store } from '../../lib/store/store.ts';

export interface HeldStore extends Store {
  /** From now on requests take effect, and nobody hears of it. */
  hold(): void;
  /** Delivers the replies that are held, oldest first, or so many of them; holds no more once all are delivered. */
  deliver(count?: number): void;
  /** The replies that are held never come: their requests fail. */
  lose(error?: Error): void;
  /** Requests whose replies are held. */
  readonly held: number;
}

interface HeldReply {
  readonly deliver: () => void;
  readonly fail: (error: Error) => void;
}

/** A store that does at once what it is asked, and answers when it is told to. Does not heed signals. */
export function heldStore(store: Store): HeldStore {
  let isHolding = false;
  let replies: HeldReply[] = [];
  const release = (count: number): readonly HeldReply[] => {
    const released = replies.slice(0, count);
    replies = replies.slice(count);
    if (replies.length === 0) isHolding = false;
    return released;
  };
  return {
    kind: store.kind,
    execute(commands, { atomic } = {}) {
      const done = store.execute(commands, { atomic });
      if (!isHolding) return done;
      return new Promise<readonly Reply[]>((resolve, reject) => {
        replies.push({ deliver: () => resolve(done), fail: reject });
      });
    },
    close: () => store.close(),
    hold() {
      isHolding = true;
    },
    deliver(count = replies.length) {
      for (const { deliver } of release(count)) deliver();
    },
    lose(error = new Error('lost')) {
      for (const { fail } of release(replies.length)) fail(error);
    },
    get held() {
      return replies.length;
    },
  };
}
