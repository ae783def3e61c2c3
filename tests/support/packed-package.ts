import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { projectRoot } from './source-tree.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The path of the packed package. */
    readonly tarball: string;
  }
}

/** Packs the package as it is built, once for all that install it, and tells them where it is. */
export default function setup(project: TestProject): () => void {
  if (!existsSync(join(projectRoot, 'dist/lib/index.js'))) {
    throw new Error('The package is not built. Run `npm run test:package`, or `npm run build:lib` first.');
  }
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-packed-'));
  const packed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: projectRoot,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [{ filename }]: [{ filename: string }] = JSON.parse(packed);
  project.provide('tarball', join(folder, filename));
  return () => rmSync(folder, { recursive: true, force: true });
}
