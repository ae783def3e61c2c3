import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { transform } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  ambientEffects,
  examplesByName,
  featuresWithoutStore,
  fileLengths,
  fileNames,
  importCycles,
  importRanks,
  importSpecifiers,
  type PackageManifest,
  packageExports,
  type Rule,
  suppressions,
} from './support/architecture-rules.ts';
import { codeOf, importsOf, projectRoot, readSourceTree, type SourceTree } from './support/source-tree.ts';

const tree = (files: Readonly<Record<string, string>>): SourceTree => new Map(Object.entries(files));

/** Code samples write a template's substitution as `#{`. */
const sample = (text: string): string => text.replaceAll('#{', '\x24{');

/** What a rule says about one import. */
const onImport = (rule: Rule, from: string, specifier: string): readonly string[] =>
  rule(tree({ [from]: `import { x } from '${specifier}';` }));

describe('this project', () => {
  let project: SourceTree = new Map();
  let manifest: PackageManifest = {};

  beforeAll(async () => {
    project = await readSourceTree();
    manifest = JSON.parse(await readFile(join(projectRoot, 'package.json'), 'utf8'));
  });

  it('is read whole: the tree has the files that everything rests on', () => {
    for (const path of ['lib/clock.ts', 'lib/store/store.ts', 'tests/architecture.test.ts', 'vitest.config.ts']) {
      expect(project.has(path)).toBe(true);
    }
    expect([...project.keys()].filter((path) => path.includes('node_modules'))).toEqual([]);
  });

  it('imports lower ranks only', () => {
    expect(importRanks(project)).toEqual([]);
  });

  it('has no feature that knows a store: the client alone asks one', () => {
    expect(featuresWithoutStore(project)).toEqual([]);
  });

  it('names each imported file as it is on disk', () => {
    expect(importSpecifiers(project)).toEqual([]);
  });

  it('has examples that can be copied', () => {
    expect([...project.keys()].filter((path) => path.startsWith('examples/'))).not.toEqual([]);
    expect(examplesByName(project)).toEqual([]);
  });

  it('has no import cycles', () => {
    expect(importCycles(project)).toEqual([]);
  });

  it('keeps its files short', () => {
    expect(fileLengths(project)).toEqual([]);
  });

  it('has one home for each ambient effect', () => {
    expect(ambientEffects(project)).toEqual([]);
  });

  it('names its files in kebab-case, after what is in them', () => {
    expect(fileNames(project)).toEqual([]);
  });

  it('silences no checker', () => {
    expect(suppressions(project)).toEqual([]);
  });

  it('exports its folders as subpaths', () => {
    expect(packageExports(manifest, project)).toEqual([]);
  });
});

describe('the import order', () => {
  it.each([
    ['lib/clock.ts', './events.ts'],
    ['lib/store/memory/memory-store.ts', '../store.ts'],
    ['lib/store/upstash.ts', '../errors.ts'],
    ['lib/client/kv-client.ts', '../resilience/circuit-breaker.ts'],
    ['lib/client/kv-client.ts', '../store/store.ts'],
    ['lib/limit/gcra.ts', '../client/script.ts'],
    ['lib/guard/decision.ts', '../keys/format.ts'],
    ['lib/config.ts', './store/upstash.ts'],
    ['lib/config.ts', './config/variables.ts'],
    ['lib/config/client-settings.ts', '../guard/client-ip.ts'],
    ['lib/kv.ts', './config.ts'],
    ['lib/kv.ts', './default-client.ts'],
    ['lib/default-client.ts', './config.ts'],
    ['lib/index.ts', './kv.ts'],
    ['lib/next/middleware.ts', '../config.ts'],
    ['lib/testing/scripted-store.ts', '../store/store.ts'],
    ['lib/testing/scripted-store.ts', '../client/redis-keys.ts'],
    ['middleware.ts', './lib/next/index.ts'],
    ['app/api/[...path]/route.ts', '../../../api/health.ts'],
    ['cli/doctor.ts', '../lib/kv.ts'],
    ['cli/doctor.ts', '../package.json'],
    ['tests/kv.test.ts', '../lib/index.ts'],
  ])('lets %s import %s', (from, specifier) => {
    expect(onImport(importRanks, from, specifier)).toEqual([]);
  });

  it.each([
    ['lib/clock.ts', './store/store.ts'],
    ['lib/store/upstash.ts', '../resilience/deadline.ts'],
    ['lib/resilience/deadline.ts', '../store/store.ts'],
    ['lib/store/upstash.ts', '../client/redis-keys.ts'],
    ['lib/limit/gcra.ts', '../keys/format.ts'],
    ['lib/keys/format.ts', '../limit/gcra.ts'],
    ['lib/cache/entry.ts', '../primitives/lock.ts'],
    ['lib/primitives/lock.ts', '../cache/entry.ts'],
    ['lib/limit/gcra.ts', '../guard/decision.ts'],
    ['lib/guard/client-ip.ts', '../config.ts'],
    ['lib/guard/client-ip.ts', '../kv.ts'],
    ['lib/config.ts', './kv.ts'],
    ['lib/config.ts', './default-client.ts'],
    ['lib/config/client-settings.ts', '../kv.ts'],
    ['lib/config/client-settings.ts', '../default-client.ts'],
    ['lib/kv.ts', './config/variables.ts'],
    ['lib/guard/client-ip.ts', '../config/variables.ts'],
    ['lib/kv.ts', './auth.ts'],
    ['lib/default-client.ts', './kv.ts'],
    ['lib/kv.ts', './next/middleware.ts'],
    ['lib/index.ts', './next/middleware.ts'],
    ['lib/next/middleware.ts', '../index.ts'],
    ['lib/kv.ts', './store/memory/index.ts'],
    ['lib/client/kv-client.ts', '../testing/manual-clock.ts'],
    ['lib/next/middleware.ts', '../testing/manual-clock.ts'],
    ['lib/testing/fault-store.ts', '../limit/gcra.ts'],
    ['lib/client/kv-client.ts', '../../tests/support/gate.ts'],
    ['lib/client/kv-client.ts', '../../api/health.ts'],
    ['lib/kv.ts', 'breakwater/store/memory'],
    ['api/health.ts', '../middleware.ts'],
    ['api/health.ts', '../app/page.tsx'],
    ['cli/doctor.ts', '../api/health.ts'],
    ['app/page.tsx', '../cli/doctor.ts'],
  ])('does not let %s import %s', (from, specifier) => {
    expect(onImport(importRanks, from, specifier)).toHaveLength(1);
  });

  it.each([
    ['lib/limit/ledger.ts', '../store/memory/memory-store.ts'],
    ['lib/keys/lookup.ts', '../store/redis.ts'],
    ['lib/guard/guard.ts', '../store/upstash.ts'],
    ['lib/next/edge-middleware.ts', '../store/deferred-store.ts'],
  ])('sees that %s imports a store, %s', (from, specifier) => {
    expect(onImport(featuresWithoutStore, from, specifier)).toHaveLength(1);
    expect(onImport(featuresWithoutStore, from, '../store/store.ts')).toEqual([]);
    expect(onImport(featuresWithoutStore, 'lib/config.ts', specifier.replace('..', '.'))).toEqual([]);
  });

  it('lets an example import packages by name, and no file', () => {
    expect(onImport(examplesByName, 'examples/node/server.ts', 'breakwater/server')).toEqual([]);
    for (const specifier of ['../../lib/server.ts', './other.ts']) {
      expect(onImport(examplesByName, 'examples/node/server.ts', specifier)).toHaveLength(1);
      expect(onImport(examplesByName, 'tests/node/server.ts', specifier)).toEqual([]);
    }
  });

  it('wants a rank for every folder of lib', () => {
    expect(onImport(importRanks, 'lib/elsewhere/thing.ts', '../clock.ts')).toEqual([
      'lib/elsewhere/thing.ts: its folder has no rank',
    ]);
  });

  it('sees every form of import', () => {
    const forms = [
      "import type { X } from '../client/x.ts';",
      "import '../client/x.ts';",
      "export * from '../client/x.ts';",
      "export { type X } from '../client/x.ts';",
      "type X = import('../client/x.ts').X;",
      'const x = await import(`../client/x.ts`);',
      'import {\n  x,\n  y,\n} from "../client/x.ts";',
    ];
    for (const form of forms) expect(importRanks(tree({ 'lib/store/store.ts': form }))).toHaveLength(1);
  });

  it('does not take words in comments and strings for imports', () => {
    const text = [
      "// import './a.ts'",
      "/* from './b.ts' */",
      "const s = `import('./c.ts') #{from}: #{'}'}`;",
      'const t = "from \'./e.ts\'";',
      "import './d.ts';",
    ].join('\n');
    expect(importsOf(sample(text))).toEqual([{ specifier: './d.ts', line: 5 }]);
  });

  it('refuses an import whose file is not there or is named by another extension', () => {
    const files = {
      'lib/a.ts': '',
      'lib/b.ts': "import './a.ts';\nimport './a.js';\nimport './a';\nimport './c.json';",
    };
    expect(importSpecifiers(tree(files))).toEqual([
      'lib/b.ts:2: imports lib/a.js, which is no file',
      'lib/b.ts:3: imports lib/a, which is no file',
    ]);
  });

  it('finds a cycle through three files, type imports included', () => {
    const files = {
      'lib/client/a.ts': "import './b.ts';",
      'lib/client/b.ts': "import type { C } from './c.ts';",
      'lib/client/c.ts': "export { a } from './a.ts';",
      'lib/client/d.ts': "import './a.ts';",
    };
    expect(importCycles(tree(files))).toEqual([
      'lib/client/a.ts → lib/client/b.ts → lib/client/c.ts → lib/client/a.ts',
    ]);
    expect(importCycles(tree({ ...files, 'lib/client/c.ts': '' }))).toEqual([]);
  });
});

describe('the length of files', () => {
  const lines = (count: number) => 'x;\n'.repeat(count);

  it('is at most 250 lines in lib, api, app and cli', () => {
    for (const path of ['lib/kv.ts', 'api/health.ts', 'app/page.tsx', 'cli/doctor.ts']) {
      expect(fileLengths(tree({ [path]: lines(250) }))).toEqual([]);
      expect(fileLengths(tree({ [path]: lines(251) }))).toEqual([`${path}: 251 lines, 250 at most`]);
      expect(fileLengths(tree({ [path]: `${lines(250)}x;` }))).toHaveLength(1);
    }
  });

  it('is free elsewhere', () => {
    expect(fileLengths(tree({ 'tests/long.test.ts': lines(1000), 'bench/run.mjs': lines(1000) }))).toEqual([]);
  });
});

describe('ambient effects', () => {
  const effects: readonly (readonly [code: string, home: string])[] = [
    ['const now = Date.now();', 'lib/clock.ts'],
    ['const now = new Date();', 'lib/clock.ts'],
    ['setTimeout(run, 1);', 'lib/clock.ts'],
    ['globalThis.setInterval(run, 1);', 'lib/clock.ts'],
    ['setImmediate(run);', 'lib/clock.ts'],
    ['performance.now();', 'lib/clock.ts'],
    ['AbortSignal.timeout(5);', 'lib/clock.ts'],
    ['await fetch(url);', 'lib/store/upstash.ts'],
    ['const f = globalThis.fetch;', 'lib/store/upstash.ts'],
    ['process.env.TOKEN;', 'lib/config.ts'],
    ['globalThis.process?.env;', 'lib/config.ts'],
    ["import type { NextRequest } from 'next/server';", 'lib/next/middleware.ts'],
    ["import { createHash } from 'node:crypto';", 'lib/store/redis-driver.ts'],
    ["import { createHash } from 'crypto';", 'lib/store/redis-driver.ts'],
    ["const { Redis } = await import('ioredis');", 'lib/store/redis-driver.ts'],
    ["const { Pool } = await import('pg');", 'lib/client/postgres-query.ts'],
    ["import { lua } from 'fengari';", 'lib/store/lua.ts'],
    ["import type { Span } from '@opentelemetry/api';", 'lib/client/opentelemetry.ts'],
    ['Math.random();', 'lib/client/crypto.ts'],
    ['crypto.getRandomValues(bytes);', 'lib/client/crypto.ts'],
    ['await crypto.subtle.digest(a, b);', 'lib/client/crypto.ts'],
    ['crypto.randomUUID();', 'lib/store/memory/memory-store.ts'],
    ['console.warn(1);', 'lib/log.ts'],
  ];

  it.each(effects)('%s has its home in %s and nowhere else in lib', (code, home) => {
    expect(ambientEffects(tree({ [home]: code }))).toEqual([]);
    expect(ambientEffects(tree({ 'lib/guard/decision.ts': `\n${code}` }))).toHaveLength(1);
    expect(ambientEffects(tree({ 'lib/guard/decision.ts': `\n${code}` }))[0]).toMatch(/^lib\/guard\/decision\.ts:2: /);
    expect(ambientEffects(tree({ 'cli/doctor.ts': code, 'tests/x.test.ts': code }))).toEqual([]);
  });

  it.each([
    '// Date.now() is called, not captured',
    '/**\n * @example setTimeout(run, 1)\n */',
    "const help = 'set process.env.TOKEN';",
    'const pattern = /console.log|fetch\\(/;',
    "const text = `Math.random() #{a ? `fetch(#{b})` : '}'} console.log`;",
    'options.fetch(url); prefetch(url);',
    "import { next } from './next.ts';",
    'dateFrom(ms); clock.now();',
  ])('are not found in %j', (code) => {
    expect(ambientEffects(tree({ 'lib/guard/decision.ts': sample(code) }))).toEqual([]);
  });

  it('are found after and between literals that could hide them', () => {
    for (const code of [
      "const a = 'it\\'s'; fetch(a);",
      'const a = `#{b}`; fetch(a);',
      'const a = `#{ { c: `}` }.c } #{fetch(a)}`;',
      'const a = b / c; fetch(a); // d / e',
      'const a = /[/"]/; fetch(a); const b = /"/;',
      '/* a */ fetch(a); /* b */',
      "const url = 'https://host'; fetch(url);",
    ]) {
      expect(ambientEffects(tree({ 'lib/kv.ts': sample(code) })), code).toHaveLength(1);
    }
  });
});

describe('code without comments and literals', () => {
  it('keeps its lines', () => {
    const text = sample('a; // one\n/* two\n three */ b;\nconst c = `four\n#{d}\nfive`;\ne;\n');
    expect(codeOf(text).split('\n')).toHaveLength(text.split('\n').length);
    expect(codeOf(text)).not.toMatch(/one|two|three|four|five/);
    expect(codeOf(text)).toMatch(/a;\s+b;\s[\s\S]*d[\s\S]*e;/);
  });

  it('still parses, for every file here: no comment or literal was mistaken for code, or code for one', async () => {
    for (const [path, text] of await readSourceTree()) {
      // Text between JSX tags is left as it is, apostrophes included.
      if (path.endsWith('x')) continue;
      await expect(transform(codeOf(text), { loader: 'ts' }), path).resolves.toBeDefined();
    }
  });
});

describe('names', () => {
  it.each([
    'lib/kv.ts',
    'lib/client/kv-client.ts',
    'tests/rate-limit.test.ts',
    'app/api/[...path]/route.ts',
    'bench/run.mjs',
  ])('may be %s', (path) => {
    expect(fileNames(tree({ [path]: '' }))).toEqual([]);
  });

  it.each([
    'lib/kvClient.ts',
    'lib/KV.ts',
    'lib/kv_client.ts',
    'lib/kv-.ts',
    'lib/utils.ts',
    'lib/string-utils.ts',
    'lib/common/kv.ts',
    'lib/session-manager.ts',
    'tests/support/helpers.ts',
    'tests/misc.test.ts',
  ])('may not be %s', (path) => {
    expect(fileNames(tree({ [path]: '' }))).toHaveLength(1);
  });
});

describe('silenced checkers', () => {
  it.each([
    ['@ts', 'ignore'],
    ['@ts', 'expect-error'],
    ['@ts', 'nocheck'],
    ['biome', 'ignore'],
  ])('are found: %s-%s', (checker, order) => {
    for (const path of ['lib/kv.ts', 'app/page.tsx', 'tests/kv.test.ts']) {
      expect(suppressions(tree({ [path]: `// ${checker}-${order} why` }))).toEqual([`${path}: ${checker}-${order}`]);
    }
  });

  it('are not found where there are none', () => {
    expect(suppressions(tree({ 'lib/kv.ts': '// ignore ts and biome' }))).toEqual([]);
  });
});

describe('the exports of the package', () => {
  const files = tree({
    'lib/index.ts': '',
    'lib/kv.ts': '',
    'lib/guard/index.ts': '',
    'lib/store/memory/index.ts': '',
  });
  const target = (path: string) => ({ types: `./dist/lib/${path}.d.ts`, default: `./dist/lib/${path}.js` });
  const right = {
    sideEffects: false,
    engines: { node: '>=20.9' },
    exports: {
      '.': target('index'),
      './kv': target('kv'),
      './guard': target('guard/index'),
      './store/memory': target('store/memory/index'),
      './package.json': './package.json',
    },
  } as const;

  it('mirror the folders of lib', () => {
    expect(packageExports(right, files)).toEqual([]);
  });

  it.each([
    ['a package with side effects', { ...right, sideEffects: true }],
    ['another minimum of Node', { ...right, engines: { node: '>=20' } }],
    ['a subpath whose source is missing', { ...right, exports: { ...right.exports, './auth': target('auth') } }],
    [
      'a subpath that points elsewhere',
      { ...right, exports: { ...right.exports, './kv': target('client/kv-client') } },
    ],
    ['a subpath without types', { ...right, exports: { ...right.exports, './kv': { default: './dist/lib/kv.js' } } }],
    [
      'types that come too late to be read',
      { ...right, exports: { ...right.exports, './kv': { default: './dist/lib/kv.js', types: './dist/lib/kv.d.ts' } } },
    ],
    ['a bare string', { ...right, exports: { ...right.exports, './kv': './dist/lib/kv.js' } }],
  ])('do not allow %s', (_what, manifest) => {
    expect(packageExports(manifest, files)).toHaveLength(1);
  });

  it('leave no folder index out', () => {
    expect(packageExports({ ...right, exports: { './kv': target('kv') } }, files)).toEqual([
      'package.json: lib/index.ts is not exported',
      'package.json: lib/guard/index.ts is not exported',
      'package.json: lib/store/memory/index.ts is not exported',
    ]);
    expect(packageExports({ ...right, exports: {} }, tree({}))).toEqual(['package.json: no exports']);
  });
});
