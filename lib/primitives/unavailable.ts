import { retryAfterOf } from '../client/retry-after.ts';
import { isUnavailable } from '../errors.ts';

/** Redis could not be asked. */
export interface Unavailable {
  readonly status: 'unavailable';
  /** When to ask again, in milliseconds. */
  readonly retryAfterMs: number;
  /** `false` only when it is certain that nothing has changed in Redis. */
  readonly mayHaveRun: boolean;
}

/** What an error of the client is to callers. @throws `error` when it says anything else than that Redis is away. */
export function unavailableBy(error: unknown): Unavailable {
  if (!isUnavailable(error)) throw error;
  return { status: 'unavailable', retryAfterMs: retryAfterOf(error), mayHaveRun: mayHaveRun(error) };
}

/** Whether what was asked may have taken effect, as far as an error says: also where only the caller has given up. */
export function mayHaveRun(error: unknown): boolean {
  return !isUnavailable(error) || (error.code !== 'CIRCUIT_OPEN' && error.mayHaveRun);
}

/** What `work` answers, or that Redis is away. @throws what else goes wrong */
export async function unlessAway<T>(work: () => Promise<T>): Promise<T | Unavailable> {
  try {
    return await work();
  } catch (error) {
    return unavailableBy(error);
  }
}

/** Whether it is certain that a write has not taken effect: it was never sent, or Redis has answered that it cannot serve. */
export function hasNotRun(error: unknown): boolean {
  if (!isUnavailable(error)) return false;
  return !mayHaveRun(error) || (error.code === 'STORE' && error.replyCode !== undefined);
}
