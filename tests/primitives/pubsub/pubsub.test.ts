import { expect, it } from 'vitest';
import { createPubSub } from '../../../lib/primitives/pubsub/pubsub.ts';
import type { SubscriptionState } from '../../../lib/primitives/pubsub/pubsub-options.ts';
import { eventually } from '../../support/eventually.ts';
import { onEveryKv } from '../../support/every-kv.ts';

onEveryKv('publish and subscribe', (kv) => {
  it('hands each message to all who listen to its channel, as it was published', async () => {
    const pubsub = createPubSub({ kv: kv({ namespace: 'app:' }) });
    const heard: (readonly [who: string, channel: string, message: unknown])[] = [];
    const states: SubscriptionState[] = [];
    const here = pubsub.subscribe('orders', (message, channel) => heard.push(['here', channel, message]), {
      onState: (state) => states.push(state),
    });
    const there = pubsub.subscribe(['orders', 'other'], (message, channel) => heard.push(['there', channel, message]));
    await Promise.all([here.ready, there.ready]);
    const messages = ['text, with commas\nand lines', 1, null, false, { a: [1, { b: 'ü🚀' }] }];
    for (const message of messages) {
      expect(await pubsub.publish('orders', message)).toMatchObject({ status: 'published' });
    }
    await pubsub.publish('other', 'last');
    await pubsub.publish('nobody', 'unheard');
    await eventually(() => heard.length === 11);
    const to = (who: string) => heard.filter(([whose]) => whose === who);
    expect(to('here')).toEqual(messages.map((message) => ['here', 'orders', message]));
    expect(to('there')).toEqual([
      ...messages.map((message) => ['there', 'orders', message]),
      ['there', 'other', 'last'],
    ]);
    await Promise.all([here.close(), there.close()]);
    expect(states).toEqual([
      { state: 'connected', missed: false },
      { state: 'closed', error: undefined },
    ]);
    expect(pubsub.stats()).toMatchObject({ published: 7, dropped: 0, received: 11, reconnected: 0, unreadable: 0 });
  });

  it('keeps the order within a channel, of many messages at once', async () => {
    const pubsub = createPubSub<number>({ kv: kv() });
    const heard: number[] = [];
    await using subscription = pubsub.subscribe('numbers', (number) => heard.push(number));
    await subscription.ready;
    const numbers = Array.from({ length: 500 }, (_, index) => index);
    await Promise.all(numbers.map((number) => pubsub.publish('numbers', number)));
    await eventually(() => heard.length === 500);
    expect(heard).toEqual(numbers);
  });

  it('reaches a hundred subscribers, and none of them once it is closed', async () => {
    const pubsub = createPubSub<string>({ kv: kv() });
    let heard = 0;
    const subscriptions = Array.from({ length: 100 }, () => pubsub.subscribe('news', () => heard++));
    await Promise.all(subscriptions.map(({ ready }) => ready));
    await pubsub.publish('news', 'first');
    await eventually(() => heard === 100);
    const [last, ...others] = subscriptions;
    await Promise.all(others.map((subscription) => subscription.close()));
    await pubsub.publish('news', 'second');
    await eventually(() => heard === 101);
    await last?.close();
    await eventually(async () => (await receivers(pubsub.publish('news', 'third'))) === 0);
    expect(heard).toBe(101);
  });

  it('keeps channels apart, whatever their names', async () => {
    const pubsub = createPubSub<string>({ kv: kv({ namespace: 'app:' }) });
    const names = ['', 'a', 'a,b', 'a:b', 'a%3Ab', 'ü /?#&', 'message,a,', 'A', '*', 'x'.repeat(5_000), '..', '{a}'];
    const heard = new Map<string, string[]>();
    const subscriptions = names.map((name) =>
      pubsub.subscribe(name, (message, channel) => heard.set(channel, [...(heard.get(channel) ?? []), message])),
    );
    await Promise.all(subscriptions.map(({ ready }) => ready));
    for (const name of names) await pubsub.publish(name, `to ${name}`);
    await eventually(() => heard.size === names.length);
    expect([...heard]).toEqual(expect.arrayContaining(names.map((name) => [name, [`to ${name}`]])));
    await Promise.all(subscriptions.map((subscription) => subscription.close()));
  });

  it('is apart under each namespace', async () => {
    const one = createPubSub<string>({ kv: kv({ namespace: 'one:' }) });
    const two = createPubSub<string>({ kv: kv({ namespace: 'two:' }) });
    const heard: string[] = [];
    await using subscription = one.subscribe('news', (message) => heard.push(message));
    await subscription.ready;
    await two.publish('news', 'theirs');
    await one.publish('news', 'ours');
    await eventually(() => heard.length > 0);
    expect(heard).toEqual(['ours']);
  });

  it('can be heard again after it was closed', async () => {
    const pubsub = createPubSub<string>({ kv: kv() });
    for (const round of ['first', 'second', 'third']) {
      const heard: string[] = [];
      const subscription = pubsub.subscribe('news', (message) => heard.push(message));
      await subscription.ready;
      await pubsub.publish('news', round);
      await eventually(() => heard.length > 0);
      await subscription.close();
      expect(heard).toEqual([round]);
    }
  });

  it('ends with its signal', async () => {
    const pubsub = createPubSub<string>({ kv: kv() });
    const caller = new AbortController();
    const states: SubscriptionState[] = [];
    const options = { signal: caller.signal, onState: (state: SubscriptionState) => states.push(state) };
    const subscription = pubsub.subscribe('news', () => undefined, options);
    await subscription.ready;
    caller.abort();
    await subscription.close();
    expect(states.at(-1)).toEqual({ state: 'closed', error: undefined });
    await eventually(async () => (await receivers(pubsub.publish('news', 'unheard'))) === 0);
    const late = pubsub.subscribe('news', () => undefined, options);
    await expect(late.ready).rejects.toMatchObject({ code: 'STORE', kind: 'aborted' });
  });
});

async function receivers(publishing: ReturnType<ReturnType<typeof createPubSub>['publish']>): Promise<number> {
  const published = await publishing;
  return published.status === 'published' ? published.receivers : Number.NaN;
}
