import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ratelimit } from '@upstash/ratelimit';
import { ours, upstash } from './limiting/contenders.mjs';
import { faultSwitch } from './limiting/fault-switch.mjs';
import { median } from './limiting/load.mjs';
import { startServers } from './limiting/servers.mjs';

const QUOTA = { limit: 20, windowMs: 1_000 };
const LOAD = 50;
const sliding = (limit, window) => Ratelimit.slidingWindow(limit, window);

/** With the settings that people have who set none, but for the counting of who calls. */
const CONTENDERS = [
  ours('gcra', 0, { survives: true, requestTimeoutMs: undefined }),
  upstash('slidingWindow', sliding, { timeout: undefined }),
  upstash('slidingWindow, timeout 1000', sliding, { timeout: 1_000 }),
];

/**
 * What callers get while Redis is away, by one process under twice and a half its limit: how many are answered at all, how
 * long they wait, how much of the limit is admitted, and how long after its end everything rests on Redis again.
 *
 * @param {import('./run.mjs').BenchOptions} options
 */
export async function run({ quick, results }) {
  const [rounds, healthyMs, outageMs] = quick ? [1, 1_000, 3_000] : [2, 2_000, 10_000];
  const servers = await startServers();
  const way = await faultSwitch(servers.rest.url);
  const rest = { ...servers.rest, url: way.url };
  const rows = [];
  console.log(`${QUOTA.limit} permits a second, ${LOAD} checks a second; Redis is away for ${outageMs / 1_000} s\n`);
  console.log(
    `${'Redis'.padEnd(9)}${''.padEnd(38)}${['answered', 'p50 ms', 'p99 ms', 'admitted', 'back s'].map((title) => title.padStart(10)).join('')}`,
  );
  try {
    for (const mode of ['refused', 'silent']) {
      const runs = CONTENDERS.map(() => []);
      for (let round = 0; round < rounds; round += 1) {
        for (const [index, contender] of CONTENDERS.entries()) {
          runs[index].push(await measure(contender, { rest, way, mode, healthyMs, outageMs }));
        }
      }
      for (const [index, { name }] of CONTENDERS.entries()) {
        const of = (what) => median(runs[index].map((one) => one[what]));
        const row = { mode, contender: name, ...Object.fromEntries(FIGURES.map((what) => [what, of(what)])) };
        rows.push(row);
        const cells = [
          `${(100 * row.answered).toFixed(1)} %`,
          row.p50Ms.toFixed(1),
          row.p99Ms.toFixed(0),
          row.admitted.toFixed(2),
          (row.backMs / 1_000).toFixed(1),
        ];
        console.log(`${mode.padEnd(9)}${name.padEnd(38)}${cells.map((cell) => cell.padStart(10)).join('')}`);
      }
    }
  } finally {
    await way.close();
    await servers.stop();
  }
  await writeFile(
    join(results, 'outage.json'),
    `${JSON.stringify({ quota: QUOTA, load: LOAD, outageMs, rows }, null, 2)}\n`,
  );
}

const FIGURES = ['answered', 'p50Ms', 'p99Ms', 'admitted', 'backMs'];
const BACK_MS = 30_000;

async function measure(contender, { rest, way, mode, healthyMs, outageMs }) {
  const [check] = await contender.start(rest, QUOTA, 1);
  await load(check, healthyMs);
  await way.set(mode);
  const checked = await load(check, outageMs);
  await way.set('open');
  const endedAt = performance.now();
  const isBack = await backAt(contender, check, endedAt);
  const waits = checked.map(({ ms }) => ms).sort((one, other) => one - other);
  const answered = checked.filter(({ outcome }) => outcome !== 'error');
  const granted = answered.filter(({ outcome }) => outcome === 'allowed').length;
  return {
    answered: answered.length / checked.length,
    p50Ms: waits[Math.floor(waits.length * 0.5)],
    p99Ms: waits[Math.floor(waits.length * 0.99)],
    admitted: granted / ((QUOTA.limit * outageMs) / QUOTA.windowMs),
    backMs: isBack - endedAt,
  };
}

/** At even times, whether or not those before have returned. */
async function load(check, forMs) {
  const running = [];
  const startedAt = performance.now();
  for (let due = startedAt; due - startedAt < forMs; due += 1_000 / LOAD) {
    while (performance.now() < due) await new Promise((resolve) => setTimeout(resolve, 1));
    const from = performance.now();
    const outcome = check().then(
      (allowed) => (allowed ? 'allowed' : 'limited'),
      () => 'error',
    );
    running.push(outcome.then((result) => ({ outcome: result, ms: performance.now() - from })));
  }
  return Promise.all(running);
}

/** When an answer first rests on Redis. */
async function backAt({ restsOnRedis }, check, endedAt) {
  for (;;) {
    const now = performance.now();
    if (now - endedAt > BACK_MS) return endedAt + BACK_MS;
    if (await restsOnRedis(check)) return performance.now();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
