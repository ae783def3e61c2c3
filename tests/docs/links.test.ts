import { access, readFile } from 'node:fs/promises';
import { join, posix, relative } from 'node:path';
import GithubSlugger from 'github-slugger';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Documents, readDocuments } from '../support/docs/documents.ts';
import { headingsOf, linksOf, webAddressesOf } from '../support/docs/markdown.ts';
import { missingModules, missingPaths, type Tree } from '../support/docs/paths.ts';
import { filesUnder, projectRoot, readSourceTree } from '../support/source-tree.ts';

/** Where links may lead outside the project. Who adds one has looked at it: it is what the sentence says, and lasts. */
const REVIEWED_HOSTS: readonly string[] = [
  'datatracker.ietf.org',
  'docs.bullmq.io',
  'fengari.io',
  'opentelemetry.io',
  'semver.org',
  'www.rfc-editor.org',
];
/** Of examples: nobody is there (RFC 6761), or it is the reader's. */
const OF_NOBODY = /(?:^|\.)(?:example\.(?:test|com|org)|localhost|example\.upstash\.io)$|^127\./;

let documents: Documents;

beforeAll(async () => {
  documents = await readDocuments();
});

const exists = (path: string): Promise<boolean> =>
  access(join(projectRoot, path)).then(
    () => true,
    () => false,
  );

function anchorsOf(markdown: string): ReadonlySet<string> {
  const slugger = new GithubSlugger();
  return new Set(headingsOf(markdown).map((heading) => slugger.slug(heading)));
}

const isOfTheWeb = (target: string): boolean => /^[a-z]+:/.test(target);

async function brokenLinks(pages: Documents): Promise<readonly string[]> {
  const broken: string[] = [];
  for (const [path, text] of pages) {
    for (const { text: target, line } of linksOf(text)) {
      if (isOfTheWeb(target)) continue;
      const [file = '', anchor] = target.split('#');
      const to = file === '' ? path : posix.join(posix.dirname(path), file);
      const page = pages.get(to);
      if (page === undefined && !(await exists(to))) broken.push(`${path}:${line}: ${to} does not exist`);
      else if (anchor !== undefined && page !== undefined && !anchorsOf(page).has(anchor)) {
        broken.push(
          `${path}:${line}: no heading of ${to} makes #${anchor}; there are: ${[...anchorsOf(page)].join(', ')}`,
        );
      }
    }
  }
  return broken;
}

describe('the links of the documents', () => {
  it('lead to files and headings that are there', async () => {
    expect(await brokenLinks(documents)).toEqual([]);
    const page =
      '# A page\n\n[here](#a-page) [gone](b.md) ![gone](c.svg) [nowhere](#b)\n\n```\n[no](link.md)\n```\n`[no](link.md)`\n';
    expect(await brokenLinks(new Map([['docs/a.md', page]]))).toEqual([
      'docs/a.md:3: docs/b.md does not exist',
      'docs/a.md:3: docs/c.svg does not exist',
      'docs/a.md:3: no heading of docs/a.md makes #b; there are: a-page',
    ]);
  });

  it('lead from the README to every page of docs/, at one step or two', () => {
    const from = (path: string): readonly string[] =>
      linksOf(documents.get(path) ?? '')
        .filter(({ text }) => !isOfTheWeb(text))
        .map(({ text }) => posix.join(posix.dirname(path), text.split('#')[0] ?? ''));
    const reached = new Set(from('README.md').flatMap((path) => [path, ...from(path)]));
    expect([...documents.keys()].filter((path) => path.startsWith('docs/') && !reached.has(path))).toEqual([]);
  });

  it('lead outside by https alone, and to hosts that somebody has looked at', async () => {
    const comments = [...(await readSourceTree())].filter(([path]) => path.startsWith('lib/'));
    const addresses = [
      ...[...documents].flatMap(([path, text]) => linksOf(text).map((found) => ({ path, ...found }))),
      ...comments.flatMap(([path, text]) =>
        [...text.matchAll(/\/\*\*[\s\S]*?\*\//g)].flatMap(([comment]) =>
          webAddressesOf(comment).map((found) => ({ path, ...found })),
        ),
      ),
    ].filter(({ text }) => isOfTheWeb(text) && !OF_NOBODY.test(new URL(text).hostname));
    const strange = addresses
      .filter(({ text }) => !text.startsWith('mailto:'))
      .filter(({ text }) => !text.startsWith('https://') || !REVIEWED_HOSTS.includes(new URL(text).host))
      .map(({ path, line, text }) => `${path}:${line}: ${text}`);
    expect(strange).toEqual([]);
    const hosts = new Set(addresses.map(({ text }) => new URL(text).host));
    expect(REVIEWED_HOSTS.filter((host) => !hosts.has(host))).toEqual([]);
  });
});

describe('the paths that the documents name', () => {
  let tree: Tree;

  beforeAll(async () => {
    const ignored = (await readFile(join(projectRoot, '.gitignore'), 'utf8')).split('\n');
    const made = ignored.filter((line) => /^\w.*\/\*?$/.test(line)).map((line) => line.replace('*', ''));
    tree = { files: (await filesUnder(projectRoot)).map((path) => relative(projectRoot, path)), made };
  });

  it('are those of files and folders that are there', () => {
    // What has been is told by its names of then.
    const now = new Map([...documents].filter(([path]) => path !== 'CHANGELOG.md'));
    expect(missingPaths(now, tree)).toEqual([]);
    const page =
      'In `lib/kv.ts gone.ts`, `lib/gone`, `tests/k*`, `tests/kv`, `lib/{kv,gone}.ts`, `bench/results/x.json`.';
    expect(missingPaths(new Map([['a.md', page]]), tree)).toEqual([
      'a.md:1: `lib/gone.ts` does not exist',
      'a.md:1: `lib/gone` does not exist',
    ]);
  });

  it('stand in one row each of AGENTS.md', () => {
    const rows = [...(documents.get('AGENTS.md') ?? '').matchAll(/^\| (`[^|]*`) \|/gm)].map(([, first = '']) => first);
    expect(rows.length).toBeGreaterThan(40);
    // Merges of two changes of a row keep both.
    expect(rows.filter((row, at) => rows.indexOf(row) < at)).toEqual([]);
  });

  it('are those of modules that are there, in the file map of AGENTS.md', () => {
    const fileMap = /^## File map$(?<rows>[\s\S]*?)^## /m.exec(documents.get('AGENTS.md') ?? '')?.groups?.rows ?? '';
    expect(missingModules('AGENTS.md', fileMap, tree)).toEqual([]);
    expect(missingModules('a.md', '`key-format` and `not-there`', tree)).toEqual([
      'a.md: no file is called `not-there`',
    ]);
  });
});
