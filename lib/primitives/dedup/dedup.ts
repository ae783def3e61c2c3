import type { CallOptions } from '../../client/call.ts';
import { KV_PREFIXES } from '../../client/redis-keys.ts';
import { instant } from '../../clock.ts';
import { entityName } from '../names.ts';
import { unavailableBy } from '../unavailable.ts';
import { createClaims } from './claims.ts';
import { type Dedup, type DedupOptions, resolveDedupOptions, spanMs } from './dedup-options.ts';
import { createRecentEvents } from './recent-events.ts';

/**
 * Tells the first of several equal events or pieces of work from the others, for all processes together.
 *
 * @throws ConfigError naming the option
 * @example
 * ```ts
 * const dedup = createDedup({ kv, name: 'payments' });
 * const claim = await dedup.claim(orderId);
 * if (claim.status === 'claimed') await claim.finish(await charge(orderId));
 * ```
 */
export function createDedup(options: DedupOptions): Dedup {
  const { kv, name, onUnavailable, maxLocalKeys, maxResultBytes } = resolveDedupOptions(options);
  const recent = createRecentEvents(maxLocalKeys, kv.clock);

  const isNew = async (key: string, ttlMs: number, callOptions: CallOptions): Promise<boolean> =>
    (await kv.command(['SET', key, '1', 'PX', ttlMs, 'NX'], callOptions)) === 'OK';

  return {
    async seen(subject, { ttlMs, ...callOptions }) {
      spanMs('ttlMs', ttlMs);
      const key = await entityName(kv, KV_PREFIXES.DEDUP, 'event', name, subject);
      // From before the request, so that what Redis keeps ends later.
      const since = instant(kv.clock);
      try {
        // What was let through here ends in Redis when it does here.
        const before = recent.known(key);
        const leftMs = before?.state === 'untold' ? Math.ceil(before.leftMs) : ttlMs;
        const isFirst = await isNew(key, leftMs, callOptions);
        const known = recent.known(key);
        const passedHere = isFirst && known?.state === 'untold';
        // Duplicates of what is known here do not push its end back.
        if (known === undefined || (isFirst && !passedHere)) recent.note(key, since, ttlMs, true);
        return { status: isFirst && !passedHere ? 'first' : 'duplicate', approximate: passedHere };
      } catch (error) {
        const unavailable = unavailableBy(error);
        if (onUnavailable === 'closed') return unavailable;
        if (recent.known(key) !== undefined) return { status: 'duplicate', approximate: true };
        recent.note(key, since, ttlMs, false);
        return { status: 'first', approximate: true };
      }
    },
    claim: createClaims({ kv, name, maxResultBytes }),
  };
}
