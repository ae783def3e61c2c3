import type { KvClient } from '../client/kv-client.ts';
import type { Command } from '../store/store.ts';
import { type Ledger, orThrow } from './ledger.ts';
import type { Charge } from './policy.ts';

/** Gives these accounts everything back in Redis, and says how many of them had used anything. One request. */
export async function eraseAccounts(
  kv: KvClient,
  ledger: Ledger,
  charges: readonly Charge[],
  timeoutMs: number = kv.requestTimeoutMs,
): Promise<number> {
  const startedAt = kv.clock.monotonic();
  const query = ledger.epoch.query();
  // One by one: on a Cluster they may be in several slots.
  const erasing = ledger.keys(charges).map((key): Command => ['DEL', key]);
  const results = await kv.execute([...erasing, ...query.commands], { timeoutMs });
  const found = results.slice(0, charges.length).filter((result) => Number(orThrow(result)) > 0).length;
  const leftMs = timeoutMs - (kv.clock.monotonic() - startedAt);
  return query.learn(results[charges.length]) ? eraseAccounts(kv, ledger, charges, Math.max(1, leftMs)) : found;
}
