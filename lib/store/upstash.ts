import { type Clock, systemClock } from '../clock.ts';
import { ConfigError, StoreError } from '../errors.ts';
import { abortedError, untilAborted } from './abort.ts';
import type { Command, Reply, Store, StoreExecuteOptions } from './store.ts';
import { createSubscriptions } from './subscriptions.ts';
import { upstashFeed } from './upstash-feed.ts';
import { attempt, isUnsent, refuseStatus, requestInit, type Send } from './upstash-http.ts';
import { parseRefusal, parseReplies } from './upstash-reply.ts';

/** A REST endpoint of Upstash, or one that speaks as it does. Wrong settings throw a ConfigError. */
export interface UpstashStoreOptions {
  /** Base URL of the REST endpoint, `https:` or, for a local one, `http:`. Without credentials and query. */
  readonly url: string;
  /** Sent as bearer token with every request. */
  readonly token: string;
  /** Sends the requests. @default the global `fetch`, looked up at each call */
  readonly fetch?: Send | undefined;
  /** Remember the sync token of the last answer, so that a read sees this process's own writes. @default true */
  readonly readYourWrites?: boolean | undefined;
  /** Reads `Retry-After` dates when an answer has no `Date` of its own. @default the system's */
  readonly clock?: Clock | undefined;
}

/**
 * A store that speaks Upstash's REST protocol. Runs wherever `fetch` does, on the Edge too.
 *
 * One POST per `execute`, nothing is retried, and no redirect is followed. With the endpoint away it rejects with a
 * `StoreError`: `network` when there was no answer, `http` for 408, 429 and 5xx, `auth`, `quota` or `unavailable` for
 * what the endpoint says of itself, `protocol` for anything that is not the documented answer. There is no deadline
 * here: give a signal.
 *
 * A subscription is one answer for each channel, which the endpoint goes on writing (server-sent events). It lives as long
 * as whatever called it may: in a function at the Edge no longer than the request.
 *
 * @example
 * ```ts
 * const store = upstashStore({ url: 'https://example.upstash.io', token: 'secret' });
 * const [value] = await store.execute([['GET', 'greeting']], { signal: AbortSignal.timeout(1000) });
 * ```
 *
 * @throws ConfigError when `url` or `token` cannot be right.
 */
export function upstashStore(options: UpstashStoreOptions): Store {
  const base = checkedUrl(options.url);
  const token = checkedToken(options.token);
  const send = options.fetch ?? ((url: string, init: RequestInit) => fetch(url, init));
  const readYourWrites = options.readYourWrites ?? true;
  const clock = options.clock ?? systemClock;
  const subscriptions = createSubscriptions(upstashFeed({ base, token, send, clock }), clock);
  let syncToken: string | undefined;
  let closed = false;

  async function request(
    commands: readonly Command[],
    atomic: boolean,
    signal: AbortSignal | undefined,
  ): Promise<readonly Reply[]> {
    const headers: Record<string, string> = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    if (syncToken !== undefined) headers['upstash-sync-token'] = syncToken;
    const body = JSON.stringify(commands.map((command) => command.map(String)));
    const init = requestInit({ headers, body, signal });
    const response = await attempt(() => send(`${base}/${atomic ? 'multi-exec' : 'pipeline'}`, init), signal, isUnsent);
    if (readYourWrites) syncToken = response.headers.get('upstash-sync-token') ?? syncToken;
    refuseStatus(response, clock);
    const text = await attempt(
      () => response.text(),
      signal,
      () => false,
    );
    if (response.ok) return parseReplies(text, commands.length);
    const refusal = parseRefusal(response.status, text, atomic);
    return commands.map(() => refusal);
  }

  async function execute(
    commands: readonly Command[],
    { signal, atomic = false }: StoreExecuteOptions = {},
  ): Promise<readonly Reply[]> {
    if (closed) throw new StoreError('local', 'The store is closed', { mayHaveRun: false });
    if (signal?.aborted) throw abortedError(signal, false);
    if (commands.length === 0) return [];
    // A fetch of somebody else's may not heed the signal while the body is read.
    return untilAborted(request(commands, atomic, signal), signal, (fired) => abortedError(fired, true));
  }

  return {
    kind: 'upstash',
    execute,
    subscribe: subscriptions.subscribe,
    close: async () => {
      closed = true;
      await subscriptions.close();
    },
  };
}

function checkedUrl(value: string): string {
  const url = parsedUrl(value);
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new ConfigError('url', 'must be an http or https URL');
  }
  if (url.username !== '' || url.password !== '') throw new ConfigError('url', 'must not contain credentials');
  if (url.search !== '' || url.hash !== '') throw new ConfigError('url', 'must have neither query nor fragment');
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

function parsedUrl(value: string): URL | undefined {
  try {
    return new URL(value);
  } catch {
    return undefined;
  }
}

function checkedToken(value: string): string {
  if (typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)) return value;
  throw new ConfigError('token', 'must be a non-empty text of visible ASCII characters without spaces');
}
