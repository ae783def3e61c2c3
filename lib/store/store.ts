/** A number is sent as its decimal text. */
export type Argument = string | number;

/** A Redis command as it is written in the Redis documentation: `['SET', key, value, 'EX', 300]`. */
export type Command = readonly [name: string, ...args: Argument[]];

/** Redis refused one command. The text is Redis's own and may quote arguments: it stays below the client. */
export interface ErrorReply {
  readonly error: string;
}

/** One reply in RESP2 terms: bulk and simple strings, integers, nil, arrays, errors. */
export type Reply = string | number | null | ErrorReply | readonly Reply[];

export type StoreKind = 'memory' | 'upstash' | 'redis';

export interface StoreExecuteOptions {
  /** Ends the wait. What was already sent may still take effect. */
  readonly signal?: AbortSignal | undefined;
  /** Run the commands as one MULTI/EXEC transaction. @default false */
  readonly atomic?: boolean | undefined;
}

/** How it stands with a subscription. */
/** How a subscription stands. */
export type SubscriptionState =
  /** Its channels are heard from now on. `missed`: it was connected before, and messages in between are lost. */
  | { readonly state: 'connected'; readonly missed: boolean }
  /** Nothing is heard, because of `error`; it is tried again in so many milliseconds. */
  | { readonly state: 'reconnecting'; readonly error: Error; readonly retryInMs: number }
  /** For good: it was closed, or the store was; or, with an `error`, it cannot be had until somebody mends something. */
  | { readonly state: 'closed'; readonly error: Error | undefined };

/** Neither of them may throw. Nothing is told after `closed`. */
export interface SubscriptionListener {
  message(channel: string, text: string): void;
  state(state: SubscriptionState): void;
}

/** A subscription under way. */
export interface StoreSubscription {
  /** Nothing is heard after the call. Resolves when the connection is released. */
  close(): Promise<void>;
}

export interface StoreSubscribeOptions {
  /** Closes the subscription. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The narrow waist: how commands get to a Redis. Everything above it is the same on every store.
 *
 * A store does not retry, never sends a command twice, and has no deadline of its own.
 */
export interface Store {
  readonly kind: StoreKind;
  /** The slot of a key, where a command needs all of its keys in one: on a Cluster. */
  readonly slotOf?: ((key: string) => number) | undefined;
  /**
   * Runs `commands` in order in one round trip and answers exactly one reply per command, in order. A command that Redis
   * refuses is an `ErrorReply` in its place.
   *
   * @throws StoreError when the request as a whole failed.
   */
  execute(commands: readonly Command[], options?: StoreExecuteOptions): Promise<readonly Reply[]>;
  /**
   * Hears what is published on `channels` until it is closed, on a connection beside that of commands that is made anew, with a growing
   * pause, as often as it is lost. Tells its state from the next tick on. At most once: what is published while nothing is
   * heard is lost, and so `missed`. Absent on a store that cannot.
   *
   * @throws StoreError of kind `local` on a closed store.
   */
  readonly subscribe?:
    | ((
        channels: readonly string[],
        listener: SubscriptionListener,
        options?: StoreSubscribeOptions,
      ) => StoreSubscription)
    | undefined;
  /** Releases connections; later calls reject with a `StoreError` of kind `local`. */
  close(): Promise<void>;
}

export function isErrorReply(reply: Reply | undefined): reply is ErrorReply {
  return typeof reply === 'object' && reply !== null && 'error' in reply;
}
