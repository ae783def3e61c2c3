import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { modules } from './limiting/servers.mjs';

const CHECKS_AT_ONCE = 100;

/**
 * What a limiter keeps of a million distinct identifiers, and whether it gets slower: heap, and microseconds per check in
 * each tenth. Once with permits that are granted in advance, once with refusals, once with Redis away.
 *
 * @param {import('./run.mjs').BenchOptions} options
 */
export async function run({ quick, results }) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  const tenth = quick ? 10_000 : 100_000;
  const rows = [];
  for (const [what, execute] of Object.entries(STORES)) {
    const { createKv, createLimiter } = await modules();
    const kv = createKv({ store: { kind: 'memory', execute, close: async () => {} } });
    const policies = [{ name: 'p', limit: 10, windowMs: 60_000, maxOverAdmission: 0.1 }];
    const limiter = createLimiter({ kv, policies });
    collect();
    const before = process.memoryUsage().heapUsed;
    const usPerCheck = [];
    for (let part = 0; part < 10; part += 1) {
      const startedAt = performance.now();
      for (let index = part * tenth; index < (part + 1) * tenth; index += CHECKS_AT_ONCE) {
        await Promise.all(Array.from({ length: CHECKS_AT_ONCE }, (_, more) => limiter.check({ p: `${index + more}` })));
      }
      usPerCheck.push(((performance.now() - startedAt) * 1_000) / tenth);
    }
    collect();
    const heapMb = (process.memoryUsage().heapUsed - before) / 1_048_576;
    rows.push({ what, identifiers: 10 * tenth, known: limiter.leases.size, heapMb, usPerCheck });
    console.log(
      `${what.padEnd(10)} ${heapMb.toFixed(1).padStart(6)} MB for ${limiter.leases.size} of ${10 * tenth}; µs per check: ${usPerCheck.map((us) => us.toFixed(0)).join(' ')}`,
    );
  }
  await writeFile(join(results, 'memory.json'), `${JSON.stringify(rows, null, 2)}\n`);
}

const answering = (reply) => async (commands) => commands.map(([name]) => (name === 'EVALSHA' ? reply : null));

const STORES = {
  granted: answering([1, 5, 5, 30_000_000, 0]),
  refused: answering([0, 0, 0, 60_000_000, 6_000_000]),
  away: async () => {
    throw new Error('gone');
  },
};
