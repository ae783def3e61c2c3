import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { projectRoot } from '../../support/source-tree.ts';

/** What the browser loads of the console besides React and Next. */
async function clientBundle() {
  const panels = readdirSync(join(projectRoot, 'app/_console/panels')).map((name) => `./app/_console/panels/${name}`);
  const contents = ['./app/_console/live/live.tsx', ...panels].map((path) => `export * from '${path}';`).join('\n');
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: projectRoot },
    ...{ bundle: true, minify: true, write: false, metafile: true },
    ...{ format: 'esm', jsx: 'automatic', external: ['react', 'react/*'] },
  });
  return { text: outputFiles[0]?.text ?? '', inputs: Object.keys(metafile.inputs) };
}

describe('what a browser loads of the console', () => {
  it('is its own code alone: of api and lib it knows types', async () => {
    const { inputs } = await clientBundle();
    expect(inputs.filter((path) => !path.startsWith('app/_console/') && path !== '<stdin>')).toEqual([]);
  });

  it('is small: less than 16 KB compressed', async () => {
    expect(gzipSync((await clientBundle()).text).length).toBeLessThan(16 * 1024);
  });

  it('has nothing that a strict policy forbids: no evaluation, no HTML from text, no style in an attribute', async () => {
    expect((await clientBundle()).text).not.toMatch(/\beval\(|new Function|dangerouslySetInnerHTML|innerHTML|style:/);
  });
});
