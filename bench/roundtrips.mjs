import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ours, UPSTASH } from './limiting/contenders.mjs';
import { commandsRun, median, openLoad } from './limiting/load.mjs';
import { startServers } from './limiting/servers.mjs';

const QUOTA = { limit: 500, windowMs: 1_000 };

/**
 * Requests to Redis, and commands that it runs, per check of one subject: by load, in multiples of the limit, and by the
 * number of processes that share the limit. Everybody goes through the same REST endpoint to the same Redis, in turns.
 *
 * @param {import('./run.mjs').BenchOptions} options
 */
export async function run({ quick, results }) {
  const contenders = [ours('gcra'), ours('gcra', 0.01), ours('gcra', 0.05), ours('gcra', 0.1), ...UPSTASH.slice(1, 3)];
  const loads = quick ? [0.9] : [0.5, 0.9, 2];
  const counts = quick ? [1, 10] : [1, 5, 20];
  const [rounds, seconds] = quick ? [1, 1] : [3, 2];
  const servers = await startServers();
  const rows = [];
  console.log(`${QUOTA.limit} permits per ${QUOTA.windowMs} ms; requests and commands per check\n`);
  console.log(`load | processes |${contenders.map(({ name }) => name.padStart(26)).join('')}`);
  try {
    for (const load of loads) {
      for (const processes of counts) {
        const cells = contenders.map(({ name }) => ({ name, requests: [], commands: [], cpuUs: [] }));
        for (let round = 0; round < rounds; round += 1) {
          for (const [index, contender] of contenders.entries()) {
            const measured = await measure(servers, contender, { load, processes, seconds });
            for (const [what, value] of Object.entries(measured)) cells[index][what].push(value);
          }
        }
        for (const { name, requests, commands, cpuUs } of cells) {
          rows.push({
            load,
            processes,
            contender: name,
            requestsPerCheck: median(requests),
            commandsPerCheck: median(commands),
            cpuUsPerCheck: median(cpuUs),
            rounds: requests,
          });
        }
        const texts = cells.map(({ requests, commands }) =>
          `${median(requests).toFixed(3)} rq ${median(commands).toFixed(2)} cm`.padStart(26),
        );
        console.log(`${String(load).padStart(4)} | ${String(processes).padStart(9)} |${texts.join('')}`);
      }
    }
  } finally {
    await servers.stop();
  }
  await writeFile(join(results, 'roundtrips.json'), `${JSON.stringify({ quota: QUOTA, rows }, null, 2)}\n`);
}

async function measure({ store, rest, requests }, contender, { load, processes, seconds }) {
  const checks = await contender.start(rest, QUOTA, processes);
  const perSecond = (load * QUOTA.limit * 1_000) / QUOTA.windowMs;
  // Until demand is known and the first burst spent.
  await openLoad(checks, perSecond, 500);
  await commandsRun(store);
  const before = requests();
  const cpu = process.cpuUsage();
  const checked = await openLoad(checks, perSecond, seconds * 1_000);
  const used = process.cpuUsage(cpu);
  const count = checked.length;
  return {
    requests: (requests() - before) / count,
    commands: (await commandsRun(store)) / count,
    cpuUs: (used.user + used.system) / count,
  };
}
