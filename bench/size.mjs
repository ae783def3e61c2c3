import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { edgeBundle, edgeLeaks, projectRoot } from './edge-bundle.mjs';
import { bundleOf, subpathFiles } from './subpath-bundles.mjs';

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

/** @typedef {{ minified: number, gzip: number }} Bytes */
/** @typedef {{ name: string, edge?: Bytes, node?: Bytes, runs?: string, note?: string }} Size */

/** What a bundler leaves of a subpath when one function of it is used. */
const FUNCTIONS = [
  ['createKv', './dist/lib/kv.js'],
  ['createCache', './dist/lib/cache.js'],
  ['verifyIdentity', './dist/lib/auth.js'],
];

/**
 * Bytes of the middleware bundle, of each subpath of the package as it is built, and of what people bundle instead:
 * minified, and gzipped at level 9, for an Edge function and for Node. Optional peers are not counted. For Node, what is
 * loaded on demand is counted too.
 *
 * @param {import('./run.mjs').BenchOptions} options
 */
export async function run({ results }) {
  const files = subpathFiles('dist');
  if (!files.every(({ file }) => existsSync(join(projectRoot, file)))) {
    throw new Error('The package is not built as package.json says. Run `npm run build:lib` first.');
  }
  const sizes = {
    middleware: await measureOurs('middleware.ts', "export * from './middleware.ts';"),
    subpaths: await Promise.all(
      files.map(({ subpath, file }) => measureOurs(`breakwater${subpath.slice(1)}`, `export * from '${file}';`)),
    ),
    functions: await Promise.all(
      FUNCTIONS.map(([name, file]) => measureOurs(`${name} alone`, `export { ${name} } from '${file}';`)),
    ),
    peers: await Promise.all(PEERS.map(([name, source]) => measurePeer(name, source))),
  };
  print([sizes.middleware, ...sizes.subpaths, ...sizes.functions]);
  console.log();
  print(sizes.peers);
  await writeFile(join(results, 'size.json'), `${JSON.stringify(sizes, null, 2)}\n`);
}

/** @returns {Promise<Size>} */
async function measureOurs(name, source) {
  const [edge, node] = await Promise.all([bundleOf(source, 'edge'), bundleOf(source, 'node')]);
  // What does not run there has no size there.
  const atTheEdge = edgeLeaks(edge.code).length === 0;
  return {
    name,
    ...(atTheEdge ? { edge: bytesOf(edge.code) } : {}),
    node: bytesOf(node.code),
    runs: atTheEdge ? 'Edge, Node' : 'Node',
  };
}

/** @returns {Promise<Size>} */
async function measurePeer(name, source) {
  const from = join(projectRoot, 'bench');
  try {
    const code = await edgeBundle(source, { from });
    return { name, edge: bytesOf(code), runs: edgeLeaks(code).length === 0 ? 'Edge, Node' : 'Node' };
  } catch (error) {
    const [first] = /** @type {import('esbuild').BuildFailure} */ (error).errors ?? [];
    if (first === undefined) throw error;
    const missing = ![projectRoot, from].some((folder) => existsSync(join(folder, 'node_modules', name)));
    return { name, note: missing ? 'not installed' : `does not bundle for the edge: ${first.text}` };
  }
}

/** @returns {Bytes} */
function bytesOf(code) {
  return { minified: Buffer.byteLength(code), gzip: gzipSync(code, { level: 9 }).length };
}

/** @param {readonly Size[]} sizes */
function print(sizes) {
  const width = Math.max(...sizes.map(({ name }) => name.length));
  const cells = (/** @type {readonly (string | undefined)[]} */ texts) =>
    texts.map((text) => (text ?? '–').padStart(9)).join('  ');
  console.log(`${'bytes'.padEnd(width)}  ${cells(['edge min', 'edge gz', 'node min', 'node gz'])}  runs on`);
  for (const { name, edge, node, runs, note } of sizes) {
    const numbers = [edge?.minified, edge?.gzip, node?.minified, node?.gzip].map((bytes) =>
      bytes?.toLocaleString('en'),
    );
    console.log(`${name.padEnd(width)}  ${cells(numbers)}  ${note ?? runs}`);
  }
}
