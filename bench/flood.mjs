import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { projectRoot } from './edge-bundle.mjs';
import { median } from './limiting/load.mjs';
import { modules, startServers } from './limiting/servers.mjs';

const VALID = 200;
const AT_ONCE = 20;
/** What the guard bears by default: of one address, and of all together in each ten seconds. */
const PER_CLIENT = 20;
const IN_ALL = { limit: 300, windowMs: 10_000 };

/** Where 10,000 unknown keys come from. */
const FROM = {
  'one address': () => '192.0.2.66',
  '10,000 addresses': (index) => `10.9.${index >> 8}.${index & 255}`,
  nowhere: () => undefined,
};
/** Answered from memory; and charged to the key's limit, which takes a request. */
const PATHS = ['/', '/limited'];

/**
 * What 10,000 well-formed unknown keys do to a guard whose keys are on record in a source: looks there, memory, and CPU of
 * this process per request with a valid key: of a guard beside it that has no flood, and of the flooded one between parts
 * of the flood; then of both with another request before each, which is that of a valid key where there is no flood, and
 * that of an unknown one where there is. That alone costs a request more: the process has slept, and its caches are cold.
 * One request at a time, so that no CPU is shared by several; rounds of all are interleaved; medians. What another guard
 * without a flood seems to cost more or less is what the machine does not tell apart.
 *
 * @param {import('./run.mjs').BenchOptions} options
 */
export async function run({ quick, results }) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  const servers = await startServers();
  const rows = [];
  console.log('CPU per valid request: calm → between parts of the flood | beside valid → beside unknown keys\n');
  try {
    for (const from of Object.keys(FROM)) {
      for (const path of PATHS) {
        const row = await besiege(servers.store, collect, { from, path, rounds: quick ? 20 : 50 });
        rows.push(row);
        report(row);
      }
    }
  } finally {
    await servers.stop();
  }
  await writeFile(join(results, 'flood.json'), `${JSON.stringify(rows, null, 2)}\n`);
}

function report({ from, path, looks, mostLooks, heapMb, redisKeys, redisMb, lost, cpuUs, rise }) {
  const us = (which) => cpuUs[which].toFixed(1).padStart(6);
  const percent = (share) => `${(100 * share).toFixed(1)} %`.padStart(8);
  console.log(
    `${from.padEnd(17)}${path.padEnd(9)} µs: ${us('calm')} (±${percent(Math.abs(rise.other)).trim()}) →${us('after')}${percent(rise.after)} |${us('beside')} →${us('among')}${percent(rise.among)}` +
      ` | looks ${looks} of at most ${mostLooks}, valid keys lost ${lost}, heap ${heapMb.map((mb) => mb.toFixed(1)).join(' then ')} MB, ` +
      `Redis ${redisKeys} keys ${redisMb.toFixed(2)} MB`,
  );
}

async function besiege(store, collect, { from, path, rounds }) {
  const name = `${from}${path}`;
  const [calm, other, flooded] = await Promise.all(
    ['calm', 'other', 'flooded'].map((which) => startGuard(store, `${which} ${name}:`)),
  );
  const perRound = 10_000 / rounds / 2;
  let guesses = 0;
  const guess = () => {
    guesses += 1;
    return flooded.check(flooded.generate(), '/', FROM[from](guesses));
  };
  const measures = {
    calm: () => cpuPerRequest(calm, path, perRound),
    other: () => cpuPerRequest(other, path, perRound),
    after: () => cpuPerRequest(flooded, path, perRound),
    beside: () => cpuPerRequest(calm, path, perRound, () => calm.allow(0, '/limited')),
    among: () => cpuPerRequest(flooded, path, perRound, guess),
  };
  // The compiler's rounds.
  for (const guard of [calm, other, flooded]) await cpuPerRequest(guard, path, 3_000);
  const sized = [await sizes(store, collect)];
  const [startedAt, looksBefore] = [performance.now(), flooded.looks()];
  const samples = { calm: [], other: [], after: [], beside: [], among: [] };
  for (let round = 0; round < rounds; round += 1) {
    await atOnce(Array.from({ length: perRound }, () => guess));
    for (const which of shuffled(Object.keys(measures))) samples[which].push(await measures[which]());
    if (round === rounds / 2 - 1 || round === rounds - 1) sized.push(await sizes(store, collect));
  }
  const windows = 1 + Math.ceil((performance.now() - startedAt) / IN_ALL.windowMs);
  const looks = flooded.looks() - looksBefore;
  const [before, half, after] = sized;
  const cpuUs = Object.fromEntries(Object.entries(samples).map(([which, us]) => [which, median(us)]));
  return {
    ...{ from, path, looks, cpuUs, lost: await flooded.lost() },
    // Each lockout is twice as long as the one before, so the first 10 s have 3 of them, and an hour has 12.
    mostLooks: from === 'one address' ? PER_CLIENT + 3 * windows : IN_ALL.limit * windows,
    heapMb: [half.heapMb - before.heapMb, after.heapMb - half.heapMb],
    redisKeys: after.redisKeys - before.redisKeys,
    redisMb: after.redisMb - before.redisMb,
    rise: {
      other: riseOf(samples.other, samples.calm),
      after: riseOf(samples.after, samples.calm),
      among: riseOf(samples.among, samples.beside),
    },
    samples,
  };
}

/** Of two that were measured in the same rounds. */
function riseOf(one, other) {
  return median(one.map((us, round) => us / other[round])) - 1;
}

/** What is measured first, or after something else, is not always the same. */
function shuffled(names) {
  return names
    .map((name) => ({ name, place: Math.random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ name }) => name);
}

/** Microseconds of this process for one request with a valid key, one after the other, with something `between` them. */
async function cpuPerRequest(guard, path, count, between) {
  let us = 0;
  for (let index = 0; index < count; index += 1) {
    await between?.();
    const before = process.cpuUsage();
    await guard.allow(index % VALID, path);
    const { user, system } = process.cpuUsage(before);
    us += user + system;
  }
  return us / count;
}

async function atOnce(requests) {
  let next = 0;
  const worker = async () => {
    while (next < requests.length) {
      const request = requests[next];
      next += 1;
      await request();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** A guard with keys that it knows, on record in a function that counts. */
async function startGuard(store, namespace) {
  const load = (path) => import(join(projectRoot, 'dist/lib', path));
  const [{ createKv, createLimiter }, { createApiKeys }, { createGuard }] = await Promise.all([
    modules(),
    load('keys/api-keys.js'),
    load('guard/guard.js'),
  ]);
  const kv = createKv({ store, namespace });
  const found = new Map();
  let looks = 0;
  const source = {
    findByDigest: async ({ digest }) => {
      looks += 1;
      return found.get(digest);
    },
  };
  const keys = createApiKeys({ kv, source, pepper: { kid: 'k1', secret: 'a-secret-of-the-bench' } });
  const limiter = createLimiter({ kv, policies: [{ name: 'key', limit: 1_000_000, windowMs: 60_000 }] });
  const routes = [{ path: '/limited', limits: { key: 'key' } }, { path: '/*' }];
  const guard = createGuard({
    kv,
    keys,
    limiter,
    routes,
    clientIp: (headers) => headers.get('x-real-ip') ?? undefined,
  });
  const valid = Array.from({ length: VALID }, () => keys.format.generate());
  for (const [index, key] of valid.entries()) {
    found.set((await keys.digest(key)).digest, { id: `key-${index}`, owner: 'acme' });
  }
  const check = (key, path, address) => {
    const headers = { 'x-api-key': key, ...(address === undefined ? {} : { 'x-real-ip': address }) };
    return guard.check(new Request(`https://app.test${path}`, { headers }));
  };
  const allow = async (index, path) => {
    const { outcome } = await check(valid[index], path, '192.0.2.1');
    if (outcome !== 'allow') throw new Error('A valid key was refused');
  };
  for (let index = 0; index < VALID; index += 1) await allow(index, '/');
  return {
    generate: keys.format.generate,
    check,
    allow,
    looks: () => looks,
    /** Valid keys that the source has to be asked for again. */
    async lost() {
      const before = looks;
      for (let index = 0; index < VALID; index += 1) await allow(index, '/');
      return looks - before;
    },
  };
}

async function sizes(store, collect) {
  for (let turn = 0; turn < 2; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    collect();
  }
  const [redisKeys, text] = await store.execute([['DBSIZE'], ['INFO', 'memory']]);
  const redisMb = Number(/used_memory:(\d+)/.exec(text)?.[1]) / 1_048_576;
  return { heapMb: process.memoryUsage().heapUsed / 1_048_576, redisKeys, redisMb };
}
