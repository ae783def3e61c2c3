import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { projectRoot } from './edge-bundle.mjs';

const KEYS = 1_000;
const CALLERS = 50;

/**
 * Whether anything is kept of commands that are over: the heap after ten million of them through the client, on the
 * memory store, beside the heap after the first million.
 *
 * @param {import('./run.mjs').BenchOptions} options
 */
export async function run({ quick, results }) {
  const { createKv } = await import(join(projectRoot, 'dist/lib/client/kv-client.js'));
  const { memoryStore } = await import(join(projectRoot, 'dist/lib/store/memory/index.js'));
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  const million = quick ? 100_000 : 1_000_000;
  const kv = createKv({ store: memoryStore() });
  const heap = [];
  const startedAt = performance.now();
  for (let round = 1; round <= 10; round += 1) {
    await Promise.all(Array.from({ length: CALLERS }, (_, caller) => work(kv, caller, million / CALLERS)));
    collect();
    heap.push(process.memoryUsage().heapUsed);
    console.log(`${String(round * million).padStart(10)} commands: ${megabytes(heap.at(-1))} MB`);
  }
  const perSecond = Math.round((10 * million) / ((performance.now() - startedAt) / 1_000));
  const growth = heap.at(-1) - heap[0];
  console.log(`\ngrown by ${megabytes(growth)} MB since the first tenth; ${perSecond} commands/s`);
  await writeFile(join(results, 'endurance.json'), `${JSON.stringify({ heap, growth, perSecond }, null, 2)}\n`);
}

/** Reads, writes, counters and expiries over a fixed set of keys, in the proportions of a front door. */
async function work(kv, caller, commands) {
  for (let done = 0; done < commands; done += 4) {
    const key = `k${(caller * 7919 + done) % KEYS}`;
    await Promise.all([
      kv.command(['GET', key]),
      kv.command(['SET', key, 'value', 'PX', 60_000]),
      kv.execute([
        ['INCR', `n${key}`],
        ['EXPIRE', `n${key}`, 60, 'NX'],
      ]),
    ]);
  }
}

function megabytes(bytes) {
  return (bytes / 1_048_576).toFixed(2);
}
