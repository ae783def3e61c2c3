import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { routes } from '../../app/api/[...path]/routes.ts';
import { COMMANDS } from '../../cli/commands.ts';
import { dispatch } from '../../cli/dispatch.ts';
import { type Callable, complaintAbout } from '../support/docs/commands.ts';
import { type Documents, readDocuments } from '../support/docs/documents.ts';
import { codeBlocksOf, codeSpansOf } from '../support/docs/markdown.ts';
import { shellCommands } from '../support/docs/shell.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { projectRoot } from '../support/source-tree.ts';

let documents: Documents;
let callable: Callable;

beforeAll(async () => {
  const read = (path: string) => readFile(join(projectRoot, path), 'utf8');
  const [scripts, benches, binaries, vitest] = await Promise.all([
    read('package.json').then((text) => Object.keys(JSON.parse(text).scripts)),
    read('bench/run.mjs'),
    readdir(join(projectRoot, 'node_modules/.bin')),
    read('vitest.config.ts'),
  ]);
  documents = new Map([...(await readDocuments())].filter(([path]) => path !== 'CHANGELOG.md'));
  // What a page has its reader write.
  const routesOfReaders = new Set(
    [...documents.values()].flatMap((text) =>
      [...text.matchAll(/\bapp(\/api\/[\w/-]+)\/route\.ts/g)].map(([, path = '']) => path),
    ),
  );
  callable = {
    scripts: new Set(scripts),
    benches: new Set([...benches.matchAll(/^ {2}'?([\w-]+)'?: \(\) => import/gm)].map(([, name = '']) => name)),
    binaries: new Set(binaries),
    commands: COMMANDS,
    projects: new Set([...vitest.matchAll(/\bproject\(\s*'(\w+)'/g)].map(([, name = '']) => name)),
    exists: (path) => ['', '.ts', '.test.ts'].some((end) => existsSync(join(projectRoot, path + end))),
    serves: (method, path) => servedMethods(path).includes(method) || routesOfReaders.has(path),
  };
  expect(callable.benches.size).toBeGreaterThan(8);
  expect(callable.projects.size).toBeGreaterThan(3);
});

/** `:` stands for one part of a path in a route, and so do `:id`, `{id}` and an id in a document. */
function servedMethods(path: string): readonly string[] {
  const parts = path.replace(/^\/api\/|[?#].*$/g, '').split('/');
  const fits = (route: string): boolean => {
    const wanted = route.split('/');
    return wanted.length === parts.length && wanted.every((part, at) => part === ':' || part === parts[at]);
  };
  return [...routes].filter(([route]) => fits(route)).flatMap(([, methods]) => Object.keys(methods));
}

interface Typed {
  readonly place: string;
  readonly words: readonly string[];
  readonly whole: boolean;
}

/** Commands that are shown to be typed, and those that sentences name. */
function commandsIn(pages: Documents): readonly Typed[] {
  return [...pages].flatMap(([path, text]): readonly Typed[] => [
    ...codeBlocksOf(text)
      .filter(({ language }) => language === 'sh')
      .flatMap(({ code, line }) =>
        shellCommands(code).map((command) => ({
          place: `${path}:${line + command.line - 1}`,
          words: command.words,
          whole: true,
        })),
      ),
    ...codeSpansOf(text)
      .filter(({ text: span }) => /^(?:\w+=\S+ )*(?:npm|npx|node|breakwater|curl) |^\.ci\/\w/.test(span))
      .flatMap(({ text: span, line }) =>
        shellCommands(span).map(({ words }) => ({ place: `${path}:${line}`, words, whole: false })),
      ),
  ]);
}

async function complaints(pages: Documents): Promise<readonly string[]> {
  const found = await Promise.all(
    commandsIn(pages).map(async ({ place, words, whole }) => {
      const complaint = await complaintAbout(words, callable, whole);
      return complaint === undefined ? [] : [`${place}: ${complaint}`];
    }),
  );
  return found.flat();
}

describe('the commands of the documents', () => {
  it('can be typed: scripts, benchmarks, files, subcommands, options and paths are there', async () => {
    expect(commandsIn(documents).length).toBeGreaterThan(40);
    expect(await complaints(documents)).toEqual([]);
  });

  it('are each looked at', async () => {
    const page = [
      '`npm run gone`, `npm test`, `npm run bench -- gone`, `npm run bench -- <name>`, `node scripts/gone.mjs`,',
      '`npx breakwater gone`, `npx breakwater keys gone`, `npx breakwater keys create --gone`, `breakwater keys list --json`,',
      '`npx vitest run --project gone tests/kv.test.ts`, `npx vitest run tests/gone.test.ts`, `npx gone x`, `.ci/gone`',
      '```sh',
      'run() { FOO=1 npm ci && npm run gone; }   # npm run nothing',
      'key=$(npx breakwater keys create --scope read) || gone "a; b"',
      "curl -X DELETE localhost:3000/api/keys && curl localhost:3000/api/health -d '{' && \\",
      '  curl -H "x-api-key: $KEY" http://localhost:3000/api/keys/key_1/usage',
      'npx breakwater keys rotate key_AbCdEf0123456789 --grace soon',
      'for i in $(seq 3); do run; gone; done',
      '```',
    ].join('\n');
    expect(await complaints(new Map([['a.md', page]]))).toEqual([
      'a.md:5: package.json has no script gone',
      expect.stringMatching(/^a\.md:6: breakwater keys create --scope read: .*--owner/),
      'a.md:6: nothing checks gone: say in tests/support/docs/commands.ts how, or that it is of others',
      'a.md:7: nothing in api/ answers DELETE /api/keys',
      'a.md:7: nothing in api/ answers POST /api/health',
      expect.stringMatching(/^a\.md:9: .*--grace/),
      'a.md:10: nothing checks gone: say in tests/support/docs/commands.ts how, or that it is of others',
      'a.md:1: package.json has no script gone',
      'a.md:1: there is no benchmark gone',
      'a.md:1: scripts/gone.mjs does not exist',
      'a.md:2: breakwater has no command gone',
      'a.md:2: breakwater keys has no command gone',
      'a.md:2: breakwater keys has no option --gone',
      'a.md:3: vitest has no project gone',
      'a.md:3: tests/gone.test.ts does not exist',
      expect.stringMatching(/^a\.md:3: npx finds no gone here/),
      'a.md:3: .ci/gone does not exist',
    ]);
  });

  it('name operations of the API that are served', () => {
    const named = [...documents].flatMap(([path, text]) =>
      codeSpansOf(text).flatMap(({ text: span, line }) => {
        const [, method = '', at = ''] = /^(GET|POST|PUT|PATCH|DELETE) (\/api\/\S+)$/.exec(span) ?? [];
        return method === '' ? [] : [{ place: `${path}:${line}`, method, at }];
      }),
    );
    expect(named.length).toBeGreaterThan(10);
    const wrong = named.filter(({ method, at }) => !callable.serves(method, at));
    expect(wrong.map(({ place, method, at }) => `${place}: nothing answers ${method} ${at}`)).toEqual([]);
  });
});

describe('the command lines of the documents', () => {
  /** These end by themselves, and do no more than their line says. */
  const RUN = new Set(['keys', 'cache', 'migrate', 'limits']);
  /** Files that they name, and the reader has. */
  const FILES = { 'policies.json': JSON.stringify([{ name: 'key', limit: 60, windowMs: 60_000 }]) };
  let folder: string;
  let redis: RedisServer;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'breakwater-commands-'));
    for (const [name, text] of Object.entries(FILES)) await writeFile(join(folder, name), text);
    redis = await startRedis();
  });
  afterAll(async () => {
    await redis?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('do what they do on a Redis: nothing is wrong with them', async () => {
    let key = '';
    const run = async (args: readonly string[]) => {
      const printed: string[] = [];
      const complained: string[] = [];
      const status = await dispatch(args, {
        print: (line) => printed.push(line),
        complain: (line) => complained.push(line),
        readLine: async () => key,
        // A busy machine is no outage.
        env: { REDIS_URL: redis.url, BREAKWATER_API_KEY: key, KV_REQUEST_TIMEOUT_MS: '20000' },
        stop: new AbortController().signal,
      });
      return { status, printed, complained };
    };
    const first = await run(['keys', 'create', '--owner', 'first', '--init', '--quiet']);
    expect(first.complained).toEqual([]);
    key = first.printed[0] ?? '';
    const lines = commandsIn(documents)
      .filter(
        ({ words: [npx, name, group = ''], whole }) =>
          whole && npx === 'npx' && name === 'breakwater' && RUN.has(group),
      )
      .map(({ place, words: [, , ...args] }) => ({ place, args }));
    expect(lines.length).toBeGreaterThan(3);
    const wrong: string[] = [];
    for (const { place, args } of lines) {
      const { status, printed, complained } = await run(
        args.map((word) => (Object.hasOwn(FILES, word) ? join(folder, word) : word)),
      );
      if (args[1] === 'create') key = printed[0] ?? key;
      // 3: the key or the cache that an example names is the reader's.
      if (status !== 0 && status !== 3) wrong.push(`${place}: ${status}: ${complained.join(' ')}`);
    }
    expect(wrong).toEqual([]);
  });
});
