import type { Feed, Heard } from '../subscriptions.ts';
import { type CommandSpec, command } from './command.ts';

/** Who hears what is published, in this process. */
export interface Channels {
  /** Tells all who listen to the channel, after the batch that publishes. @returns how many they are */
  publish(channel: string, text: string): number;
  listen(channels: readonly string[], heard: Heard): Feed;
}

export function createChannels(): Channels {
  const listeners = new Map<string, Set<Heard>>();
  return {
    publish(channel, text) {
      const listening = [...(listeners.get(channel) ?? [])];
      for (const heard of listening) {
        Promise.resolve().then(() => heard(channel, text));
      }
      return listening.length;
    },
    listen(channels, heard) {
      // A function of its own: nobody else's subscription is ended with this one.
      const own: Heard = (channel, text) => heard(channel, text);
      for (const channel of channels) listeners.set(channel, (listeners.get(channel) ?? new Set()).add(own));
      return {
        lost: new Promise(() => undefined),
        close: () => {
          for (const channel of channels) {
            const listening = listeners.get(channel);
            listening?.delete(own);
            if (listening?.size === 0) listeners.delete(channel);
          }
        },
      };
    },
  };
}

export function publishCommand(channels: Channels): CommandSpec {
  return command('publish', 3, (_keyspace, [channel = '', text = '']) => channels.publish(channel, text));
}
