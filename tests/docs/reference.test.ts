import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { documentedDefaults, statedDefaults } from '../support/docs/defaults.ts';
import { type Documents, readDocuments } from '../support/docs/documents.ts';
import {
  commandEnvironmentNames,
  OURS,
  readEnvironmentNames,
  SET_BY_OTHERS,
  variableTables,
} from '../support/docs/environment.ts';
import { codeSpansOf } from '../support/docs/markdown.ts';
import { exportsOf, publicModules } from '../support/docs/public-names.ts';
import { projectRoot, readSourceTree, type SourceTree } from '../support/source-tree.ts';

let documents: Documents;
/** What users read: neither the file map nor the promises nor what has changed. */
let pages: Documents;
let modules: ReadonlyMap<string, string>;
let tree: SourceTree;

const NOT_FOR_USERS = new Set(['AGENTS.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'docs/promises.md']);

beforeAll(async () => {
  [documents, tree] = await Promise.all([readDocuments(), readSourceTree()]);
  pages = new Map([...documents].filter(([path]) => !NOT_FOR_USERS.has(path)));
  modules = publicModules(JSON.parse(await readFile(join(projectRoot, 'package.json'), 'utf8')));
});

const SUBPATH = /(?<![\w./-])breakwater\/[a-z][a-z0-9-]*(?:\/[a-z0-9-]+)*/g;

describe('the subpaths of the package', () => {
  it('are all told of', () => {
    const told = new Set([...pages.values()].flatMap((text) => text.match(SUBPATH) ?? []));
    const untold = [...modules.keys()].filter((name) => name !== 'breakwater' && !told.has(name));
    expect(untold, 'each subpath is named on some page, in an import or as `breakwater/…`').toEqual([]);
  });

  it('are those that are told of', () => {
    const wrong = [...documents].flatMap(([path, text]) =>
      [...new Set(text.match(SUBPATH) ?? [])]
        .filter((name) => !modules.has(name))
        .map((name) => `${path}: ${name} is no export of package.json`),
    );
    expect(wrong).toEqual([]);
  });
});

describe('the exported names', () => {
  it('are each told of on a page, or where they are declared', () => {
    const words = new Set([...pages.values()].flatMap((text) => text.match(/\b[A-Za-z_]\w*/g) ?? []));
    const untold = [...modules].flatMap(([module, path]) =>
      exportsOf(tree, path)
        .filter(({ name }) => name !== 'default' && !words.has(name))
        .filter(({ home, declaredAs }) => !hasDocComment(tree.get(home) ?? '', declaredAs))
        .map(({ name, home }) => `${module}: ${name} has no doc comment in ${home}, and is on no page`),
    );
    expect(untold).toEqual([]);
  });
});

function hasDocComment(source: string, name: string): boolean {
  const kind = '(?:async function\\*?|function\\*?|const|let|class|abstract class|interface|type)';
  return new RegExp(`\\*/\\n(?:export )?(?:declare )?${kind} ${name}\\b`).test(source);
}

describe('the defaults in tables', () => {
  const wrong = (of: Documents) => {
    const documented = documentedDefaults(tree);
    return [...of].flatMap(([path, text]) =>
      statedDefaults(text)
        // Where the default is an object, a table tells of what is in it.
        .filter(({ option, value }) => documented.get(option)?.includes(value) === false)
        .map(({ option, value, line }) => `${path}:${line}: no \`${option}\` has the @default ${value}`),
    );
  };

  it('are those of the doc comments', () => {
    expect([...pages.values()].flatMap(statedDefaults).length).toBeGreaterThan(30);
    expect(wrong(pages)).toEqual([]);
    const table =
      '| option | default | |\n|---|---|---|\n| `waitMs`, `retryMs` | 0, 99 | |\n| `retentionMs` | 32 days | |\n';
    expect(wrong(new Map([['a.md', table]]))).toEqual(['a.md:3: no `retryMs` has the @default 99']);
  });
});

describe('the codes of refusals', () => {
  it('are all on a page, and those in docs/http.md are answered', () => {
    const answering = [...tree].filter(([path]) => /^(?:lib|api)\//.test(path)).map(([, source]) => source);
    const answered = answering.flatMap((source) =>
      [...source.matchAll(/\bproblem\(\s*\d+,\s*'([a-z-]+)'/g)].map(([, code = '']) => code),
    );
    const refused = tree.get('lib/guard/decision.ts')?.match(/(?<=^ {2}\| ')[a-z]+-[a-z-]+(?=')/gm) ?? [];
    const codes = new Set([...answered, ...refused]);
    expect(codes.size).toBeGreaterThan(20);
    const spans = new Set([...pages.values()].flatMap((text) => codeSpansOf(text).map(({ text: span }) => span)));
    expect([...codes].filter((code) => !spans.has(code))).toEqual([]);
    const table = /^## Refusals$([\s\S]*?)^## /m.exec(pages.get('docs/http.md') ?? '')?.[1] ?? '';
    const told = table
      .split('\n')
      .filter((line) => /^\|\s*\d/.test(line))
      .flatMap((line) => codeSpansOf(line.split('|')[2] ?? ''));
    expect(told.length).toBeGreaterThan(20);
    expect(told.map(({ text }) => text).filter((code) => !codes.has(code))).toEqual([]);
  });
});

describe('the lines of the log', () => {
  /** What `lib/log.ts` writes, with anything where it puts something in. */
  const written = (): readonly RegExp[] =>
    [...(tree.get('lib/log.ts') ?? '').matchAll(/`(\[[A-Z][^`]*)`|'(\[[A-Z][^']*)'/g)].map(([, filled, plain = '']) => {
      const line = filled ?? plain;
      const fixed = line.split(/\$\{[^}]*\}/).map((part) => part.replaceAll(/[.*+?^$()|[\]\\]/g, String.raw`\$&`));
      return new RegExp(`^${fixed.join('.+')}$`);
    });
  const unwritten = (of: Documents) =>
    [...of].flatMap(([path, text]) =>
      codeSpansOf(text)
        .filter(({ text: span }) => /^\[[A-Z][A-Za-z ]+\] /.test(span) && !written().some((line) => line.test(span)))
        .map(({ text: span, line }) => `${path}:${line}: nothing writes ${span}`),
    );

  it('are written as they are told', () => {
    expect(unwritten(pages)).toEqual([]);
    const page = '`[KV] Slow: 2 commands took 9 ms (GET GET)`, `[KV] Slow: who knows`';
    expect(unwritten(new Map([['a.md', page]]))).toEqual(['a.md:1: nothing writes [KV] Slow: who knows']);
  });
});

describe('the environment', () => {
  it('is told of in whole: each variable that the package reads', () => {
    const told = new Set([...pages.values()].flatMap((text) => text.match(/\b[A-Z][A-Z0-9_]+/g) ?? []));
    const untold = readEnvironmentNames(tree).filter((name) => !SET_BY_OTHERS.test(name) && !told.has(name));
    expect(untold).toEqual([]);
  });

  it('is read as it is told: each variable of a table, and each of ours that the text names', () => {
    const read = [...readEnvironmentNames(tree), ...commandEnvironmentNames(tree)];
    const isKnown = (name: string) =>
      KNOWN_AND_UNUSED.has(name) ||
      read.some((known) => known === name || (known.endsWith('_') && name.startsWith(known)));
    const tables = [...pages].flatMap(([path, text]) => variableTables(text).map((name) => ({ place: path, name })));
    expect(tables.length).toBeGreaterThan(15);
    const spans = [...documents].flatMap(([path, text]) =>
      codeSpansOf(text).map(({ text: span, line }) => ({ place: `${path}:${line}`, name: span.replace(/=.*$/, '') })),
    );
    const wrong = [...tables, ...spans.filter(({ name }) => OURS.test(name))].filter(({ name }) => !isKnown(name));
    expect(wrong.map(({ place, name }) => `${place}: nothing reads ${name}`)).toEqual([]);
  });
});

/** Set by platforms beside others, and told of so that nobody wonders; a constant whose name has that form. */
const KNOWN_AND_UNUSED = new Set(['KV_REST_API_READ_ONLY_TOKEN', 'KV_PREFIXES']);
