import { wholeNumber } from './client/whole-number.ts';
import { onDefaultClient } from './default-client.ts';
import { createDedup } from './primitives/dedup/dedup.ts';

export { createDedup };

const SECOND_MS = 1_000;
const MAX_SECONDS = 31_536_000;

const events = onDefaultClient('events', ({ kv }) => createDedup({ kv, name: 'events' }));

/**
 * Whether an event is the first of its key within `ttlSeconds`: `true` for the first, `false` for a duplicate. One request.
 * Where Redis is away, `true` unless this process has seen it: another one may have, which `createDedup` says and this does
 * not.
 *
 * @param ttlSeconds from the first event on @throws ConfigError for a time that is no whole number from 1 to a year
 * @example
 * ```ts
 * if (await shouldTrackEvent(`view:${userId}:${page}`)) track({ userId, page });
 * ```
 */
export async function shouldTrackEvent(key: string, ttlSeconds = 300): Promise<boolean> {
  const ttlMs = wholeNumber('ttlSeconds', ttlSeconds, 1, MAX_SECONDS) * SECOND_MS;
  // Closed it would answer `unavailable`.
  return (await events().seen(key, { ttlMs })).status === 'first';
}
