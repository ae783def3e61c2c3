import { codeOf } from '../source-tree.ts';
import type { ExampleGroup } from './examples.ts';
import type { CodeBlock } from './markdown.ts';

/** As what examples import what they take for granted. */
export const GIVEN = 'given';

/** Names that an example may use without saying where they are from, by the module that has them. */
export interface Ambient {
  /** As an import names it. */
  readonly module: string;
  readonly names: readonly { readonly name: string; readonly isType: boolean }[];
}

/** A group of examples as one module, whose `run` does what they say. */
export interface ExampleProgram {
  readonly group: ExampleGroup;
  readonly text: string;
  /** What it takes from its ambients. */
  readonly given: readonly string[];
  /** For each line of `text` that is an example's, the line of the document. */
  readonly lines: ReadonlyMap<number, number>;
}

interface Import {
  readonly statement: string;
  readonly local: string;
  readonly line: number;
}

const IMPORT = /^import\s(?<types>type\s)?(?<clause>[^'";]*?)\s*from\s*'(?<from>[^']+)';[ \t]*(?:\/\/.*)?$/gm;

/**
 * Blocks of a page follow each other as on the page: each is inside the one before, sees what that declares, and may declare
 * it anew. So blocks may end with `return`, as if they stood in a handler. Of `ambients` the first that has a name gives it.
 */
export function exampleProgram(group: ExampleGroup, ambients: readonly Ambient[]): ExampleProgram {
  const imports = group.blocks.flatMap(importsOf);
  const given = ambientImports(group.blocks, new Set(imports.map(({ local }) => local)), ambients);
  const seen = new Set<string>();
  const text: string[] = given.map(({ statement }) => statement);
  const lines = new Map<number, number>();
  for (const { statement, line } of imports) {
    if (seen.has(statement)) continue;
    seen.add(statement);
    lines.set(text.push(statement), line);
  }
  text.push('export async function run(reach: (line: number) => void): Promise<unknown> {');
  for (const { code, line } of group.blocks) {
    text.push(`{ reach(${line});`);
    for (const [index, content] of statementsOf(code).split('\n').entries())
      lines.set(text.push(content), line + index);
  }
  text.push('}'.repeat(group.blocks.length), 'return;', '}');
  return { group, text: `${text.join('\n')}\n`, given: given.map(({ name }) => name), lines };
}

/** Each name that a block imports as an import of its own, so that blocks may import the same. */
function importsOf({ code, line }: CodeBlock): readonly Import[] {
  return [...code.matchAll(IMPORT)].flatMap(({ index, groups: { types = '', clause = '', from = '' } = {} }) => {
    const named = /\{(?<names>[^}]*)\}/.exec(clause)?.groups?.names ?? '';
    const whole = clause.replace(/\{[^}]*\}/, '').split(',');
    const parts = [...whole, ...named.split(',').map((name) => name.trim() && `{ ${name.trim()} }`)];
    return parts
      .map((part) => part.trim())
      .filter((part) => part !== '')
      .map((part) => ({
        statement: `import ${types}${part} from '${from}';`,
        local: /(?<local>\w+)\W*$/.exec(part)?.groups?.local ?? part,
        line: line + code.slice(0, index).split('\n').length - 1,
      }));
  });
}

function ambientImports(
  blocks: readonly CodeBlock[],
  imported: ReadonlySet<string>,
  ambients: readonly Ambient[],
): readonly { readonly name: string; readonly statement: string }[] {
  const words = new Set(blocks.flatMap(({ code }) => codeOf(code).match(/\b[A-Za-z_]\w*/g) ?? []));
  const taken = new Set(imported);
  return ambients.flatMap(({ module, names }) =>
    names
      .filter(({ name }) => words.has(name) && !taken.has(name))
      .map(({ name, isType }) => {
        taken.add(name);
        return { name, statement: `import ${isType ? 'type ' : ''}{ ${name} } from '${module}';` };
      }),
  );
}

/** The block as statements of a function: without its imports, and with nothing exported. Line by line where it was. */
function statementsOf(code: string): string {
  return code
    .replaceAll(IMPORT, (statement) => statement.replaceAll(/[^\n]/g, ''))
    .replaceAll(/^export default (?=(?:async )?function \w|class \w)/gm, '')
    .replaceAll(/^export default /gm, 'const exported = ')
    .replaceAll(/^export (?=(?:async |abstract )?(?:const|let|function|class|type|interface|enum)\b)/gm, '');
}
