// Sends guarded requests through the middleware that the environment configures, and tells its parent what one of them costs
// this process: CPU, and bytes allocated, which are counted while no garbage is collected.

import { join } from 'node:path';
import { PerformanceObserver } from 'node:perf_hooks';
import { projectRoot } from './edge-bundle.mjs';

const [kind, leased, rounds, perRound] = process.argv.slice(2);
const load = (path) => import(join(projectRoot, 'dist', path));
const [{ createEdgeMiddleware }, { createApiKey }] = await Promise.all([
  load('lib/next/index.js'),
  load('lib/auth.js'),
]);

const policy = { limit: 10_000_000, windowMs: 60_000, ...(leased === 'leased' && { maxOverAdmission: 0.05 }) };
const middleware = createEdgeMiddleware({
  policies: [
    { name: 'ip', ...policy },
    { name: 'key', ...policy },
  ],
  protect: [{ path: '/api/*', limits: { ip: 'ip', key: 'key' } }],
});
const { key } = await createApiKey({ owner: 'bench' });

const HEADERS = {
  accept: 'application/json',
  'accept-encoding': 'gzip, br',
  'accept-language': 'en',
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36',
  host: 'app.example.com',
  'x-real-ip': '192.0.2.1',
  'x-forwarded-for': '192.0.2.1',
  'x-api-key': key,
};
const requests = (count) =>
  Array.from({ length: count }, () => new Request('https://app.example.com/api/whoami', { headers: HEADERS }));

async function sendAll(made, callers) {
  let next = 0;
  const caller = async () => {
    while (next < made.length) {
      const response = await middleware(made[next++]);
      if (response.headers.get('x-middleware-next') !== '1') throw new Error(`Refused: ${response.status}`);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

let collections = 0;
new PerformanceObserver((list) => {
  collections += list.getEntries().length;
}).observe({ entryTypes: ['gc'] });
const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

/** Bytes that one request leaves behind; `undefined` where something was collected meanwhile. */
async function bytesOf(count) {
  const made = requests(count);
  globalThis.gc();
  await turn();
  collections = 0;
  const before = process.memoryUsage().heapUsed;
  await sendAll(made, 1);
  const after = process.memoryUsage().heapUsed;
  await turn();
  return collections === 0 ? (after - before) / count : undefined;
}

async function cpuOf(count, callers) {
  const made = requests(count);
  globalThis.gc();
  const before = process.cpuUsage();
  await sendAll(made, callers);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

await sendAll(requests(3_000), 16);
const told = { kind, leased, cpu1Us: [], cpu64Us: [], bytes: [] };
for (let round = 0; round < Number(rounds); round += 1) {
  told.cpu1Us.push(await cpuOf(Number(perRound), 1));
  told.cpu64Us.push(await cpuOf(Number(perRound), 64));
  const bytes = await bytesOf(200);
  if (bytes !== undefined) told.bytes.push(bytes);
}
process.send(told, () => process.exit());
