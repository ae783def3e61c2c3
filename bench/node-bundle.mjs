import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { projectRoot } from './edge-bundle.mjs';

/**
 * A TypeScript file and all that it imports, as one CommonJS file that the oldest Node runs. CommonJS, because ioredis
 * inside a bundle of modules cannot `require` what is Node's.
 *
 * @param {string} entry relative to the project's root
 * @returns {Promise<{ path: string, remove: () => Promise<void> }>}
 */
export async function nodeBundle(entry) {
  const folder = await mkdtemp(join(tmpdir(), 'breakwater-bundle-'));
  const path = join(folder, 'program.cjs');
  await build({
    entryPoints: [join(projectRoot, entry)],
    outfile: path,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    external: ['fengari', '@opentelemetry/api'],
    logLevel: 'silent',
  });
  return { path, remove: () => rm(folder, { recursive: true, force: true }) };
}
