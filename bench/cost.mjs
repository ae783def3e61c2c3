import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from './edge-bundle.mjs';
import { median } from './limiting/load.mjs';
import { startServers } from './limiting/servers.mjs';

const SECRETS = {
  BREAKWATER_KEY_PEPPER: 'k1:a-pepper-for-the-benchmark-alone',
  BREAKWATER_IDENTITY_SECRET: 'a-secret-of-at-least-32-characters',
  CLIENT_IP_SOURCE: 'vercel',
};
// Room for what a measured round leaves behind, so that nothing of it is collected.
const FLAGS = ['--expose-gc', '--max-semi-space-size=128', '--min-semi-space-size=128'];

/**
 * What one guarded request (key lookup, a limit by address and one by key, signed identity) costs the process that guards:
 * CPU with one caller and with 64, and bytes allocated with one. By store, each in processes of its own, in turns.
 *
 * @param {import('./run.mjs').BenchOptions} options
 */
export async function run({ quick, results }) {
  const servers = await startServers();
  const stores = {
    memory: { KV_STORE: 'memory' },
    REST: { KV_STORE: 'upstash', KV_REST_API_URL: servers.rest.url, KV_REST_API_TOKEN: servers.rest.token },
    TCP: { KV_STORE: 'redis', REDIS_URL: servers.url },
  };
  const cells = Object.keys(stores).flatMap((kind) => ['exact', 'leased'].map((how) => ({ kind, how, told: [] })));
  try {
    for (let turn = 0; turn < (quick ? 1 : 3); turn += 1) {
      for (const cell of cells) cell.told.push(await measured(cell, stores[cell.kind], quick));
    }
  } finally {
    await servers.stop();
  }
  const rows = cells.map(({ kind, how, told }) => {
    const of = (what) => median(told.flatMap((one) => one[what]));
    return { kind, how, cpu1Us: of('cpu1Us'), cpu64Us: of('cpu64Us'), bytes: of('bytes') };
  });
  console.log('store   limits    CPU us, 1 caller    CPU us, 64 callers    bytes allocated');
  for (const { kind, how, cpu1Us, cpu64Us, bytes } of rows) {
    const cpu = [cpu1Us.toFixed(1).padStart(16), cpu64Us.toFixed(1).padStart(22)].join('');
    console.log(`${kind.padEnd(8)}${how.padEnd(6)}${cpu}${Math.round(bytes).toLocaleString('en').padStart(19)}`);
  }
  await writeFile(join(results, 'cost.json'), `${JSON.stringify(rows, null, 2)}\n`);
}

async function measured({ kind, how }, store, quick) {
  const child = fork(join(projectRoot, 'bench', 'cost-process.mjs'), [kind, how, quick ? '3' : '7', '2000'], {
    execArgv: FLAGS,
    env: { PATH: process.env.PATH, ...SECRETS, ...store },
  });
  const ended = once(child, 'exit');
  const [told] = await Promise.race([
    once(child, 'message'),
    ended.then(([code]) => Promise.reject(new Error(`Exit ${code}`))),
  ]);
  await ended;
  return told;
}
