// Emits the package into dist/: what tsc makes of lib/ and cli/. What an earlier build has left of files that are gone is
// removed after it, so that no renamed file is published twice, and dist/ is whole at every moment for who runs from it.
import { spawnSync } from 'node:child_process';
import { chmod, readdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');

const tsc = spawnSync(
  process.execPath,
  [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json', '--listEmittedFiles'],
  { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 64 * 1024 * 1024 },
);
if (tsc.error) throw tsc.error;
const lines = tsc.stdout.split('\n').filter((line) => line !== '');
const emitted = new Set(lines.filter((line) => line.startsWith('TSFILE: ')).map((line) => resolve(line.slice(8))));
const messages = lines.filter((line) => !line.startsWith('TSFILE: '));
if (messages.length > 0) console.log(messages.join('\n'));
process.exitCode = tsc.status ?? 1;

if (process.exitCode === 0) {
  const entries = await readdir(dist, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, path, name }) => join(parentPath ?? path, name));
  await Promise.all(files.filter((path) => !emitted.has(path)).map((path) => rm(path, { force: true })));
  const { bin } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  await Promise.all(Object.values(bin).map((path) => chmod(join(root, path), 0o755)));
}
