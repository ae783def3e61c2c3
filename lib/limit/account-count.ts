import type { KvClient } from '../client/kv-client.ts';
import { KV_PREFIXES } from '../client/redis-keys.ts';

const STEPS = 20;
/** Keys that Redis looks at in one step. */
const COUNT = 1_000;

/** About how many accounts Redis holds, by SCAN with a bound; `undefined` when it cannot be asked. */
export async function countAccounts(kv: KvClient): Promise<number | undefined> {
  const match = `${kv.namespace.replace(/[*?[\]\\]/g, '\\$&')}${KV_PREFIXES.RATE_LIMIT}*`;
  let cursor = '0';
  let found = 0;
  try {
    for (let step = 1; step <= STEPS; step += 1) {
      const reply = await kv.command(['SCAN', cursor, 'MATCH', match, 'COUNT', COUNT]);
      const [next, names] = Array.isArray(reply) ? reply : ['0', []];
      found += Array.isArray(names) ? names.length : 0;
      cursor = String(next);
      if (cursor === '0') return found;
    }
    const total = Number(await kv.command(['DBSIZE']));
    return Math.round((found / (STEPS * COUNT)) * total);
  } catch {
    return undefined;
  }
}
