import type { Result } from '../../client/call.ts';
import type { KvClient } from '../../client/kv-client.ts';
import { elapsedSince, type Instant, instant } from '../../clock.ts';

/** What Redis says of itself, as far as it does; of a Cluster, one of its nodes. Unknown is `undefined`. */
export interface StoreReport {
  /** Whether it has answered. */
  readonly isUp: boolean;
  /** Bytes that its data takes, and that it may take; `undefined` for no bound. */
  readonly usedBytes?: number | undefined;
  readonly maxBytes?: number | undefined;
  /** Keys that it has dropped to make room, since it was started. */
  readonly evictedKeys?: number | undefined;
  /** What it has read from, and written to, all its clients since it was started. */
  readonly receivedBytes?: number | undefined;
  readonly sentBytes?: number | undefined;
}

/** An answer is good for so long: who asks oftener does not load Redis with it. */
const FRESH_MS = 5_000;

/**
 * Asks Redis how it is, at most once in five seconds. One request. Never rejects: while Redis is away, or the circuit is
 * open, `isUp` is `false` and nothing else is known.
 */
export function createStoreReport(kv: KvClient): () => Promise<StoreReport> {
  let last: { readonly at: Instant; readonly report: StoreReport } | undefined;
  let flight: Promise<StoreReport> | undefined;

  const ask = async (): Promise<StoreReport> => {
    const report = await reportOf(kv);
    last = { at: instant(kv.clock), report };
    flight = undefined;
    return report;
  };

  return async () => {
    if (last && elapsedSince(last.at, kv.clock) < FRESH_MS) return last.report;
    if (!kv.sharesPromises) return ask();
    flight ??= ask();
    return flight;
  };
}

async function reportOf(kv: KvClient): Promise<StoreReport> {
  try {
    // Where it is not allowed, that is an answer all the same.
    const replies = await kv.execute([
      ['INFO', 'memory'],
      ['INFO', 'stats'],
    ]);
    const field = (name: string) => fieldOf(replies, name);
    return {
      isUp: true,
      usedBytes: field('used_memory'),
      maxBytes: field('maxmemory') || undefined,
      evictedKeys: field('evicted_keys'),
      receivedBytes: field('total_net_input_bytes'),
      sentBytes: field('total_net_output_bytes'),
    };
  } catch {
    return { isUp: false };
  }
}

/** A whole number of INFO, wherever it stands: some servers answer all sections, whichever was asked for. */
function fieldOf(replies: readonly Result[], name: string): number | undefined {
  for (const reply of replies) {
    const found = new RegExp(`^${name}:(\\d{1,15})\\r?$`, 'm').exec(typeof reply === 'string' ? reply : '');
    if (found) return Number(found[1]);
  }
  return undefined;
}
