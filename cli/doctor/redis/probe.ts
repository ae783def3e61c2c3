import type { StoreSettings } from '../../../lib/config/store-settings.ts';
import { openStore } from '../../../lib/config.ts';
import { isKvError } from '../../../lib/errors.ts';
import {
  type Command,
  isErrorReply,
  type Reply,
  type Store,
  type SubscriptionState,
} from '../../../lib/store/store.ts';
import { bounded } from '../bounded.ts';

/** What INFO says, by the name of the field. */
export type ServerInfo = ReadonlyMap<string, string>;

interface AskOptions {
  /** @default ASK_MS */
  readonly timeoutMs?: number | undefined;
}

/** The way to the Redis of the environment, without breaker and retries, and counted. */
export interface Probe {
  /** One request. @throws StoreError, of kind `aborted` where there is no answer in time; ConfigError */
  ask(commands: readonly Command[], options?: AskOptions): Promise<readonly Reply[]>;
  /** As `ask`; a request that was denied as a whole is one of which each command was denied. */
  attempt(commands: readonly Command[]): Promise<readonly Reply[]>;
  /** Whether a channel can be heard; why not, where it cannot. One connection, or one request over REST. */
  hears(channel: string): Promise<Error | undefined>;
  /** Asked once for all who want to know; `undefined` where it is not told. */
  info(): Promise<ServerInfo | undefined>;
  /** The same way as a store, for what wants one. */
  readonly store: Store;
  /** Requests that were begun so far, and the commands in them. */
  cost(): { readonly requests: number; readonly commands: number };
  close(): Promise<void>;
}

/** Longest that one request is waited for. */
const ASK_MS = 2_000;

/** Connects with the first request. Every wait ends when `over` fires. */
export function createProbe(settings: StoreSettings, over: AbortSignal): Probe {
  const opened: Store = openStore(settings);
  let requests = 0;
  let sent = 0;
  let info: Promise<ServerInfo | undefined> | undefined;
  const count = (commands: number): void => {
    requests += 1;
    sent += commands;
  };

  const ask: Probe['ask'] = (commands, { timeoutMs = ASK_MS } = {}) => {
    count(commands.length);
    return bounded(timeoutMs, over, (signal) => opened.execute(commands, { signal }));
  };

  const attempt: Probe['attempt'] = async (commands) => {
    try {
      return await ask(commands);
    } catch (error) {
      if (!isKvError(error) || error.code !== 'STORE' || error.kind !== 'auth') throw error;
      return commands.map(() => ({ error: 'NOPERM this user has no permissions to run the command' }));
    }
  };

  async function hears(channel: string): Promise<Error | undefined> {
    const { subscribe } = opened;
    if (!subscribe) return new Error('There are no subscriptions');
    count(1);
    return bounded(
      ASK_MS,
      over,
      (signal) =>
        new Promise((resolve) => {
          const state = (told: SubscriptionState): void => {
            resolve(told.state === 'connected' ? undefined : (told.error ?? new Error('There was no answer')));
            void subscription.close();
          };
          const subscription = subscribe([channel], { message: () => undefined, state }, { signal });
        }),
    );
  }

  return {
    ask,
    attempt,
    hears,
    info: () => {
      info ??= attempt([['INFO']]).then(([reply]) => (typeof reply === 'string' ? parseInfo(reply) : undefined));
      return info;
    },
    store: {
      kind: opened.kind,
      slotOf: opened.slotOf,
      // Whoever has a store gives it deadlines.
      execute: (commands, options) => {
        count(commands.length);
        return opened.execute(commands, options);
      },
      close: () => opened.close(),
    },
    cost: () => ({ requests, commands: sent }),
    close: () => opened.close(),
  };
}

function parseInfo(text: string): ServerInfo {
  const fields = text.split(/\r?\n/).map((line) => /^(\w+):(.*)$/.exec(line));
  return new Map(fields.flatMap((field) => (field ? [[field[1] ?? '', field[2] ?? ''] as const] : [])));
}

/** The text of an error reply; empty for any other reply. */
export function errorText(reply: Reply | undefined): string {
  return isErrorReply(reply) ? reply.error : '';
}
