import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from './edge-bundle.mjs';
import { startServers } from './limiting/servers.mjs';

const CALLERS = [1, 32];
/** The first turns load scripts and code. */
const WARM_TURNS = 200;

let turns = 0;

/** Each operation is about something of its own. */
function nextTurn() {
  turns += 1;
  return turns;
}

/**
 * Locks, dedup, codes and sessions on one local Redis, beside what others have for the same: how long an operation takes,
 * in rounds that take turns.
 *
 * @param {import('./run.mjs').BenchOptions} options
 */
export async function run({ quick, results }) {
  install();
  const { OPERATIONS } = await import('./primitives/contenders.mjs');
  const servers = await startServers();
  const rounds = quick ? 3 : 7;
  const perRound = quick ? 300 : 1_500;
  try {
    const rows = [];
    for (const { name, budgetMs, contenders } of OPERATIONS) {
      for (const callers of CALLERS) {
        const times = await measure(contenders, { url: servers.url, callers, rounds, perRound });
        for (const [contender, sorted] of Object.entries(times)) {
          rows.push({ operation: name, contender, callers, p50: at(sorted, 0.5), p95: at(sorted, 0.95), budgetMs });
        }
      }
    }
    console.log('milliseconds of one operation on a local Redis, by as many callers at once');
    console.table(
      rows.map(({ p50, p95, budgetMs, ...row }) => ({
        ...row,
        p50: p50.toFixed(2),
        p95: p95.toFixed(2),
        budget: budgetMs,
      })),
    );
    await writeFile(join(results, 'primitives.json'), `${JSON.stringify(rows, null, 2)}\n`);
  } finally {
    await servers.stop();
  }
}

function install() {
  const folder = join(projectRoot, 'bench', 'primitives');
  if (existsSync(join(folder, 'node_modules'))) return;
  const { status } = spawnSync('npm', ['--prefix', folder, 'ci'], { stdio: 'inherit' });
  if (status !== 0) throw new Error('The peers could not be installed');
}

/** Sorted milliseconds of each contender. One round of each, then the next of each. */
async function measure(contenders, { url, callers, rounds, perRound }) {
  const opened = [];
  for (const [name, open] of Object.entries(contenders)) opened.push({ name, times: [], ...(await open(url)) });
  try {
    for (const { run } of opened) for (let warm = 0; warm < WARM_TURNS; warm += 1) await run(nextTurn());
    for (let round = 0; round < rounds; round += 1) {
      for (const { run, times } of opened) {
        const caller = async () => {
          for (let left = perRound / callers; left > 0; left -= 1) {
            const turn = nextTurn();
            const startedAt = performance.now();
            await run(turn);
            times.push(performance.now() - startedAt);
          }
        };
        await Promise.all(Array.from({ length: callers }, caller));
      }
    }
  } finally {
    for (const { close } of opened) await close();
  }
  return Object.fromEntries(opened.map(({ name, times }) => [name, times.sort((a, b) => a - b)]));
}

function at(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}
