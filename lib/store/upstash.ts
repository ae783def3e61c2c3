import { type Clock, systemClock } from '../clock.ts';
import { ConfigError, StoreError } from '../errors.ts';
import { abortedError, untilAborted } from './abort.ts';
import type { Command, Reply, Store, StoreExecuteOptions } from './store.ts';
import { parseRefusal, parseReplies, parseRetryAfter } from './upstash-reply.ts';

export interface UpstashStoreOptions {
  /** Base URL of the REST endpoint, `https:` or, for a local one, `http:`. Without credentials and query. */
  readonly url: string;
  /** Sent as bearer token with every request. */
  readonly token: string;
  /** Sends the requests. @default the global `fetch`, looked up at each call */
  readonly fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
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
  let syncToken: string | undefined;
  let closed = false;

  async function request(
    commands: readonly Command[],
    atomic: boolean,
    signal: AbortSignal | undefined,
  ): Promise<readonly Reply[]> {
    const headers: Record<string, string> = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    if (syncToken !== undefined) headers['upstash-sync-token'] = syncToken;
    const init: RequestInit = {
      method: 'POST',
      headers,
      body: JSON.stringify(commands.map((command) => command.map(String))),
      // Only `follow` and `manual` exist on every runtime, and following could carry the token elsewhere.
      redirect: 'manual',
      ...(signal === undefined ? undefined : { signal }),
      ...(acceptsNoStore() ? { cache: 'no-store' } : undefined),
    };
    const response = await attempt(() => send(`${base}/${atomic ? 'multi-exec' : 'pipeline'}`, init), signal, isUnsent);
    if (readYourWrites) syncToken = response.headers.get('upstash-sync-token') ?? syncToken;
    refuseStatus(response, clock);
    const body = await attempt(
      () => response.text(),
      signal,
      () => false,
    );
    if (response.ok) return parseReplies(body, commands.length);
    const refusal = parseRefusal(response.status, body, atomic);
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
    close: async () => {
      closed = true;
    },
  };
}

/** Statuses that settle the matter whatever the body says. */
function refuseStatus(response: Response, clock: Clock): void {
  const { status, headers } = response;
  const redirected = response.type === 'opaqueredirect' || (status >= 300 && status < 400);
  const busy = status === 408 || status === 429 || status >= 500;
  if (!redirected && !busy && status !== 401 && status !== 403) return;
  // Unread, so that a body that stalls delays nobody.
  response.body?.cancel().catch(() => undefined);
  if (busy) {
    const retryAfterMs = parseRetryAfter(headers, clock);
    throw new StoreError('http', `The endpoint answered with status ${status}`, { status, retryAfterMs });
  }
  if (redirected) throw new StoreError('protocol', 'The endpoint redirects; give its final URL', { status });
  throw new StoreError('auth', `The endpoint refused the token with status ${status}`, { status, mayHaveRun: false });
}

async function attempt<T>(
  step: () => Promise<T>,
  signal: AbortSignal | undefined,
  isCertainlyUnsent: (cause: unknown) => boolean,
): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    if (signal?.aborted) throw abortedError(signal, true);
    const mayHaveRun = !isCertainlyUnsent(cause);
    throw new StoreError('network', 'The endpoint could not be reached, or broke off', { cause, mayHaveRun });
  }
}

const UNSENT: ReadonlySet<unknown> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN']);

/** Whether it is certain that no connection was made. One of several addresses may have answered: all must say so. */
function isUnsent(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { code, cause, errors } = error as { code?: unknown; cause?: unknown; errors?: unknown };
  if (Array.isArray(errors) && errors.length > 0) return errors.every(isUnsent);
  return UNSENT.has(code) || (cause !== undefined && isUnsent(cause));
}

let noStoreAccepted: boolean | undefined;

/** Next.js caches without it; some runtimes throw on it. */
function acceptsNoStore(): boolean {
  if (noStoreAccepted === undefined) {
    try {
      noStoreAccepted = new Request('http://localhost/', { cache: 'no-store' }).url !== '';
    } catch {
      noStoreAccepted = false;
    }
  }
  return noStoreAccepted;
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
