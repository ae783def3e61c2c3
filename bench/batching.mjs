import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from './edge-bundle.mjs';

/**
 * What `maxInFlight` of the batcher costs and saves: callers arrive at random, one at a time, at an Upstash REST endpoint
 * with some latency added. Waiting must never cost more than it saves, so look for the column that adds nothing to the
 * median and still sends clearly fewer requests than commands.
 *
 * @param {import('./run.mjs').BenchOptions} options
 */
export async function run({ quick, results }) {
  const { createKv, memoryStore, upstashStore, startRestEndpoint } = await modules();
  const latencies = quick ? [0, 20] : [0, 1, 20, 80];
  const rates = quick ? [1_000] : [100, 1_000, 3_000];
  const limits = [1, 2, 4, 8, 16, 64];
  const seconds = quick ? 1 : 2;
  const rows = [];
  console.log(`latency ms | calls/s |${limits.map((limit) => ` maxInFlight ${limit}`.padStart(24)).join('')}`);
  for (const latencyMs of latencies) {
    const endpoint = await startRestEndpoint({ store: delayed(memoryStore(), latencyMs), token: 'bench' });
    for (const rate of rates) {
      const cells = [];
      for (const maxInFlight of limits) {
        const store = upstashStore({ url: endpoint.url, token: 'bench' });
        const kv = createKv({ store, batch: { maxInFlight }, coalesce: false, requestTimeoutMs: 10_000 });
        await kv.command(['INCR', 'warm']);
        const before = endpoint.requests();
        const cpu = process.cpuUsage();
        const times = await arrivals(rate, seconds, () => kv.command(['INCR', 'counter']));
        const used = process.cpuUsage(cpu);
        times.sort((a, b) => a - b);
        const cell = {
          latencyMs,
          rate,
          maxInFlight,
          p50: at(times, 0.5),
          p99: at(times, 0.99),
          requestsPerCall: (endpoint.requests() - before) / times.length,
          cpuUsPerCall: (used.user + used.system) / times.length,
        };
        rows.push(cell);
        cells.push(
          `${cell.p50.toFixed(1)}/${cell.p99.toFixed(1)} ms ${cell.requestsPerCall.toFixed(2)} rq`.padStart(24),
        );
      }
      console.log(`${String(latencyMs).padStart(10)} | ${String(rate).padStart(7)} |${cells.join('')}`);
    }
    await endpoint.close();
  }
  console.log('\np50/p99 of a call, and requests to Redis per call.');
  await writeFile(join(results, 'batching.json'), `${JSON.stringify(rows, null, 2)}\n`);
}

async function modules() {
  const load = (path) => import(join(projectRoot, 'dist', path));
  const [client, memory, upstash, rest] = await Promise.all([
    load('lib/client/kv-client.js'),
    load('lib/store/memory/index.js'),
    load('lib/store/upstash.js'),
    load('cli/rest/endpoint.js'),
  ]);
  return { ...client, ...memory, ...upstash, ...rest };
}

/** Poisson arrivals: each call is made whether or not the ones before it have returned. */
async function arrivals(rate, seconds, call) {
  const times = [];
  const calls = [];
  const startedAt = performance.now();
  let due = startedAt;
  while (due - startedAt < seconds * 1_000) {
    due += (-Math.log(1 - Math.random()) / rate) * 1_000;
    while (performance.now() < due) await new Promise((resolve) => setImmediate(resolve));
    const madeAt = performance.now();
    calls.push(call().then(() => times.push(performance.now() - madeAt)));
  }
  await Promise.all(calls);
  return times;
}

function delayed(store, ms) {
  if (ms === 0) return store;
  return {
    ...store,
    execute: async (commands, options) => {
      await new Promise((resolve) => setTimeout(resolve, ms));
      return store.execute(commands, options);
    },
  };
}

function at(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}
