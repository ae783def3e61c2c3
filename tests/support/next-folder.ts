import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buildIfNeeded, type NextServer, type StartOptions, startNext } from '../../cli/next-server.ts';

/** An application that has been built in a folder of its own. */
export interface BuiltApp {
  start(options: StartOptions): Promise<NextServer>;
  remove(): Promise<void>;
}

/**
 * Builds what `fill` puts into a temporary folder below the project, where packages are found. What builds and starts works
 * in the current folder.
 */
export async function buildInFolder(prefix: string, fill: (folder: string) => Promise<unknown>): Promise<BuiltApp> {
  const root = process.cwd();
  const folder = await mkdtemp(join(root, prefix));
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
    await fill(folder);
    await inFolder(() => buildIfNeeded({ print: () => undefined }));
  } catch (error) {
    await remove();
    throw error;
  }
  return { start: (options) => inFolder(() => startNext(options)), remove };
}
