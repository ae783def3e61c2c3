import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from './edge-bundle.mjs';
import { ours } from './limiting/contenders.mjs';
import { openLoad, worstExcess } from './limiting/load.mjs';
import { leasePlot } from './limiting/plot.mjs';
import { modules, startServers } from './limiting/servers.mjs';

const QUOTA = { limit: 500, windowMs: 1_000 };
/** Slower, so that the milliseconds in which permits are spent do not blur what is seen. */
const HOARDED = { limit: 500, windowMs: 10_000 };

/**
 * What leases save and what they cost, from real runs: requests per check under 0.9 of the limit, by τ and the number of
 * processes; and by how much the worst interval exceeds the exact limit when every process takes as much as there is and
 * holds it to its last moment. Draws `docs/leases.svg`.
 *
 * @param {import('./run.mjs').BenchOptions} options
 */
export async function run({ quick, results }) {
  const shares = quick ? [0.05] : [0.01, 0.02, 0.05, 0.1, 0.2];
  const counts = quick ? [5] : [1, 5, 20, 50];
  const seconds = quick ? 1 : 2;
  const times = quick ? 1 : 3;
  const servers = await startServers();
  const rows = [];
  console.log('τ, % of the window | processes | requests per check | over the exact limit, % | promised, %');
  try {
    for (const processes of counts) {
      for (const share of shares) {
        const requestsPerCheck = await underLoad(servers, share, processes, seconds);
        const over = Math.max(0, await underHoarders(servers, share, processes, times)) / HOARDED.limit;
        rows.push({ share, processes, requestsPerCheck, over });
        const cells = [100 * share, processes, requestsPerCheck.toFixed(3), (100 * over).toFixed(2), 100 * share];
        console.log(cells.map((cell) => String(cell).padStart(18)).join(' |'));
      }
    }
  } finally {
    await servers.stop();
  }
  await writeFile(
    join(results, 'leases.json'),
    `${JSON.stringify({ load: { ...QUOTA, share: 0.9 }, hoarded: HOARDED, rows }, null, 2)}\n`,
  );
  if (!quick) await writeFile(join(projectRoot, 'docs/leases.svg'), leasePlot(rows));
}

async function underLoad({ rest, requests }, share, processes, seconds) {
  const checks = await ours('gcra', share).start(rest, QUOTA, processes);
  const perSecond = (0.9 * QUOTA.limit * 1_000) / QUOTA.windowMs;
  await openLoad(checks, perSecond, 500);
  const before = requests();
  const checked = await openLoad(checks, perSecond, seconds * 1_000);
  return (requests() - before) / checked.length;
}

/**
 * Permits by which the worst interval exceeds burst + r · w. All ask a full account at once, hold what they get nearly to
 * its last moment, and then spend it together with what is still there and has come back.
 */
async function underHoarders({ store }, share, processes, times) {
  const { createKv, createLimiter } = await modules();
  const policy = { name: 'p', maxOverAdmission: share, ...HOARDED };
  const limiters = Array.from({ length: processes }, () =>
    createLimiter({ kv: createKv({ store: greedy(store), requestTimeoutMs: 10_000 }), policies: [policy] }),
  );
  const excesses = [];
  for (let time = 0; time < times; time += 1) {
    const p = `hoard${share}-${processes}-${time}`;
    const charge = await limiters[0].chargeOf('p', p);
    const checked = [];
    const check = async (limiter) => {
      const from = performance.now();
      const { allowed } = await limiter.check({ p });
      checked.push({ from, to: performance.now(), allowed });
    };
    const askedAt = performance.now();
    for (const limiter of limiters) await check(limiter);
    const held = limiters.map((limiter) => limiter.leases.held(charge));
    const spendingMs = 5 + 0.1 * held.reduce((sum, permits) => sum + permits, 0);
    while (performance.now() < askedAt + share * HOARDED.windowMs - spendingMs) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await Promise.all(limiters.flatMap((limiter, index) => Array.from({ length: held[index] }, () => check(limiter))));
    await Promise.all(Array.from({ length: HOARDED.limit }, (_, index) => check(limiters[index % processes])));
    excesses.push(worstExcess(checked, HOARDED));
  }
  return Math.max(...excesses);
}

/** Asks for as much in advance as there is. */
function greedy(store) {
  const asking = ([name, ...words]) =>
    name === 'EVALSHA' || name === 'EVAL'
      ? [name, ...words.map((word) => String(word).replace(/^(g:\d+:\d+:\d+):[1-9]\d*:(\d+)$/, '$1:1000000:$2'))]
      : [name, ...words];
  return { ...store, execute: (commands, options) => store.execute(commands.map(asking), options) };
}
