import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot, readSourceTree } from '../source-tree.ts';
import { readDocuments } from './documents.ts';
import { type Ambient, type ExampleProgram, exampleProgram, GIVEN } from './example-program.ts';
import { commentExamples, type ExampleGroup, misshapenExamples, pageExamples, splitByPackages } from './examples.ts';
import { exportsOf, type Manifest, type PublicName, publicModules } from './public-names.ts';

/** All examples of the project, as programs. */
export interface Examples {
  /** The package's subpaths, and their source files. */
  readonly modules: ReadonlyMap<string, string>;
  /** Doc comments whose examples cannot be read, and why. */
  readonly misshapen: readonly string[];
  /** The names of what examples take for granted. */
  readonly given: readonly string[];
  /** Those that want no packages but the project's own. */
  readonly here: readonly ExampleProgram[];
  /** Those that import what only `tests/suites` installs, with the rest of their pages. */
  readonly inSuites: readonly ExampleProgram[];
}

interface Packages extends Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** What the examples of the documents, and those of the doc comments in `lib/`, are. */
export async function readExamples(): Promise<Examples> {
  const [tree, documents, own] = await Promise.all([readSourceTree(), readDocuments(), packagesIn('package.json')]);
  const modules = publicModules(own);
  const given = { module: GIVEN, names: exportsOf(tree, 'tests/docs/given.ts') };
  const published = [...modules].map(([module, path]) => ({ module, names: exportsOf(tree, path) }));
  const groups = [...pageExamples(documents), ...commentExamples(tree)];
  const installed = { ...own.dependencies, ...own.devDependencies };
  const { here, elsewhere } = splitByPackages(groups, (name) => Object.hasOwn(installed, name));
  const program = (group: ExampleGroup) => exampleProgram(group, ambientsOf(group, given, published));
  const misshapen = misshapenExamples(tree);
  return {
    modules,
    misshapen,
    given: given.names.map(({ name }) => name),
    here: here.map(program),
    inSuites: elsewhere.map(program),
  };
}

/** A doc comment has the names of its own module first. */
function ambientsOf(
  { kind, path }: ExampleGroup,
  given: Ambient,
  published: readonly { readonly module: string; readonly names: readonly PublicName[] }[],
): readonly Ambient[] {
  if (kind === 'page') return [given];
  const nearest = published.map(({ module, names }) => ({ module, names: names.filter(({ home }) => home === path) }));
  return [given, ...nearest, ...published];
}

async function packagesIn(path: string): Promise<Packages> {
  return JSON.parse(await readFile(join(projectRoot, path), 'utf8'));
}
