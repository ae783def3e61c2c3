// node bench/run.mjs [name …] [--quick]
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectRoot } from './edge-bundle.mjs';

/**
 * What a benchmark is given. It prints its table and writes its numbers to `<results>/<name>.json`.
 *
 * @typedef {{ quick: boolean, results: string }} BenchOptions
 */

/** @type {Readonly<Record<string, () => Promise<{ run(options: BenchOptions): Promise<void> }>>>} */
const BENCHES = {
  accuracy: () => import('./accuracy.mjs'),
  batching: () => import('./batching.mjs'),
  cache: () => import('./cache.mjs'),
  cost: () => import('./cost.mjs'),
  endurance: () => import('./endurance.mjs'),
  flood: () => import('./flood.mjs'),
  leases: () => import('./leases.mjs'),
  memory: () => import('./memory.mjs'),
  outage: () => import('./outage.mjs'),
  primitives: () => import('./primitives.mjs'),
  revocation: () => import('./revocation.mjs'),
  roundtrips: () => import('./roundtrips.mjs'),
  size: () => import('./size.mjs'),
  telemetry: () => import('./telemetry.mjs'),
};

const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !Object.hasOwn(BENCHES, name));
if (unknown.length > 0) {
  console.error(`No benchmark is called ${unknown.join(', ')}. There are: ${Object.keys(BENCHES).join(', ')}.`);
  process.exit(2);
}

const results = join(projectRoot, 'bench', 'results');
await mkdir(results, { recursive: true });
for (const [name, load] of Object.entries(BENCHES)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  console.log(`\n# ${name}\n`);
  const { run } = await load();
  await run({ quick: values.quick, results });
}
