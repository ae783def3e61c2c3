import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildIfNeeded, type NextServer, type StartOptions, startNext } from '../../cli/next-server.ts';

const COPIED = ['api', 'app', 'lib', 'instrumentation.ts', 'instrumentation-node.ts', 'package.json', 'tsconfig.json'];
const CONFIG = "export default { basePath: '/base', serverExternalPackages: ['ioredis'] };\n";

/** The application as somebody else would have it: built, with `proxy.ts` and under a base path. */
export interface ProxyCopy {
  start(options: StartOptions): Promise<NextServer>;
  remove(): Promise<void>;
}

/** In a temporary folder below the project, where packages are found. What builds and starts works in the current one. */
export async function copyWithProxy(): Promise<ProxyCopy> {
  const root = process.cwd();
  const folder = await mkdtemp(join(root, '.proxy-'));
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
    for (const name of COPIED) await cp(join(root, name), join(folder, name), { recursive: true });
    const middleware = await readFile(join(root, 'middleware.ts'), 'utf8');
    await writeFile(join(folder, 'proxy.ts'), middleware.replace('export const middleware', 'export const proxy'));
    await writeFile(join(folder, 'next.config.ts'), CONFIG);
    await inFolder(() => buildIfNeeded({ print: () => undefined }));
  } catch (error) {
    await remove();
    throw error;
  }
  return { start: (options) => inFolder(() => startNext(options)), remove };
}
