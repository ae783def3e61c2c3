import { posix } from 'node:path';
import { codeOf, type SourceTree } from '../source-tree.ts';

/** A name that a module exports. */
export interface PublicName {
  readonly name: string;
  readonly isType: boolean;
  /** The file in which it is declared, and under which name. */
  readonly home: string;
  readonly declaredAs: string;
}

export interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
}

const DECLARED =
  /^export (?:declare )?(?:async )?(?<kind>function|const|let|class|abstract class|interface|type)\*? (?<name>\w+)/gm;
const LISTED = /^export (?<types>type )?\{(?<names>[^}]*)\}(?:\s*from\s*'(?<from>[^']*)')?/gm;
const IMPORTED = /^import (?:type )?\{(?<names>[^}]*)\} from '(?<from>[^']*)'/gm;
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
    declaredAs: name,
  }));
  const listed = [...source.matchAll(LISTED)].flatMap(({ groups: { types, names = '', from } = NONE }) =>
    names
      .split(',')
      .map((entry) => entry.trim())
      .filter((entry) => entry !== '')
      .map((entry): PublicName => {
        const [inner = '', name = inner] = entry.replace(/^type /, '').split(' as ');
        const isType = types !== undefined || entry.startsWith('type ');
        const origin = from === undefined ? importedAs(source, inner) : { from, name: inner };
        if (origin?.from.startsWith('.') !== true) return { name, isType, home: path, declaredAs: inner };
        const found = exportsOf(tree, beside(origin.from)).find((candidate) => candidate.name === origin.name);
        if (!found) throw new Error(`${path} exports ${name}, which ${origin.from} does not`);
        return { ...found, name, isType: isType || found.isType };
      }),
  );
  const all = [...source.matchAll(ALL)].flatMap(({ groups: { types, from = '' } = NONE }) =>
    exportsOf(tree, beside(from)).map((found) => ({ ...found, isType: found.isType || types !== undefined })),
  );
  const byName = new Map([...all, ...declared, ...listed].map((found) => [found.name, found]));
  return [...byName.values()];
}

/** Where a module has a name from, and what it is called there. */
function importedAs(source: string, local: string): { readonly from: string; readonly name: string } | undefined {
  for (const { groups: { names = '', from = '' } = NONE } of source.matchAll(IMPORTED)) {
    for (const entry of names.split(',')) {
      const [inner = '', name = inner] = entry
        .trim()
        .replace(/^type /, '')
        .split(' as ');
      if (name === local) return { from, name: inner };
    }
  }
  return undefined;
}
