import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildIfNeeded, type NextServer, type StartOptions, startNext } from '../../cli/next-server.ts';

/** The built application, and nobody in front of its handlers. */
export interface BareApp {
  start(options: StartOptions): Promise<NextServer>;
  remove(): Promise<void>;
}

const NO_MIDDLEWARE = { version: 3, middleware: {}, sortedMiddleware: [], functions: {} };

/**
 * A copy of the build in a temporary folder below the project, where packages are found, with the middleware taken out of
 * its manifest: whatever a client does to step around it can do no more. What starts works in the current folder.
 */
export async function copyWithoutMiddleware(): Promise<BareApp> {
  await buildIfNeeded({ print: console.log });
  const root = process.cwd();
  const folder = await mkdtemp(join(root, '.bare-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    for (const name of ['package.json', 'next.config.ts']) await cp(join(root, name), join(folder, name));
    await cp(join(root, '.next'), join(folder, '.next'), {
      recursive: true,
      filter: (path) => !/\.next\/cache/.test(path),
    });
    await writeFile(join(folder, '.next/server/middleware-manifest.json'), JSON.stringify(NO_MIDDLEWARE));
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    remove,
    async start(options) {
      process.chdir(folder);
      try {
        return await startNext(options);
      } finally {
        process.chdir(root);
      }
    },
  };
}
