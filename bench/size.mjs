import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { edgeBundle, edgeLeaks, projectRoot } from './edge-bundle.mjs';

/** What people bundle instead. Those that are not installed are named as such. */
const PEERS = [
  [
    '@upstash/ratelimit + @upstash/redis',
    "export { Ratelimit } from '@upstash/ratelimit'; export { Redis } from '@upstash/redis';",
  ],
  ['@upstash/redis', "export { Redis } from '@upstash/redis';"],
  ['rate-limiter-flexible', "export * from 'rate-limiter-flexible';"],
  ['opossum', "export { default } from 'opossum';"],
  ['cockatiel', "export * from 'cockatiel';"],
];

/** @typedef {{ name: string, minified?: number, gzip?: number, edge?: boolean, note?: string }} Size */

/**
 * Bytes of the middleware bundle, of each subpath of the package and of its peers: minified, and gzipped at level 9.
 * Bundled as for an Edge function; the packages that stay external there are not counted.
 *
 * @param {import('./run.mjs').BenchOptions} options
 */
export async function run({ results }) {
  const sizes = {
    ours: await Promise.all([measureFile('middleware.ts', 'middleware.ts'), ...(await subpaths())]),
    peers: await Promise.all(PEERS.map(([name, source]) => measure(name, source, join(projectRoot, 'bench')))),
  };
  print(sizes.ours);
  console.log();
  print(sizes.peers);
  await writeFile(join(results, 'size.json'), `${JSON.stringify(sizes, null, 2)}\n`);
}

/** @returns {Promise<Promise<Size>[]>} */
async function subpaths() {
  const { name, exports = {} } = JSON.parse(await readFile(join(projectRoot, 'package.json'), 'utf8'));
  return Object.entries(exports)
    .filter(([, target]) => typeof target === 'object')
    .map(([subpath, target]) => {
      // The source, so that no build has to come first: dist mirrors it.
      const source = target.default.replace('./dist/', '').replace(/\.js$/, '.ts');
      return measureFile(`${name}${subpath.slice(1)}`, source);
    });
}

/** @returns {Promise<Size>} */
async function measureFile(name, path) {
  if (!existsSync(join(projectRoot, path))) return { name, note: 'no such file' };
  return measure(name, `export * from './${path}';`, projectRoot);
}

/** @returns {Promise<Size>} */
async function measure(name, source, from) {
  try {
    const code = await edgeBundle(source, { from });
    return {
      name,
      minified: Buffer.byteLength(code),
      gzip: gzipSync(code, { level: 9 }).length,
      edge: edgeLeaks(code).length === 0,
    };
  } catch (error) {
    const [first] = /** @type {import('esbuild').BuildFailure} */ (error).errors ?? [];
    if (first === undefined) throw error;
    const missing =
      !existsSync(join(projectRoot, 'node_modules', name)) && !existsSync(join(from, 'node_modules', name));
    return { name, note: missing ? 'not installed' : `does not bundle for the edge: ${first.text}` };
  }
}

/** @param {readonly Size[]} sizes */
function print(sizes) {
  const width = Math.max(...sizes.map(({ name }) => name.length));
  console.log(`${'bytes'.padEnd(width)}  ${'minified'.padStart(9)}  ${'gzip'.padStart(9)}  edge-safe`);
  for (const { name, minified, gzip, edge, note } of sizes) {
    const numbers = [minified, gzip].map((bytes) =>
      (bytes === undefined ? '–' : bytes.toLocaleString('en')).padStart(9),
    );
    console.log(`${name.padEnd(width)}  ${numbers.join('  ')}  ${note ?? (edge ? 'yes' : 'no')}`);
  }
}
