import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export const projectRoot = fileURLToPath(new URL('..', import.meta.url));

/**
 * Left as imports instead of resolved, so that a bundle that reaches one of them says so by name. Next provides its own
 * modules; the rest has no place at the edge, or is a peer that the user may not have installed.
 */
const EXTERNAL = ['next', 'next/*', 'node:*', 'ioredis', 'pg', 'fengari', '@opentelemetry/api'];

/** How a bundler for Edge functions is set up. */
export const EDGE = {
  target: 'es2022',
  platform: /** @type {const} */ ('neutral'),
  conditions: ['edge-light', 'worker', 'browser'],
  mainFields: ['module', 'main'],
  define: { 'process.env.NEXT_RUNTIME': '"edge"' },
};

/**
 * What a bundler makes of `source` for an Edge function: the text of one minified file.
 *
 * @param {string} source code of the entry, with imports relative to the project's root or to `from`
 * @param {{ format?: 'esm' | 'iife', globalName?: string, from?: string }} [options]
 *   `globalName` is the variable that an `iife` leaves its exports in.
 * @returns {Promise<string>}
 */
export async function edgeBundle(source, { format = 'esm', globalName, from = projectRoot } = {}) {
  const result = await build({
    stdin: { contents: source, resolveDir: from, loader: 'ts', sourcefile: 'entry.ts' },
    bundle: true,
    write: false,
    minify: true,
    format,
    ...(globalName === undefined ? {} : { globalName }),
    ...EDGE,
    external: EXTERNAL,
    legalComments: 'none',
    logLevel: 'silent',
  });
  return result.outputFiles[0]?.text ?? '';
}

const FORBIDDEN = [/node:/, /ioredis/, /["']pg["']/, /\bBuffer\b/, /process\.version/];

/**
 * The words in a bundle that do not work at the edge, each with the code around it. `process.version` fails a Next build
 * even in code that never runs.
 *
 * @param {string} code
 * @returns {readonly string[]}
 */
export function edgeLeaks(code) {
  return FORBIDDEN.flatMap((word) => {
    const at = code.search(word);
    return at === -1 ? [] : [`${word}: …${code.slice(Math.max(0, at - 60), at + 60)}…`];
  });
}
