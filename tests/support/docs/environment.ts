import type { SourceTree } from '../source-tree.ts';
import { proseOf } from './markdown.ts';

const READERS = /^(?:lib|api|app|cli)\/|^(?:middleware|instrumentation.*)\.ts$/;
/** Text in capitals with an underscore, wherever it stands in code: `read('NAME')`, and lists of names. */
const QUOTED = /['"`](?<name>[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+_?)['"`]/g;
const MEMBER = /\benv\.(?<name>[A-Z][A-Z0-9_]*)\b/g;
const COMMENT = /^\s*(?:\/\*\*|\*|\/\/).*$/gm;
/** Where all such text is the name of a variable. */
const CONFIG = /^lib\/config(?:\/|\.ts$)/;
/** The name of a variable by its form alone. */
export const OURS = /^(?:BREAKWATER|KV|UPSTASH_REDIS|REDIS)_[A-Z0-9_]*[A-Z0-9]$/;

/** What no reader sets: platforms do, Next does, and our demo for the application that it starts. */
export const SET_BY_OTHERS = /^(?:NODE_ENV|NEXT_RUNTIME|NEXT_PHASE|CF_PAGES|NO_COLOR|TERM|BREAKWATER_DEMO_[A-Z]+)$/;

/**
 * The environment variables that the package reads. A name that begins others, as `BREAKWATER_MIGRATION_`, stands for all of
 * them as `BREAKWATER_MIGRATION_<NAME>` does in a document.
 */
export function readEnvironmentNames(tree: SourceTree): readonly string[] {
  return unique(tree, READERS, (path, code) => [
    ...namesIn(code, MEMBER),
    ...(CONFIG.test(path) ? namesIn(code, QUOTED) : []),
  ]);
}

/** Those that only commands know: what they read, and what `doctor` knows to be a mistake. */
export function commandEnvironmentNames(tree: SourceTree): readonly string[] {
  return unique(tree, /^cli\//, (_, code) => namesIn(code, QUOTED).filter((name) => OURS.test(name)));
}

function unique(
  tree: SourceTree,
  wanted: RegExp,
  names: (path: string, code: string) => readonly string[],
): readonly string[] {
  const found = [...tree].flatMap(([path, source]) =>
    wanted.test(path) ? names(path, source.replaceAll(COMMENT, '')) : [],
  );
  return [...new Set(found)].sort();
}

function namesIn(text: string, pattern: RegExp): readonly string[] {
  return [...text.matchAll(pattern)].map(({ groups }) => groups?.name ?? '');
}

/** The variables in the first column of each table whose first column is called `variable`. */
export function variableTables(markdown: string): readonly string[] {
  const found: string[] = [];
  let isOpen = false;
  for (const line of proseOf(markdown).split('\n')) {
    const [, first = ''] = line.trim().startsWith('|') ? line.trim().split('|') : [];
    if (first === '') isOpen = false;
    else if (/^\s*variable\s*$/i.test(first)) isOpen = true;
    else if (isOpen) found.push(...namesIn(first, /`(?<name>[A-Z][A-Z0-9_]+)/g));
  }
  return found;
}
