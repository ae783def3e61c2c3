import type { Clock } from '../clock.ts';
import { StoreError } from '../errors.ts';
import { abortedError } from './abort.ts';
import { parseRetryAfter } from './upstash-reply.ts';

/** Sends a request: `fetch`, or what stands for it. */
export type Send = (url: string, init: RequestInit) => Promise<Response>;

export interface RequestParts {
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly signal: AbortSignal | undefined;
}

export function requestInit({ headers, body, signal }: RequestParts): RequestInit {
  return {
    method: 'POST',
    headers,
    body,
    // Only `follow` and `manual` exist on every runtime, and following could carry the token elsewhere.
    redirect: 'manual',
    ...(signal === undefined ? undefined : { signal }),
    ...(acceptsNoStore() ? { cache: 'no-store' } : undefined),
  };
}

/** @throws StoreError for a status that settles the matter whatever the body says. */
export function refuseStatus(response: Response, clock: Clock): void {
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

export async function attempt<T>(
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
export function isUnsent(error: unknown): boolean {
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
