import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, posix, sep } from 'node:path';
import { codeOf, importsOf } from './source-tree.ts';

export interface PackageManifest {
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly sideEffects: boolean;
  readonly engines: { readonly node: string };
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional: boolean }>>;
}

export interface PackageContents {
  readonly manifest: PackageManifest;
  /** The text of each file by its path in the package. */
  readonly files: ReadonlyMap<string, string>;
  /** Which of them may be executed. */
  readonly executable: readonly string[];
}

/** What is in a tarball that npm has packed. */
export async function unpack(tarball: string): Promise<PackageContents> {
  const folder = await mkdtemp(join(tmpdir(), 'breakwater-contents-'));
  try {
    execFileSync('tar', ['-xzf', tarball, '-C', folder, '--strip-components', '1']);
    const files = new Map<string, string>();
    const executable: string[] = [];
    for (const entry of (await readdir(folder, { recursive: true })).sort()) {
      const path = join(folder, entry);
      const status = await stat(path);
      if (!status.isFile()) continue;
      const name = entry.split(sep).join('/');
      files.set(name, await readFile(path, 'utf8'));
      if (status.mode & 0o111) executable.push(name);
    }
    return { manifest: JSON.parse(files.get('package.json') ?? '{}'), files, executable };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The files that its exports name: what is run, and what is declared. */
export function exported({ exports }: PackageManifest): readonly string[] {
  return Object.values(exports).flatMap((target) =>
    typeof target === 'string' ? [] : [target.default, target.types].map((path) => path.replace('./', '')),
  );
}

/** All that the entries import, of the package and of others. */
export function reachedFrom(
  entries: readonly string[],
  { files }: PackageContents,
): { readonly files: ReadonlySet<string>; readonly packages: ReadonlySet<string> } {
  const reached = new Set<string>();
  const packages = new Set<string>();
  const queue = [...entries];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    for (const { specifier } of importsOf(files.get(path) ?? '')) {
      if (!specifier.startsWith('.')) packages.add(specifier);
      // A declaration names the source that it was made of.
      else {
        const target = posix.join(dirname(path), specifier);
        queue.push(path.endsWith('.d.ts') ? target.replace(/(?:\.d)?\.[jt]s$/, '.d.ts') : target);
      }
    }
  }
  return { files: reached, packages };
}

/** The file that a map belongs to names it, and it names what it was made of: both as paths in the package. */
export function mapOf(path: string, text: string): { readonly map: string; sources(map: string): readonly string[] } {
  const named = /^\/\/# sourceMappingURL=(.+)$/m.exec(text)?.[1] ?? '';
  const map = posix.join(dirname(path), named);
  return {
    map,
    sources(json) {
      const { sources = [] }: { sources?: readonly string[] } = JSON.parse(json);
      return sources.map((source) => posix.join(dirname(map), source));
    },
  };
}

/** Whether a module imports, exports or runs anything at all. */
export function isEmpty(text: string): boolean {
  return (
    codeOf(text)
      .replaceAll(/\bexport\s*\{\s*\};?/g, '')
      .trim() === ''
  );
}
