// Checks what would be published: packs the package as built, then asks publint and are-the-types-wrong about the tarball.
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'breakwater-package-'));

try {
  const packed = run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], 'pipe');
  const [{ filename, files }] = packed.ok ? JSON.parse(packed.output) : [{ files: [] }];
  if (!files.some(({ path }) => path.startsWith('dist/lib/'))) {
    console.error('Nothing of the library is in the package. Run `npm run build:lib` first.');
    process.exitCode = 1;
  } else {
    const tarball = join(folder, filename);
    const checks = [
      // Both run, so that one report names all there is to mend.
      run(bin('publint'), [tarball, '--strict'], 'inherit'),
      run(bin('attw'), [tarball, '--profile', 'esm-only'], 'inherit'),
    ];
    process.exitCode = checks.every(({ ok }) => ok) ? 0 : 1;
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

function bin(name) {
  return join(root, 'node_modules', '.bin', name);
}

function run(command, args, output) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', output, 'inherit'] });
  if (result.error) throw result.error;
  return { ok: result.status === 0, output: result.stdout };
}
