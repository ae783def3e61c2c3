import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { type RestEndpoint, startRestEndpoint } from '../../cli/rest/endpoint.ts';
import { sqlRecordSchema } from '../../lib/primitives/migration/records/sql-records.ts';
import { redisStore } from '../../lib/store/redis.ts';
import type { Store } from '../../lib/store/store.ts';
import { type Documents, readDocuments } from '../support/docs/documents.ts';
import { type ExampleFolder, makeExampleFolder } from '../support/docs/example-folder.ts';
import { type ExampleProgram, exampleProgram, GIVEN } from '../support/docs/example-program.ts';
import { type Examples, readExamples } from '../support/docs/example-world.ts';
import { misshapenExamples } from '../support/docs/examples.ts';
import { type CodeBlock, codeBlocksOf } from '../support/docs/markdown.ts';
import { type PostgresWire, startPostgresWire } from '../support/postgres-wire.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { projectRoot } from '../support/source-tree.ts';
import { sqlEngine } from '../support/sql-engine.ts';

/** What is compiled and not run, by its file, and why. */
const NOT_RUN: Readonly<Record<string, string>> = {};

/** They take seconds. */
const HANG_MS = 120_000;

const block = (language: string, ...lines: readonly string[]): string =>
  [`\`\`\`${language}`, ...lines, '```'].join('\n');

/** Pages with all that these tests are to notice. The first line of code is line 2, and so on. */
const PLANTED = {
  'wrong.md': [
    block('ts', 'const first: number = 1;'),
    block('js', 'const add = (a) => a + first;'),
    block('ts', 'const double = (n) => n * 2;', 'undeclared();'),
  ],
  'hasty.md': [block('ts', "if (userId) return 'done';"), block('ts', 'show(userId);')],
  'failing.md': [block('ts', 'show(userId);'), block('ts', "throw new RangeError('planted');")],
  'stray.md': [block('ts', "void Promise.reject(new Error('planted'));", 'await new Promise(setImmediate);')],
};

let compiled: Promise<readonly string[]>;
let documents: Documents;
let examples: Examples;
let folder: ExampleFolder;
let redis: RedisServer;
let behind: Store;
let upstash: RestEndpoint;
let planted: readonly ExampleProgram[];
let postgres: PostgresWire;

beforeAll(async () => {
  [documents, examples, redis] = await Promise.all([readDocuments(), readExamples(), startRedis()]);
  behind = redisStore({ url: redis.url });
  upstash = await startRestEndpoint({ store: behind, token: 'secret' });
  const names = ['userId', 'show'].map((name) => ({ name, isType: false }));
  planted = Object.entries(PLANTED).map(([name, page]) => {
    const group = { path: name, name, kind: 'page', blocks: codeBlocksOf(page.join('\n')) } as const;
    return exampleProgram(group, [{ module: GIVEN, names }]);
  });
  folder = await makeExampleFolder({
    programs: [...examples.here, ...planted],
    modules: examples.modules,
    servers: {
      'redis://localhost:6379': redis.url,
      'redis://localhost': redis.url,
      'https://example.upstash.io': upstash.url,
    },
  });
  compiled = folder.compile();
}, HANG_MS);

const sql = sqlEngine();

beforeAll(async () => {
  for (const name of await readdir(join(projectRoot, 'sql'))) {
    await sql.database.exec(await readFile(join(projectRoot, 'sql', name), 'utf8'));
  }
  for (const table of ['users', 'users_kv', 'usage']) await sql.database.exec(sqlRecordSchema(table));
  await sql.database.exec('create table invoices (id bigint primary key, total bigint not null)');
  postgres = await startPostgresWire(sql.database);
}, HANG_MS);

afterAll(async () => {
  await compiled;
  await Promise.all([folder?.remove(), postgres?.close(), upstash?.close()]);
  await behind?.close();
  await redis?.stop();
}, HANG_MS);

describe('the examples of the documents and doc comments', () => {
  it('compile as their readers would, in strict TypeScript', async () => {
    const complaints = await compiled;
    expect(complaints.filter((line) => !line.startsWith('wrong.md'))).toEqual([]);
    expect(complaints).toEqual([
      expect.stringMatching(/^wrong\.md:8: .*'n' implicitly/),
      expect.stringMatching(/^wrong\.md:9: .*'undeclared'.*given\.ts$/),
    ]);
    expect(examples.here.length).toBeGreaterThan(50);
    expect(examples.misshapen).toEqual([]);
    const prose = '/**\n * @example\n * createKv({ store });\n */\n';
    expect(misshapenExamples(new Map([['lib/a.ts', prose]]))).toEqual([expect.stringMatching(/^lib\/a\.ts:2: /)]);
  });

  it('run, each to its end, against servers as their readers have', async () => {
    const env = {
      KV_STORE: 'redis',
      REDIS_URL: redis.url,
      KV_REST_API_URL: upstash.url,
      KV_REST_API_TOKEN: 'secret',
      DATABASE_URL: postgres.url,
      BREAKWATER_CODE_PEPPER: 'a pepper for codes of thirty-two characters',
      BREAKWATER_SESSION_PEPPER: 'a pepper for sessions, of thirty-two characters',
      PEPPER: 'a pepper for keys, of thirty-two characters',
    };
    const wanted = [...examples.here, ...planted].filter(
      ({ group }) => !Object.hasOwn(NOT_RUN, group.path) && group.name !== 'wrong.md',
    );
    expect(await folder.run(wanted, env)).toEqual([
      'hasty.md:5: the example before it returned, so that this one did not run',
      'failing.md:5: RangeError: planted',
      'stray.md:2: Error: planted',
    ]);
    // They did reach both.
    const { rows } = await sql.database.query('select n from breakwater_analytics');
    expect(rows.length).toBeGreaterThan(0);
  });

  it('are left out of the run only where they are, and for a reason', () => {
    const paths = new Set(examples.here.map(({ group }) => group.path));
    expect(Object.keys(NOT_RUN).filter((path) => !paths.has(path))).toEqual([]);
    for (const reason of Object.values(NOT_RUN)) expect(reason).not.toBe('');
  });

  it('say what `kv` is, on each page that does not make one', () => {
    const silent = [...examples.here, ...examples.inSuites]
      .filter(({ group, given }) => group.kind === 'page' && given.includes('kv'))
      .map(({ group }) => group.path)
      .filter((path) => !documents.get(path)?.includes('createKv'));
    expect(silent).toEqual([]);
  });

  it('take nothing for granted that none of them uses', async () => {
    const { given } = examples;
    const used = new Set([...examples.here, ...examples.inSuites].flatMap((program) => program.given));
    expect(given.filter((name) => !used.has(name))).toEqual([]);
  });
});

const blocksIn = (...languages: readonly string[]) =>
  [...documents].flatMap(([path, text]) =>
    codeBlocksOf(text)
      .filter(({ language }) => languages.includes(language))
      .map((block) => ({ ...block, place: `${path}:${block.line}` })),
  );

/** `check` for each of them, and where it failed. */
async function failures(
  blocks: readonly (CodeBlock & { readonly place: string })[],
  check: (code: string) => unknown,
): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const { place, code } of blocks) {
    try {
      await check(code);
    } catch (error) {
      failed.push(`${place}: ${error instanceof Error ? error.message : error}`);
    }
  }
  return failed;
}

describe('what else the documents show', () => {
  it('is in languages that are checked', () => {
    const known = new Set(['ts', 'tsx', 'js', 'sh', 'sql', 'json', 'yaml', 'text', 'http', 'promql']);
    const unknown = [...documents].flatMap(([path, text]) =>
      codeBlocksOf(text)
        .filter(({ language }) => !known.has(language))
        .map(({ line, language }) => `${path}:${line}: nothing checks blocks of ${language}`),
    );
    expect(unknown).toEqual([]);
  });

  it('is SQL that PostgreSQL takes, in the tables that are there', async () => {
    const check = (code: string) => (/\$\d/.test(code) ? sql.database.describeQuery(code) : sql.database.exec(code));
    expect(await failures(blocksIn('sql'), check)).toEqual([]);
    const wrong = { language: 'sql', line: 1, code: 'select $1 from nowhere', place: 'planted' };
    expect(await failures([wrong], check)).toEqual([expect.stringContaining('planted: ')]);
  });

  it('is JSON and YAML that can be read', async () => {
    expect(await failures(blocksIn('json'), (code) => JSON.parse(code))).toEqual([]);
    const readYaml = (code: string) => {
      for (const document of parseAllDocuments(code))
        if ('errors' in document) for (const error of document.errors) throw error;
    };
    expect(await failures(blocksIn('yaml'), readYaml)).toEqual([]);
    const wrong = { language: 'yaml', line: 1, code: 'a: [', place: 'planted' };
    expect(await failures([wrong], readYaml)).toEqual([expect.stringContaining('planted: ')]);
  });
});
