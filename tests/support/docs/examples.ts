import { importsOf, type SourceTree } from '../source-tree.ts';
import type { Documents } from './documents.ts';
import { type CodeBlock, codeBlocksOf } from './markdown.ts';

/** Examples that are read together, in this order: those of one page, or the one of a doc comment. */
export interface ExampleGroup {
  /** From the project's root. */
  readonly path: string;
  /** Told apart by its first line where a file has several. */
  readonly name: string;
  readonly kind: 'page' | 'doc comment';
  readonly blocks: readonly CodeBlock[];
}

const CODE = new Set(['ts', 'tsx', 'js']);
const COMMENT = /\/\*\*(?<body>[\s\S]*?)\*\//g;
const EXAMPLE = /@example\b(?<body>[\s\S]*?)(?=\n[ \t*]*@\w|$)/g;
const ONE_BLOCK = /^\s*```ts\n[^`]*(?:`[^`]+`[^`]*)*\n```\s*$/;

/** What is compiled and run of the documents. */
export function pageExamples(documents: Documents): readonly ExampleGroup[] {
  return [...documents].flatMap(([path, text]): readonly ExampleGroup[] => {
    const blocks = codeBlocksOf(text).filter(({ language }) => CODE.has(language));
    return blocks.length === 0 ? [] : [{ path, name: path, kind: 'page', blocks }];
  });
}

interface DocExample {
  readonly path: string;
  /** 1-based, of its `@example`. */
  readonly line: number;
  readonly text: string;
}

/** What is compiled and run of the doc comments in `lib/`. */
export function commentExamples(tree: SourceTree): readonly ExampleGroup[] {
  return docExamples(tree)
    .filter(({ text }) => ONE_BLOCK.test(text))
    .map(({ path, line, text }) => {
      const blocks = codeBlocksOf(text).map((block) => ({ ...block, line: block.line + line - 1 }));
      return { path, name: `${path}:${line}`, kind: 'doc comment', blocks };
    });
}

/** Each `@example` that has another form: what reads doc comments would take prose in it for code, or code for prose. */
export function misshapenExamples(tree: SourceTree): readonly string[] {
  return docExamples(tree)
    .filter(({ text }) => !ONE_BLOCK.test(text))
    .map(
      ({ path, line }) =>
        `${path}:${line}: an @example is one block between \`\`\`ts and \`\`\`, with what explains it above`,
    );
}

function docExamples(tree: SourceTree): readonly DocExample[] {
  return [...tree].flatMap(([path, source]) =>
    path.startsWith('lib/')
      ? [...source.matchAll(COMMENT)].flatMap((comment) => examplesIn(path, source, comment))
      : [],
  );
}

function examplesIn(path: string, source: string, comment: RegExpExecArray): readonly DocExample[] {
  const body = (comment.groups?.body ?? '').replaceAll(/^[ \t]*\* ?/gm, '');
  const firstLine = source.slice(0, comment.index).split('\n').length;
  return [...body.matchAll(EXAMPLE)].map((example) => ({
    path,
    line: firstLine + body.slice(0, example.index).split('\n').length - 1,
    text: example.groups?.body ?? '',
  }));
}

/** The groups without their blocks that import what is not in `installed`, and those blocks' pages whole. */
export function splitByPackages(
  groups: readonly ExampleGroup[],
  installed: (name: string) => boolean,
): { readonly here: readonly ExampleGroup[]; readonly elsewhere: readonly ExampleGroup[] } {
  const fits = ({ code }: CodeBlock) => packagesOf(code).every(installed);
  return {
    here: groups
      .map((group) => ({ ...group, blocks: group.blocks.filter(fits) }))
      .filter(({ blocks }) => blocks.length > 0),
    elsewhere: groups.filter(({ blocks }) => !blocks.every(fits)),
  };
}

/** The names of the packages that code imports, ours and Node's left out: `@scope/name` of `@scope/name/path`. */
export function packagesOf(code: string): readonly string[] {
  return importsOf(code)
    .map(({ specifier }) => /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? '')
    .filter((name) => !/^(?:node:|\.|breakwater$|$)/.test(name));
}
