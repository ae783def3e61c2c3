import { boundPart, buildKey, KV_PREFIXES } from '../../client/redis-keys.ts';
import { wholeNumber } from '../../client/whole-number.ts';
import { ConfigError } from '../../errors.ts';
import { unlessAway } from '../unavailable.ts';
import { bytesOf } from './message-size.ts';
import type { Published, PubSub, PubSubOptions } from './pubsub-options.ts';
import { openSubscription, type PubSubCounts } from './subscription.ts';

const MAX_CHANNELS = 100;
const MAX_MS = 2 ** 31 - 1;

/**
 * Tells other processes what has happened, at most once: messages to those who listen now. Not for what must not be lost,
 * and never the only way by which something becomes known: after each reconnection take for unknown what it told.
 *
 * `publish` is one request and goes through the client's circuit; with Redis away it answers `unavailable` and the message
 * is lost. The connection of subscriptions is made again, from 100 ms to 3 s apart, as long as Redis is away; the circuit has nothing to do with it. `T` is what callers say of messages: they are read as JSON and not checked.
 *
 * @throws ConfigError
 *
 * @example
 * ```ts
 * const pubsub = createPubSub<{ userId: string }>({ kv });
 * const subscription = pubsub.subscribe('profile-changed', ({ userId }) => profiles.delete(userId), {
 *   onState: (state) => state.state === 'connected' && state.missed && profiles.clear(),
 * });
 * await subscription.ready;
 * await pubsub.publish('profile-changed', { userId: '7' }); // { status: 'published', receivers: 1 }
 * ```
 */
export function createPubSub<T = unknown>(options: PubSubOptions): PubSub<T> {
  const { kv, onListenerError } = options;
  const maxMessageBytes = wholeNumber('maxMessageBytes', options.maxMessageBytes ?? 65_536, 1, 1_000_000);
  const maxQueued = wholeNumber('maxQueued', options.maxQueued ?? 1_000, 1, 1_000_000);
  const listenerTimeoutMs = wholeNumber('listenerTimeoutMs', options.listenerTimeoutMs ?? 30_000, 1, MAX_MS);
  const counts: PubSubCounts = {
    ...{ published: 0, dropped: 0, tooLarge: 0, received: 0 },
    ...{ overflowed: 0, unreadable: 0, failed: 0, reconnected: 0 },
  };
  const nameOf = async (channel: string) => buildKey(kv.namespace + KV_PREFIXES.PUBSUB, await boundPart(channel));

  async function namesOf(channels: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const names = new Map<string, string>();
    for (const channel of channels) names.set(await nameOf(channel), channel);
    return names;
  }

  return {
    async publish(channel, message, callOptions) {
      const text: string | undefined = JSON.stringify(message);
      if (text === undefined) throw new TypeError('The message has no JSON form');
      const bytes = bytesOf(text);
      if (bytes > maxMessageBytes) {
        counts.tooLarge += 1;
        return { status: 'too-large', bytes, maxBytes: maxMessageBytes };
      }
      const answer = await unlessAway(async (): Promise<Published> => {
        const receivers = await kv.command(['PUBLISH', await nameOf(channel), text], callOptions);
        return { status: 'published', receivers: Number(receivers) };
      });
      counts[answer.status === 'published' ? 'published' : 'dropped'] += 1;
      return answer;
    },

    subscribe(channels, onMessage, subscribeOptions = {}) {
      const { subscribe } = kv;
      const distinct = [...new Set(typeof channels === 'string' ? [channels] : channels)];
      wholeNumber('channels', distinct.length, 1, MAX_CHANNELS);
      if (subscribe === undefined) throw new ConfigError('store', 'cannot subscribe');
      return openSubscription<T>({
        ...{ kv, subscribe, channels: namesOf(distinct), onMessage, options: subscribeOptions, counts },
        ...{ maxMessageBytes, maxQueued, listenerTimeoutMs, onListenerError },
      });
    },

    stats: () => ({ ...counts }),
  };
}
