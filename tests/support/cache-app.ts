import { execFile } from 'node:child_process';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type BuiltApp, buildInFolder } from './next-folder.ts';
import { projectRoot } from './source-tree.ts';

/** A small application whose two caches are ours, loaded by Next from the compiled package. */
export type CacheApp = BuiltApp;

export function buildCacheApp(): Promise<CacheApp> {
  return buildInFolder('.cache-', async (folder) => {
    await cp(join(projectRoot, 'tests/support/cache-app'), folder, { recursive: true });
    const compiler = join(projectRoot, 'node_modules/.bin/tsc');
    const project = join(projectRoot, 'tsconfig.build.json');
    await promisify(execFile)(compiler, ['-p', project, '--outDir', join(folder, 'package')]);
  });
}
