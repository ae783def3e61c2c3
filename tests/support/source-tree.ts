import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const projectRoot = fileURLToPath(new URL('../..', import.meta.url));

/** The text of each file by its path from the project's root, with forward slashes. */
export type SourceTree = ReadonlyMap<string, string>;

export interface ImportSite {
  readonly specifier: string;
  /** 1-based. */
  readonly line: number;
}

const FOLDERS = ['lib', 'api', 'app', 'cli', 'examples', 'tests', 'bench', 'scripts'];
const SKIPPED = new Set(['.git', 'node_modules', 'dist', '.next', 'results', 'coverage', 'reference']);
const SOURCE = /\.(?:[cm]?[jt]s|[jt]sx)$/;

/** Every source file of the project: those in its code folders and those at its root. */
export async function readSourceTree(root: string = projectRoot): Promise<SourceTree> {
  const atRoot = (await readdir(root, { withFileTypes: true })).filter((entry) => entry.isFile());
  const paths = atRoot.map((entry) => join(root, entry.name));
  for (const folder of FOLDERS) paths.push(...(await filesUnder(join(root, folder))));
  const wanted = paths.filter((path) => SOURCE.test(path) && !path.endsWith('next-env.d.ts')).sort();
  const texts = await Promise.all(wanted.map((path) => readFile(path, 'utf8')));
  return new Map(wanted.map((path, index) => [relative(root, path).split(sep).join('/'), texts[index] ?? '']));
}

/** All files below a folder, but those that are installed or made. */
export async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const nested = entries.map(async (entry) => {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) return [path];
    return SKIPPED.has(entry.name) ? [] : filesUnder(path);
  });
  return (await Promise.all(nested)).flat();
}

/** `text` with its comments and the text of its literals left out. Still code that parses, line by line where it was. */
export function codeOf(text: string): string {
  return tokens(text)
    .map(({ kind, text: part }) => (kind === 'code' ? part : kind === 'comment' ? blank(part) : emptied(part)))
    .join('');
}

/** Every module that `text` names: static and dynamic imports, re-exports, type imports, `require`. */
export function importsOf(text: string): readonly ImportSite[] {
  const strings: string[] = [];
  let code = '';
  for (const { kind, text: part } of tokens(text)) {
    if (kind === 'code') code += part;
    else if (kind === 'comment') code += blank(part);
    // One end of a substitution is no module's name: `${from}` must not read as `from '…'`.
    else if (part.endsWith('${') || part.startsWith('}')) code += emptied(part);
    else code += `'${strings.push(part.slice(1, -1)) - 1}'${newlines(part)}`;
  }
  return [...code.matchAll(/\bfrom\s*'(\d+)'|\b(?:import|require)\s*\(?\s*'(\d+)'/g)].map((match) => ({
    specifier: strings[Number(match[1] ?? match[2])] ?? '',
    line: code.slice(0, match.index).split('\n').length,
  }));
}

const newlines = (text: string): string => '\n'.repeat(text.split('\n').length - 1);
const blank = (text: string): string => ` ${newlines(text)}`;

/** A literal, or a template's part between two substitutions, with nothing in it. */
function emptied(literal: string): string {
  const opening = literal.charAt(0);
  if (opening !== '`' && opening !== '}') return `''${newlines(literal)}`;
  return opening + newlines(literal) + (literal.endsWith('`') ? '`' : literal.slice(-2));
}

interface Token {
  readonly kind: 'code' | 'comment' | 'text';
  readonly text: string;
}

/** A slash after one of these divides nothing: it begins a regular expression. */
const BEFORE_REGEX = /(?:^|[(,=:[!&|?{;+*%~^>-]|\b(?:return|typeof|case|in|of|void|throw|new|yield|await|else|do))$/;
const REGEX = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/y;
const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/y;
const QUOTED = /'(?:\\[\s\S]|[^'\\\n])*'|"(?:\\[\s\S]|[^"\\\n])*"/y;
/** From a backtick, or from the brace that ends a substitution, to the next substitution or the closing backtick. */
const TEMPLATE = /[`}](?:\\[\s\S]|[^`\\$]|\$(?!\{))*(?:\$\{|`)/y;

/** Splits TypeScript into code, comments and literal text. Enough of a lexer for the checks here, not a parser. */
function tokens(source: string): readonly Token[] {
  const found: Token[] = [];
  /** Open braces within each template substitution that is being read. */
  const substitutions: number[] = [];
  let code = '';
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(source)?.[0];
  };
  const push = (kind: Token['kind'], text: string): void => {
    if (code !== '') found.push({ kind: 'code', text: code });
    code = '';
    found.push({ kind, text });
    at += text.length;
  };
  const lastCode = (): string => {
    if (code.trim() !== '') return code.trimEnd();
    const last = found.findLast((token) => token.kind !== 'comment' && token.text.trim() !== '');
    return last?.kind === 'text' ? "'" : (last?.text.trimEnd() ?? '');
  };
  while (at < source.length) {
    const character = source.charAt(at);
    const depth = substitutions.at(-1);
    const comment = character === '/' ? take(COMMENT) : undefined;
    if (comment !== undefined) {
      push('comment', comment);
      continue;
    }
    const endsSubstitution = character === '}' && depth === 0;
    let literal: string | undefined;
    if (character === '"' || character === "'") literal = take(QUOTED);
    else if (character === '`' || endsSubstitution) literal = take(TEMPLATE);
    else if (character === '/' && BEFORE_REGEX.test(lastCode())) literal = take(REGEX);
    if (literal !== undefined) {
      if (endsSubstitution) substitutions.pop();
      if (literal.endsWith('${') && (character === '`' || endsSubstitution)) substitutions.push(0);
      push('text', literal);
      continue;
    }
    if (depth !== undefined && character === '{') substitutions[substitutions.length - 1] = depth + 1;
    if (depth !== undefined && character === '}') substitutions[substitutions.length - 1] = depth - 1;
    code += character;
    at += 1;
  }
  if (code !== '') found.push({ kind: 'code', text: code });
  return found;
}
