/// <reference lib="esnext.disposable" preserve="true" />

import type { CallOptions } from '../../client/call.ts';
import type { KvClient } from '../../client/kv-client.ts';
import type { SubscriptionState } from '../../store/store.ts';
import type { Unavailable } from '../unavailable.ts';

export type { SubscriptionState };

/** Settings of {@link PubSub}. Wrong ones throw a ConfigError. */
export interface PubSubOptions {
  /** Its namespace is put before the names of all channels. */
  readonly kv: KvClient;
  /** Longest message, as JSON in UTF-8. A longer one is not sent, and not read. @default 65_536 */
  readonly maxMessageBytes?: number | undefined;
  /** Messages that wait for a slow listener, of each subscription. What comes beyond them is lost. @default 1_000 */
  readonly maxQueued?: number | undefined;
  /** How long a message waits for the listener to be done with the one before, in milliseconds. @default 30_000 */
  readonly listenerTimeoutMs?: number | undefined;
  /** Told what a listener threw or rejected with, of messages or of states. @default nobody: that of messages is counted */
  readonly onListenerError?: ((error: unknown) => void) | undefined;
}

/** Bounds of one publication. */
export type PublishOptions = CallOptions;

/** What became of a message that was published. */
export interface Published {
  readonly status: 'published';
  /** Connections that Redis handed it to; on a Cluster those of one node only. 0 where nobody listens. */
  readonly receivers: number;
}

/** Nothing was sent. */
export interface TooLarge {
  readonly status: 'too-large';
  readonly bytes: number;
  readonly maxBytes: number;
}

/** Bounds of one subscription. Wrong ones throw a ConfigError. */
export interface SubscribeOptions {
  /** Closes the subscription. */
  readonly signal?: AbortSignal | undefined;
  /** Told how it stands. With `missed` messages were lost: take for unknown what you know by them. */
  readonly onState?: ((state: SubscriptionState) => void) | undefined;
}

/** A subscription under way; `await using` closes it. */
export interface Subscription {
  /**
   * Resolves when the channels are heard for the first time, however long Redis is away until then. Rejects when the
   * subscription is closed before that: by whoever has it, or because credentials or settings are wrong.
   */
  readonly ready: Promise<void>;
  /** No listener is called after this. Resolves when the connection is released, not waiting for the listener. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Of this object, since it was made. */
export interface PubSubStats {
  readonly published: number;
  /** Not published: Redis was away. Some of them may have arrived all the same. */
  readonly dropped: number;
  /** Not published: larger than `maxMessageBytes`. */
  readonly tooLarge: number;
  /** Messages that came, to each subscription. */
  readonly received: number;
  /** Of these: lost, because the listener was too slow. */
  readonly overflowed: number;
  /** Of these: no JSON, or too large. */
  readonly unreadable: number;
  /** Of these: a listener threw, or took longer than `listenerTimeoutMs`. */
  readonly failed: number;
  /** Connections that were made anew after a loss. */
  readonly reconnected: number;
}

/** Publishes messages, and hears them; at most once each, as Redis does. */
export interface PubSub<T> {
  /**
   * Sends a message to all who listen now. One request; never sent twice. With Redis away it is dropped, and counted.
   *
   * @param channel any text; escaped, and hashed where it is longer than 128 characters
   * @throws TypeError for what has no JSON form
   */
  publish(channel: string, message: T, options?: PublishOptions): Promise<Published | TooLarge | Unavailable>;
  /**
   * Hears what is published on the channels, in the order of each, one message at a time: the next is handed over when the
   * listener is done with the one before. By TCP all subscriptions of a client share one connection,
   * beside that of commands; over REST each channel is one. No request is made.
   *
   * At most once: what is published while the connection is lost is not heard, and `onState` says so when it is back. A
   * listener that throws costs its own message.
   *
   * @throws ConfigError for no channel, for more than 100, and for a store that cannot subscribe
   */
  subscribe(
    channels: string | readonly string[],
    onMessage: (message: T, channel: string) => unknown,
    options?: SubscribeOptions,
  ): Subscription;
  /** What this process has counted. No request. */
  stats(): PubSubStats;
}
