import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { eventually } from './eventually.ts';
import { freePort } from './next-app.ts';
import { projectRoot } from './source-tree.ts';

/** A program of `examples/` that runs as its readers run it. */
export interface ExampleServer {
  readonly url: string;
  /** All that it has printed. */
  output(): string;
  stop(): Promise<void>;
}

/** What is loaded from `node_modules` when it is needed, as in an installed package. */
const PACKAGES = ['hono', 'hono/*', '@hono/node-server', 'ioredis', 'pg', 'fengari', '@opentelemetry/api'];

/** Starts an example in a process of its own, whose imports of `breakwater` are those of `lib`. */
export async function startExample(path: string, env: Readonly<Record<string, string>>): Promise<ExampleServer> {
  // Below the project, so that packages are found.
  const folder = join(projectRoot, 'node_modules', '.examples', `${process.pid}-${path.replaceAll('/', '-')}`);
  await mkdir(folder, { recursive: true });
  const outfile = join(folder, 'server.mjs');
  // The names of the package are resolved by the paths of tsconfig.json.
  const entryPoints = [join(projectRoot, 'examples', path)];
  const how = { bundle: true, format: 'esm', platform: 'node', external: PACKAGES, logLevel: 'silent' } as const;
  await build({ ...how, entryPoints, outfile, tsconfig: join(projectRoot, 'tsconfig.json') });
  const port = await freePort();
  const child = spawn(process.execPath, [outfile], {
    env: { NODE_ENV: 'production', ...env, PORT: String(port) },
    stdio: 'pipe',
  });
  const output = outputOf(child);
  const url = `http://127.0.0.1:${port}`;
  await eventually(async () => {
    if (child.exitCode !== null) throw new Error(`${path} has ended: ${output()}`);
    return fetch(url).then(
      () => true,
      () => false,
    );
  });
  return {
    url,
    output,
    async stop() {
      if (child.exitCode === null && child.kill()) await once(child, 'exit');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function outputOf(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  }
  return () => text;
}
