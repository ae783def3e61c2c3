import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ours, UPSTASH } from './limiting/contenders.mjs';
import { openLoad, windowStart, worstExcess } from './limiting/load.mjs';
import { startServers } from './limiting/servers.mjs';

const QUOTA = { limit: 100, windowMs: 500 };
/** Not a whole number: the last window has room for as many as the others. */
const WINDOWS = 4.75;

/**
 * What is admitted of what could have been: the load, or what the limit allows of it. 1.000 is exact; below it callers are
 * refused who need not be, above it the limit does not hold. Leased modes have their own bound, which is looked at in every
 * interval: `!` where it is broken.
 *
 * @param {import('./run.mjs').BenchOptions} options
 */
export async function run({ quick, results }) {
  const own = [
    ...[0, 0.01, 0.05, 0.1].map((share) => ours('gcra', share)),
    ...['fixedWindow', 'slidingWindow', 'slidingLog', 'tokenBucket'].map((name) => ours(name)),
  ];
  const contenders = [...own, ...UPSTASH];
  const loads = quick ? [2] : [1, 1.5, 2, 5];
  const counts = quick ? [10] : [1, 10, 50];
  const servers = await startServers();
  const rows = [];
  console.log(`${QUOTA.limit} permits per ${QUOTA.windowMs} ms; admitted, as a share of what the limit allows\n`);
  const columns = loads.flatMap((load) => counts.map((processes) => ({ load, processes })));
  console.log(
    `${'load × processes'.padEnd(32)}${columns.map(({ load, processes }) => `${load} × ${processes}`.padStart(9)).join('')}`,
  );
  try {
    for (const contender of contenders) {
      const cells = [];
      for (const column of columns) {
        const row = { contender: contender.name, ...column, ...(await measure(servers, contender, column)) };
        rows.push(row);
        cells.push(`${row.share.toFixed(3)}${row.holds === false ? '!' : ' '}`.padStart(9));
      }
      console.log(contender.name.padEnd(32) + cells.join(''));
    }
  } finally {
    await servers.stop();
  }
  await writeFile(
    join(results, 'accuracy.json'),
    `${JSON.stringify({ quota: QUOTA, windows: WINDOWS, rows }, null, 2)}\n`,
  );
}

async function measure({ rest }, { start, kind, overAdmission }, { load, processes }) {
  const { limit, windowMs } = QUOTA;
  const checks = await start(rest, QUOTA, processes);
  await windowStart(windowMs);
  const checked = await openLoad(checks, (load * limit * 1_000) / windowMs, WINDOWS * windowMs);
  const admitted = checked.filter(({ allowed }) => allowed).length;
  const lastsMs = Math.max(...checked.map(({ to }) => to)) - Math.min(...checked.map(({ from }) => from));
  // One burst and what comes back one by one, or so many for each window that was begun.
  const most = kind === 'rolling' ? limit + Math.floor((limit * lastsMs) / windowMs) : limit * Math.ceil(WINDOWS);
  const excess = worstExcess(checked, QUOTA);
  return {
    checks: checked.length,
    admitted,
    most,
    share: admitted / Math.min(checked.length, most),
    ...(kind === 'rolling' ? { worstExcess: excess, holds: excess <= overAdmission * limit } : {}),
  };
}
