import type { Clock } from '../../clock.ts';
import { DeadlineError } from '../../errors.ts';
import { withDeadline } from '../../resilience/deadline.ts';
import type { ApiKeyStore } from './source.ts';

/** `store`, with a deadline on whatever is asked of it. What a change that was given up on has done is not known. */
export function boundedStore<Config>(store: ApiKeyStore<Config>, clock: Clock, timeoutMs: number): ApiKeyStore<Config> {
  const within = <T>(isChange: boolean, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const expired = () => new DeadlineError(timeoutMs, isChange);
    return withDeadline({ clock, timeoutMs, controller: new AbortController(), expired }, work);
  };
  return {
    findByDigest: (digest) => within(false, (signal) => store.findByDigest(digest, { signal })),
    get: (id) => within(false, () => store.get(id)),
    insert: (record) => within(true, () => store.insert(record)),
    replace: (next, previous) => within(true, () => store.replace(next, previous)),
    list: (page) => within(false, () => store.list(page)),
  };
}
