import type { CallOptions } from '../../client/call.ts';
import type { KvClient } from '../../client/kv-client.ts';
import { wholeNumber } from '../../client/whole-number.ts';
import { ConfigError } from '../../errors.ts';
import type { Unavailable } from '../unavailable.ts';

/** Settings of an {@link EventStream}. Wrong ones throw a ConfigError. */
export interface EventStreamOptions {
  readonly kv: KvClient;
  /** Names the stream, in at most 256 characters: all processes with this name share it. */
  readonly name: string;
  /** About how many events it holds; beyond them, and up to some hundred more, the oldest go, drained or not. @default 100_000 */
  readonly maxLength?: number | undefined;
  /** How long after the last append the stream is kept, in milliseconds. @default 2_592_000_000, which is 30 days */
  readonly ttlMs?: number | undefined;
  /** Of one event as JSON. @default 16_384 */
  readonly maxEventBytes?: number | undefined;
  /**
   * Bytes of events that this process keeps while Redis is away, to send them with a later append. What does not fit is
   * dropped; with 0 everything is. @default 1_048_576
   */
  readonly maxBufferedBytes?: number | undefined;
}

/** What became of events: in Redis, kept here until it is back, or not taken. */
export type Appended =
  | {
      readonly status: 'appended';
      /** Of the last event. */
      readonly lastId: string;
      /** How many events the stream holds now: near `maxLength` nobody drains it. */
      readonly length: number;
    }
  /** Nothing to append. */
  | { readonly status: 'empty' }
  | (Unavailable & {
      /** How many events wait in this process now, these and earlier ones. */
      readonly buffered: number;
    });

/** An event as it stands in a stream. */
export interface StreamEvent<T> {
  /** As Redis gave it: later events have greater ones, as long as the stream lives. */
  readonly id: string;
  /**
   * Names the append that brought it, at random. Ids may come again once a stream has been lost, and never under the same
   * batch: together they name the event for ever.
   */
  readonly batch: string;
  /** When it was appended, by the clock of Redis, in Unix milliseconds. */
  readonly at: number;
  readonly event: T;
}

/** Which part of a stream is read. */
export interface ReadOptions extends CallOptions {
  /** Begin behind this id. @default at the oldest event */
  readonly after?: string | undefined;
  /** At most 1_000. @default 100, less where so many events could have more than 8 MiB by `maxEventBytes` */
  readonly count?: number | undefined;
}

/** Some events in their order, and where to go on. */
export type EventPage<T> =
  | {
      readonly status: 'read';
      readonly events: readonly StreamEvent<T>[];
      /** Entries that are not as `append` writes them. */
      readonly unreadable: number;
      /** Where to go on; `undefined` at the end. */
      readonly next: string | undefined;
    }
  | Unavailable;

/**
 * Stores events for good, all or none of them, and those that it has already only once: by `stream`, `id` and `batch`. What
 * it throws leaves them in the stream.
 */
export type EventSink<T> = (stream: string, events: readonly StreamEvent<T>[]) => Promise<void>;

/** How much one drain hands on. */
export interface DrainOptions {
  /** Events at a time, at most 1_000. @default 500, less where so many could have more than 8 MiB by `maxEventBytes` */
  readonly count?: number | undefined;
  /** Stop after so many. @default 100_000 */
  readonly maxEvents?: number | undefined;
}

/** What one drain has handed on. */
export type Drained =
  | {
      readonly status: 'drained';
      /** That the sink has stored, or had already. */
      readonly events: number;
      /** Entries that are not as `append` writes them: they stay. */
      readonly unreadable: number;
      /** Whether the end of the stream was reached. */
      readonly complete: boolean;
    }
  | (Unavailable & { readonly events: number });

/** What this process has counted of a stream. */
export interface EventStreamStats {
  /** Events of this process that Redis has taken. */
  readonly appended: number;
  /** That wait here. */
  readonly buffered: number;
  /** That Redis has certainly not taken, and that are gone. */
  readonly dropped: number;
  /** That Redis may have taken: they are not sent again. */
  readonly uncertain: number;
}

/** A bounded stream of events in Redis, to be read, or drained into a database. */
export interface EventStream<T> {
  /**
   * Appends events, and what waits here before them, in one request for up to 1,000 of them. Never sent twice. Redis away:
   * they wait here as far as there is room, unless they may have been appended. @throws ConfigError for an event without a
   * JSON form, one that is too large, or nested deeper than 64 levels; then none is appended
   */
  append(events: readonly T[], options?: CallOptions): Promise<Appended>;
  /** Appends what waits here. */
  flush(options?: CallOptions): Promise<Appended>;
  /** Some events in order. One request. @throws ConfigError for an `after` that is no id */
  read(options?: ReadOptions): Promise<EventPage<T>>;
  /**
   * Hands all events to `sink`, oldest first, and takes from the stream what it has stored. Any number of processes may do so
   * at the same time, and end at any moment: nothing is lost, and a sink that keeps its word has nothing twice. One request
   * for each `count` events, and one more. @throws what the sink throws
   */
  drain(sink: EventSink<T>, options?: DrainOptions): Promise<Drained>;
  /** What this process has counted. No request. */
  stats(): EventStreamStats;
}

type ResolvedEventStreamOptions = {
  readonly [Option in keyof EventStreamOptions]-?: Exclude<EventStreamOptions[Option], undefined>;
};

/** Defaults filled in; an explicit `undefined` is unset. @throws ConfigError naming the option */
export function resolveEventStreamOptions(options: EventStreamOptions): ResolvedEventStreamOptions {
  const { kv, name, maxLength = 100_000, ttlMs = 30 * 86_400_000 } = options;
  const { maxEventBytes = 16_384, maxBufferedBytes = 1_048_576 } = options;
  if (!isStreamName(name)) throw new ConfigError('name', 'must be a text of at most 256 characters');
  wholeNumber('maxLength', maxLength, 1, 1_000_000_000);
  wholeNumber('ttlMs', ttlMs, 1_000, 36_500 * 86_400_000);
  wholeNumber('maxEventBytes', maxEventBytes, 2, 1_048_576);
  wholeNumber('maxBufferedBytes', maxBufferedBytes, 0, 1_073_741_824);
  return { kv, name, maxLength, ttlMs, maxEventBytes, maxBufferedBytes };
}

/** What a database takes too, with an index on it: else nobody could drain the stream. */
function isStreamName(name: string): boolean {
  return typeof name === 'string' && name.length <= 256 && !/[\0\p{Cs}]/u.test(name);
}
