export type { Unavailable } from '../unavailable.ts';
export { createPubSub } from './pubsub.ts';
export type {
  Published,
  PublishOptions,
  PubSub,
  PubSubOptions,
  PubSubStats,
  SubscribeOptions,
  Subscription,
  SubscriptionState,
  TooLarge,
} from './pubsub-options.ts';
