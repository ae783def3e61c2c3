/** How the page stands with its server. */
export type Connection =
  | { readonly state: 'connecting' }
  /** `polling`: the stream does not come through, and each look is asked for. */
  | { readonly state: 'live'; readonly by: 'stream' | 'polling' }
  /** What is shown is old. It is tried again in so many milliseconds. */
  | { readonly state: 'lost'; readonly why: Loss; readonly retryInMs: number }
  /** For good: nothing but other credentials, or another server, changes the answer. */
  | { readonly state: 'refused'; readonly status: number };

/** `network`: nobody answers. `server`: somebody does, and has no looks. `silent`: the stream stopped without an end. */
export type Loss = 'network' | 'server' | 'silent' | 'limited' | 'unreadable';

/** Answers that asking again does not change. */
const FINAL: ReadonlySet<number> = new Set([401, 403, 404]);

export function isFinal(status: number): boolean {
  return FINAL.has(status);
}

/** What a status that is not 200 says of the loss. */
export function lossBy(status: number): Loss {
  return status === 429 ? 'limited' : 'server';
}

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 5_000;

/** How long to wait after so many failures in a row. No jitter: a console has one reader or two. */
export function retryAfterMs(failures: number): number {
  return Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.max(0, failures - 1));
}
