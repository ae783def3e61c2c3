import { isKvError } from '../errors.ts';

/** When to ask again where nobody said, in milliseconds. */
export const RETRY_MS = 1_000;

/** When to ask a store again that could not answer: as its circuit says, else soon. */
export function retryAfterOf(error: unknown): number {
  return isKvError(error) && error.code === 'CIRCUIT_OPEN' ? Math.max(1, error.retryAfterMs) : RETRY_MS;
}
