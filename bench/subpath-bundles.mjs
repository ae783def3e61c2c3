import { readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { build } from 'esbuild';
import { EDGE, projectRoot } from './edge-bundle.mjs';

/** @typedef {'edge' | 'node'} Platform */

const PLATFORMS = {
  edge: EDGE,
  node: { target: 'node20', platform: /** @type {const} */ ('node') },
};

/** @type {{ exports: Record<string, string | { default: string }>, peerDependencies: Record<string, string> }} */
const manifest = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8'));
const peers = Object.keys(manifest.peerDependencies);

/**
 * Every subpath that is code, with the file that it names in `dist/`, or that one's source.
 *
 * @param {'dist' | 'source'} which
 * @returns {readonly { readonly subpath: string, readonly file: string }[]}
 */
export function subpathFiles(which) {
  return Object.entries(manifest.exports).flatMap(([subpath, target]) => {
    if (typeof target === 'string') return [];
    const file = which === 'dist' ? target.default : target.default.replace('./dist/', './').replace(/\.js$/, '.ts');
    return [{ subpath, file }];
  });
}

/**
 * What a bundler makes of `source`: one minified file without the optional peers, which are the application's own, and the
 * files of which anything is left in it.
 *
 * @param {string} source imports are relative to the project's root
 * @param {Platform} platform
 * @returns {Promise<{ readonly code: string, readonly files: readonly string[] }>}
 */
export async function bundleOf(source, platform) {
  const { outputFiles, metafile } = await build({
    stdin: { contents: source, resolveDir: projectRoot, loader: 'ts', sourcefile: 'entry.ts' },
    bundle: true,
    write: false,
    minify: true,
    format: 'esm',
    ...PLATFORMS[platform],
    external: ['node:*', ...peers.flatMap((name) => [name, `${name}/*`])],
    metafile: true,
    absWorkingDir: projectRoot,
    outfile: 'bundle.js',
    legalComments: 'none',
    logLevel: 'silent',
  });
  const [output] = Object.values(metafile.outputs);
  const left = Object.entries(output?.inputs ?? {}).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  const files = left.map(([path]) => relative(projectRoot, join(projectRoot, path)).split(sep).join('/'));
  return { code: outputFiles[0]?.text ?? '', files: files.filter((path) => path !== 'entry.ts') };
}
