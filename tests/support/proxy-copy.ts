import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BuiltApp, buildInFolder } from './next-folder.ts';

const COPIED = ['api', 'app', 'lib', 'instrumentation.ts', 'instrumentation-node.ts', 'package.json', 'tsconfig.json'];
const CONFIG = "export default { basePath: '/base', serverExternalPackages: ['ioredis'] };\n";

/** The application as somebody else would have it: built, with `proxy.ts` and under a base path. */
export type ProxyCopy = BuiltApp;

export function copyWithProxy(): Promise<ProxyCopy> {
  const root = process.cwd();
  return buildInFolder('.proxy-', async (folder) => {
    for (const name of COPIED) await cp(join(root, name), join(folder, name), { recursive: true });
    const middleware = await readFile(join(root, 'middleware.ts'), 'utf8');
    await writeFile(join(folder, 'proxy.ts'), middleware.replace('export const middleware', 'export const proxy'));
    await writeFile(join(folder, 'next.config.ts'), CONFIG);
  });
}
