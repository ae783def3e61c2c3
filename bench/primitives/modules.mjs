import { join } from 'node:path';
import { projectRoot } from '../edge-bundle.mjs';
import { modules as ofLimits } from '../limiting/servers.mjs';

/** What the benchmark of primitives uses of the package, as built. */
export async function modules() {
  const load = (name) => import(join(projectRoot, 'dist', 'lib', 'primitives', name, 'index.js'));
  const parts = await Promise.all(['dedup', 'lock', 'one-time-code', 'session'].map(load));
  return Object.assign({}, await ofLimits(), ...parts);
}
