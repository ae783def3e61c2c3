import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildIfNeeded, type NextServer, type StartOptions, startNext } from '../../cli/next-server.ts';
import { projectRoot } from './source-tree.ts';

/** A small application whose two caches are ours, loaded by Next from the compiled package. */
export interface CacheApp {
  start(options: StartOptions): Promise<NextServer>;
  remove(): Promise<void>;
}

/** In a temporary folder below the project, where packages are found. What builds and starts works in the current one. */
export async function buildCacheApp(): Promise<CacheApp> {
  const root = process.cwd();
  const folder = await mkdtemp(join(root, '.cache-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  const inFolder = async <T>(work: () => Promise<T>): Promise<T> => {
    process.chdir(folder);
    try {
      return await work();
    } finally {
      process.chdir(root);
    }
  };
  try {
    await cp(join(projectRoot, 'tests/support/cache-app'), folder, { recursive: true });
    const compiler = join(projectRoot, 'node_modules/.bin/tsc');
    const project = join(projectRoot, 'tsconfig.build.json');
    await promisify(execFile)(compiler, ['-p', project, '--outDir', join(folder, 'package')]);
    await inFolder(() => buildIfNeeded({ print: () => undefined }));
  } catch (error) {
    await remove();
    throw error;
  }
  return { start: (options) => inFolder(() => startNext(options)), remove };
}
