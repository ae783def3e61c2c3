import type { Documents } from './documents.ts';
import { codeSpansOf } from './markdown.ts';

/** What there is, from the project's root. */
export interface Tree {
  readonly files: readonly string[];
  /** Folders that are made when somebody needs them. */
  readonly made: readonly string[];
}

const FOLDERS = ['api', 'app', 'bench', 'cli', 'docs', 'lib', 'scripts', 'sql', 'tests', '\\.ci', '\\.github'];
const PATH = new RegExp(`^(?:${FOLDERS.join('|')})/[\\w./*{},[\\]-]*$`);
const TEST = /^[\w-]+\.test\.(?:ts|mjs)$/;
const SIBLING = /^[\w*-]+(?:\.test)?\.(?:ts|tsx|mjs)$/;
/** A file as the file map of AGENTS.md names it, without folder and extension. */
const MODULE = /^[a-z0-9]+(?:-[a-z0-9]+)+$/;
const EXTENSIONS = ['', '.ts', '.tsx', '.mjs', '.md', '.test.ts', '.test.mjs'];

/**
 * What stands between backticks and looks like a path from the project's root, where nothing has it. A folder will do, a
 * pattern that fits something (`lib/store/redis*.ts`, `tests/cache/{a,b}`), and a path without its extension. Of several words
 * the later ones may be files beside the first.
 */
export function missingPaths(documents: Documents, tree: Tree): readonly string[] {
  const isThere = lookup(tree);
  const tests = new Set(tree.files.map((file) => file.replace(/^.*\//, '')).filter((name) => TEST.test(name)));
  return [...documents].flatMap(([document, text]) =>
    codeSpansOf(text).flatMap(({ text: span, line }) => {
      const words = span.split(/\s+/).map((word) => word.replace(/[.,;:]$/, ''));
      // Without a folder a file is the reader's own, but for a test.
      const folder = PATH.test(words[0] ?? '') ? (words[0] ?? '').replace(/[^/]*$/, '') : undefined;
      return words
        .map((word) => (folder !== undefined && SIBLING.test(word) ? folder + word : word))
        .filter((word) => (PATH.test(word) && !isThere(word)) || (TEST.test(word) && !tests.has(word)))
        .map((word) => `${document}:${line}: \`${word}\` does not exist`);
    }),
  );
}

/** What the rows of a file map name as modules, `key-format` say, where no file or folder has the name. */
export function missingModules(document: string, fileMap: string, { files }: Tree): readonly string[] {
  const names = new Set(files.flatMap((file) => file.split('/')).map((part) => part.replace(/\..*$/, '')));
  return codeSpansOf(fileMap)
    .filter(({ text }) => MODULE.test(text) && !names.has(text))
    .map(({ text }) => `${document}: no file is called \`${text}\``);
}

function lookup({ files, made }: Tree): (path: string) => boolean {
  const folders = new Set(files.flatMap((file) => file.split('/').map((_, at, parts) => parts.slice(0, at).join('/'))));
  const known = new Set(files);
  return (path) => {
    if (folders.has(path.replace(/\/$/, '')) || made.some((folder) => path.startsWith(folder))) return true;
    const names = EXTENSIONS.map((extension) => path + extension);
    if (!/[*{]/.test(path)) return names.some((name) => known.has(name));
    const patterns = names.map(patternOf);
    return files.some((file) => patterns.some((pattern) => pattern.test(file)));
  };
}

/** `*` is any part of a name, `**` any folders, `{a,b}` one of them. */
function patternOf(glob: string): RegExp {
  const text = glob
    .replaceAll(/[.[\]+?^$()|]/g, String.raw`\$&`)
    .replaceAll(/\*\*\/|\*/g, (stars) => (stars === '*' ? '[^/]*' : '(?:.*/)?'))
    .replaceAll(/\{([^}]*)\}/g, (_, list: string) => `(?:${list.replaceAll(',', '|')})`);
  return new RegExp(`^${text}$`);
}
