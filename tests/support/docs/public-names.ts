import { posix } from 'node:path';
import { codeOf, type SourceTree } from '../source-tree.ts';

/** A name that a module exports. */
export interface PublicName {
  readonly name: string;
  readonly isType: boolean;
  /** The file in which it is declared. */
  readonly home: string;
}

export interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
}

const DECLARED =
  /^export (?:declare )?(?:async )?(?<kind>function|const|let|class|abstract class|interface|type)\*? (?<name>\w+)/gm;
const LISTED = /^export (?<types>type )?\{(?<names>[^}]*)\}(?:\s*from\s*'(?<from>[^']*)')?/gm;
const ALL = /^export (?<types>type )?\* from '(?<from>[^']*)'/gm;

const NONE: Readonly<Record<string, string | undefined>> = {};

/** The source files of the package's subpaths: `breakwater/kv` → `lib/kv.ts`. */
export function publicModules({ exports }: Manifest): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(exports).flatMap(([subpath, target]) =>
      typeof target === 'string'
        ? []
        : [[`breakwater${subpath.slice(1)}`, target.default.replace('./dist/', '').replace(/\.js$/, '.ts')] as const],
    ),
  );
}

/** Everything that the module at `path` exports, by its name there. */
export function exportsOf(tree: SourceTree, path: string): readonly PublicName[] {
  const source = tree.get(path);
  if (source === undefined) throw new Error(`${path} does not exist`);
  const beside = (specifier: string) => posix.join(posix.dirname(path), specifier);
  const declared = [...codeOf(source).matchAll(DECLARED)].map(({ groups: { kind = '', name = '' } = {} }) => ({
    name,
    isType: kind === 'interface' || kind === 'type',
    home: path,
  }));
  const listed = [...source.matchAll(LISTED)].flatMap(({ groups: { types, names = '', from } = NONE }) =>
    names
      .split(',')
      .map((entry) => entry.trim())
      .filter((entry) => entry !== '')
      .map((entry): PublicName => {
        const [inner = '', name = inner] = entry.replace(/^type /, '').split(' as ');
        const isType = types !== undefined || entry.startsWith('type ');
        if (from?.startsWith('.') !== true) return { name, isType, home: path };
        const found = exportsOf(tree, beside(from)).find((candidate) => candidate.name === inner);
        return { name, isType: isType || found?.isType === true, home: found?.home ?? beside(from) };
      }),
  );
  const all = [...source.matchAll(ALL)].flatMap(({ groups: { types, from = '' } = NONE }) =>
    exportsOf(tree, beside(from)).map((found) => ({ ...found, isType: found.isType || types !== undefined })),
  );
  const byName = new Map([...all, ...declared, ...listed].map((found) => [found.name, found]));
  return [...byName.values()];
}
