import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { projectRoot } from './edge-bundle.mjs';
import { startServers } from './limiting/servers.mjs';

/** About 200 bytes of JSON. */
const VALUE = {
  id: 4711,
  name: 'Ada Lovelace',
  roles: ['admin', 'author'],
  settings: { theme: 'dark', rows: 50 },
  about: 'x'.repeat(80),
};
const LONG_MS = 600_000;

/**
 * Caches beside each other on one Redis, in rounds that take turns.
 *
 * @param {import('./run.mjs').BenchOptions} options
 */
export async function run({ quick, results }) {
  install();
  const { CONTENDERS } = await import('./caching/contenders.mjs');
  const servers = await startServers();
  try {
    const hits = await rounds(CONTENDERS, quick ? 3 : 7, (contender) =>
      hitsPerSecond(contender, servers.url, true, quick),
    );
    print('hits in this process, 1,000 keys, per second', hits, (row) => Math.round(median(row)).toLocaleString('en'));
    const found = await rounds(CONTENDERS, quick ? 3 : 7, (contender) =>
      hitsPerSecond(contender, servers.url, false, quick),
    );
    print('hits in Redis, 32 callers, per second', found, (row) => Math.round(median(row)).toLocaleString('en'));
    const misses = await rounds(CONTENDERS, 3, (contender) => stampede(contender, servers.url));
    print(
      '1,000 callers of one miss, loader of 20 ms: loads, and ms for all',
      misses,
      (row) => `${Math.max(...row.map(({ loads }) => loads))} loads, ${Math.round(median(row.map(({ ms }) => ms)))} ms`,
    );
    const expiries = await rounds(CONTENDERS, 1, (contender) => expiry(contender, servers.url, quick ? 4_000 : 10_000));
    print(
      '4 processes, 32 callers, values of 1 s, loader of 50 ms: loads in a second, callers who waited',
      expiries,
      ([row]) =>
        `${row.loadsPerPeriod.toFixed(2)} loads, ${row.waited} of ${row.calls.toLocaleString('en')} waited, ${row.failed} failed`,
    );
    const rows = { hits, found, misses, expiries };
    await writeFile(join(results, 'cache.json'), `${JSON.stringify(rows, null, 2)}\n`);
  } finally {
    await servers.stop();
  }
}

function install() {
  const folder = join(projectRoot, 'bench', 'caching');
  if (existsSync(join(folder, 'node_modules'))) return;
  const { status } = spawnSync('npm', ['--prefix', folder, 'ci'], { stdio: 'inherit' });
  if (status !== 0) throw new Error('The peers could not be installed');
}

let opened = 0;

async function open(contender, setting) {
  opened += 1;
  return contender.open({ name: `bench${opened}`, ttlMs: LONG_MS, graceMs: 0, memory: true, ...setting });
}

/** One result of each contender, then the next of each, so that what the machine does meanwhile hits all of them. */
async function rounds(contenders, count, measure) {
  const rows = Object.fromEntries(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < count; round += 1) {
    for (const contender of contenders) rows[contender.name].push(await measure(contender));
  }
  return rows;
}

async function hitsPerSecond(contender, url, memory, quick) {
  const cache = await open(contender, { url, memory });
  const keys = Array.from({ length: memory ? 1_000 : 200 }, (_, index) => `key${index}`);
  const load = async () => ({ ...VALUE });
  for (const key of keys) await cache.getOrLoad(key, load);
  await delay(100);
  const missed = () => {
    throw new Error(`${contender.name} has lost a value`);
  };
  const total = (memory ? 200_000 : 20_000) / (quick ? 4 : 1);
  const callers = memory ? 1 : 32;
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      for (let turn = caller; turn < total; turn += callers) {
        const value = await cache.getOrLoad(keys[turn % keys.length], missed);
        if (value?.id !== VALUE.id) missed();
      }
    }),
  );
  const perSecond = (1_000 * total) / (performance.now() - startedAt);
  await cache.close();
  return perSecond;
}

async function stampede(contender, url) {
  const cache = await open(contender, { url });
  let loads = 0;
  const load = async () => {
    loads += 1;
    await delay(20);
    return { ...VALUE };
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: 1_000 }, () => cache.getOrLoad('hot', load)));
  const ms = performance.now() - startedAt;
  await delay(50);
  await cache.close();
  return { loads, ms };
}

/** As many instances as processes would be: each has a memory and a connection of its own. */
async function expiry(contender, url, lastsMs) {
  const ttlMs = 1_000;
  opened += 1;
  const name = `bench${opened}`;
  const caches = [];
  for (let index = 0; index < 4; index += 1) caches.push(await open(contender, { url, name, ttlMs, graceMs: 5_000 }));
  let [loads, calls, waited, failed] = [0, 0, 0, 0];
  const load = async () => {
    loads += 1;
    await delay(50);
    return { ...VALUE };
  };
  for (const cache of caches) await cache.getOrLoad('hot', load);
  await delay(100);
  loads = 0;
  const endsAt = performance.now() + lastsMs;
  await Promise.all(
    caches.flatMap((cache) =>
      Array.from({ length: 8 }, async () => {
        while (performance.now() < endsAt) {
          const loadsBefore = loads;
          const begunAt = performance.now();
          const value = await cache.getOrLoad('hot', load).catch(() => undefined);
          calls += 1;
          if (value === undefined) failed += 1;
          // A loader's time, and one was under way: not a pause of the machine.
          if (performance.now() - begunAt >= 45 && loads >= loadsBefore) waited += 1;
          await delay(1);
        }
      }),
    ),
  );
  for (const cache of caches) await cache.close();
  return { loadsPerPeriod: loads / (lastsMs / ttlMs), calls, waited, failed };
}

function print(title, rows, show) {
  console.log(`\n${title}`);
  for (const [name, row] of Object.entries(rows)) console.log(`  ${name.padEnd(14)}${show(row)}`);
}

function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
}
