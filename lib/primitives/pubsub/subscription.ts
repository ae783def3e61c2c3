import { readJson } from '../../client/json.ts';
import type { KvClient } from '../../client/kv-client.ts';
import { DeadlineError, isKvError, StoreError } from '../../errors.ts';
import { reportTo } from '../../events.ts';
import { withDeadline } from '../../resilience/deadline.ts';
import type { StoreSubscription } from '../../store/store.ts';
import { createInbox } from './inbox.ts';
import { isLarger } from './message-size.ts';
import type { PubSubStats, SubscribeOptions, Subscription, SubscriptionState } from './pubsub-options.ts';

export type PubSubCounts = { -readonly [count in keyof PubSubStats]: number };

export interface SubscriptionParts<T> {
  readonly kv: KvClient;
  readonly subscribe: NonNullable<KvClient['subscribe']>;
  /** What callers call each channel, by its name in Redis. */
  readonly channels: Promise<ReadonlyMap<string, string>>;
  readonly onMessage: (message: T, channel: string) => unknown;
  readonly options: SubscribeOptions;
  readonly counts: PubSubCounts;
  readonly maxMessageBytes: number;
  readonly maxQueued: number;
  readonly listenerTimeoutMs: number;
  readonly onListenerError: ((error: unknown) => void) | undefined;
}

interface Message {
  readonly name: string;
  readonly text: string;
}

/** Hears channels on behalf of one listener. */
export function openSubscription<T>(parts: SubscriptionParts<T>): Subscription {
  const { kv, counts, options } = parts;
  let names: ReadonlyMap<string, string> = new Map();
  let closed = false;
  let isLost = false;
  let connected = (): void => undefined;
  let failed = (_error: Error): void => undefined;
  const ready = new Promise<void>((resolve, reject) => {
    connected = resolve;
    failed = reject;
  });
  // Nobody has to wait for it.
  ready.catch(() => undefined);

  const inbox = createInbox<Message>({
    maxQueued: parts.maxQueued,
    handle,
    missed: () => {
      // While nothing is heard that would be untrue, and is said anyway as soon as it is true again.
      if (!isLost) tell({ state: 'connected', missed: true });
    },
  });

  function handle({ name, text }: Message): Promise<void> | undefined {
    const message = readJson(text);
    if (message === undefined) {
      unreadable('a message is no JSON');
      return undefined;
    }
    try {
      // What others publish is what they say it is.
      const answer = parts.onMessage(message as T, names.get(name) ?? name);
      return isThenable(answer) ? inTime(answer).catch(report) : undefined;
    } catch (error) {
      report(error);
      return undefined;
    }
  }

  function unreadable(problem: string): void {
    counts.unreadable += 1;
    kv.notify({ type: 'unreadable', at: kv.clock.now(), feature: 'pubsub', problem });
  }

  async function inTime(answer: PromiseLike<unknown>): Promise<void> {
    const { listenerTimeoutMs: timeoutMs } = parts;
    const expired = () => new DeadlineError(timeoutMs, true);
    const deadline = { clock: kv.clock, timeoutMs, controller: new AbortController(), expired };
    await withDeadline(deadline, async () => answer);
  }

  function report(error: unknown): void {
    counts.failed += 1;
    reportTo(parts.onListenerError, error);
  }

  function tell(state: SubscriptionState): void {
    const failed = (error: unknown): void => reportTo(parts.onListenerError, error);
    try {
      const answer: unknown = options.onState?.(state);
      if (isThenable(answer)) answer.then(undefined, failed);
    } catch (error) {
      failed(error);
    }
  }

  function changed(state: SubscriptionState): void {
    const at = kv.clock.now();
    if (state.state === 'connected') {
      connected();
      if (state.missed) counts.reconnected += 1;
      if (isLost) kv.notify({ type: 'subscription', at, state: 'restored' });
      isLost = false;
    } else if (state.state === 'reconnecting') {
      if (!isLost) kv.notify({ type: 'subscription', at, state: 'lost', reason: reasonOf(state.error) });
      isLost = true;
    } else {
      inbox.end();
      failed(state.error ?? new StoreError('aborted', 'The subscription was closed', { mayHaveRun: false }));
      if (state.error && reasonOf(state.error) === 'auth') {
        kv.notify({ type: 'config', at, problem: state.error.message });
      }
    }
    // Whoever learns the state of things anew then must not be told older news after that.
    if (state.state === 'connected' && state.missed) inbox.gap();
    else tell(state);
  }

  const opening = open();
  async function open(): Promise<StoreSubscription | undefined> {
    names = await parts.channels;
    if (closed) {
      changed({ state: 'closed', error: undefined });
      return undefined;
    }
    const message = (name: string, text: string) => {
      counts.received += 1;
      // Before it waits: what waits is bounded by number, and so by size too.
      if (isLarger(text, parts.maxMessageBytes)) unreadable('a message is too large');
      else if (!inbox.put({ name, text })) counts.overflowed += 1;
    };
    try {
      return parts.subscribe([...names.keys()], { message, state: changed }, { signal: options.signal });
    } catch (error) {
      changed({ state: 'closed', error: error instanceof Error ? error : undefined });
      return undefined;
    }
  }

  const close = async (): Promise<void> => {
    closed = true;
    inbox.end();
    await (await opening)?.close();
  };
  return { ready, close, [Symbol.asyncDispose]: close };
}

/** Queries of database libraries are none of the platform's promises, and begin when somebody waits for them. */
function isThenable(answer: unknown): answer is PromiseLike<unknown> {
  return typeof answer === 'object' && answer !== null && 'then' in answer && typeof answer.then === 'function';
}

function reasonOf(error: Error): string {
  return isKvError(error) && error.code === 'STORE' ? error.kind : 'unknown';
}
