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
   * refuses is an {@link ErrorReply} in its place.
   *
   * @throws StoreError when the request as a whole failed.
   */
  execute(commands: readonly Command[], options?: StoreExecuteOptions): Promise<readonly Reply[]>;
  /** Releases connections; later calls reject with a `StoreError` of kind `local`. */
  close(): Promise<void>;
}

export function isErrorReply(reply: Reply | undefined): reply is ErrorReply {
  return typeof reply === 'object' && reply !== null && 'error' in reply;
}
