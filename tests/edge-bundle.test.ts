import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { EdgeVM } from '@edge-runtime/vm';
import { describe, expect, it } from 'vitest';
import { edgeBundle, edgeLeaks } from '../bench/edge-bundle.mjs';
import { projectRoot } from './support/source-tree.ts';

/** The names that a module exports once it has run in the Edge sandbox, which has no Node globals but those given. */
const exportsAtTheEdge = async (source: string, globals: object = {}): Promise<readonly string[]> => {
  const code = await edgeBundle(source, { format: 'iife', globalName: 'bundle' });
  const sandbox = new EdgeVM({ extend: (context) => Object.assign(context, globals) });
  return sandbox.evaluate<string>(`${code};Object.keys(bundle).join()`).split(',');
};

describe('the bundle of middleware.ts', () => {
  it('has nothing in it that does not work at the edge', async () => {
    expect(edgeLeaks(await edgeBundle("export * from './middleware.ts';"))).toEqual([]);
  });

  it('asks for no package that traces', async () => {
    expect(await edgeBundle("export * from './middleware.ts';")).not.toContain('@opentelemetry');
  });

  it('loads in an Edge sandbox', async () => {
    // Next gives its middleware an environment, here an empty one; other hosts of lib/next give none.
    const names = await exportsAtTheEdge("export * from './middleware.ts';", { process: { env: {} } });
    expect(names).toEqual(expect.arrayContaining(['config', 'middleware']));
  });
});

describe('the bundle of lib/next', () => {
  it('has nothing in it that does not work at the edge', async () => {
    expect(edgeLeaks(await edgeBundle("export * from './lib/next/index.ts';"))).toEqual([]);
  });

  it('loads in an Edge sandbox', async () => {
    expect(await exportsAtTheEdge("export * from './lib/next/index.ts';")).toContain('createEdgeMiddleware');
  });
});

describe('the bundle of lib/server', () => {
  it('has nothing in it that does not work at the edge, and loads there', async () => {
    const source = "export * from './lib/server.ts';";
    expect(edgeLeaks(await edgeBundle(source))).toEqual([]);
    expect(await exportsAtTheEdge(source)).toContain('withGuard');
  });

  it('guards there, where nothing but web standards is', async () => {
    const code = await edgeBundle("export * from './lib/server.ts';", { format: 'iife', globalName: 'bundle' });
    const statuses = await new EdgeVM().evaluate<Promise<readonly number[]>>(`${code};
      const handled = bundle.withGuard(() => new Response('ok'), {
        policies: [{ name: 'ip', limit: 1, windowMs: 60_000 }],
        protect: [{ path: '/api/*' }, { path: '/*', auth: 'none', limits: { ip: 'ip' } }],
        address: () => '192.0.2.1',
      });
      (async () => {
        const statuses = [];
        for (const path of ['/api', '/', '/', '/api/health']) {
          const answer = await handled(new Request('https://example.test' + path), {});
          statuses.push(answer.status);
        }
        return statuses;
      })();`);
    expect([...statuses]).toEqual([401, 200, 429, 200]);
  });
});

describe('the bundle of each adapter for another library', () => {
  it.each([
    ['bentocache', 'bentocacheDriver'],
    ['cachified', 'cachifiedCache'],
    ['keyv', 'keyvStore'],
    ['unstorage', 'unstorageDriver'],
  ])('is its own code only, and loads in an Edge sandbox: %s', async (name, factory) => {
    const source = `export * from './lib/cache/${name}.ts';`;
    const code = await edgeBundle(source);
    expect(edgeLeaks(code)).toEqual([]);
    expect(code).not.toMatch(/\bfrom"|\bimport\b/);
    expect(await exportsAtTheEdge(source)).toEqual([factory]);
  });
});

describe('the bundle of counters', () => {
  it.each(['lib/usage.ts', 'lib/analytics.ts', 'lib/primitives/usage/index.ts', 'lib/primitives/analytics/index.ts'])(
    'has nothing in it that does not work at the edge, no driver of a database either, and loads there: %s',
    async (path) => {
      const source = `export * from './${path}';`;
      expect(edgeLeaks(await edgeBundle(source))).toEqual([]);
      expect(await exportsAtTheEdge(source)).toContain(path.includes('usage') ? 'createUsage' : 'createAnalytics');
    },
  );
});

describe('the bundle of migrations', () => {
  it('is its own code only, and loads in an Edge sandbox', async () => {
    const source = "export * from './lib/primitives/migration/index.ts';";
    const code = await edgeBundle(source);
    expect(edgeLeaks(code)).toEqual([]);
    expect(await exportsAtTheEdge(source)).toEqual(
      expect.arrayContaining(['createRecordMigration', 'createCounterMigration', 'createHandover']),
    );
  });
});

describe('the bundle of lib/opentelemetry', () => {
  it('is its own code only, and loads in an Edge sandbox', async () => {
    expect(await edgeBundle("export * from './lib/opentelemetry.ts';")).not.toContain('@opentelemetry');
    expect(await exportsAtTheEdge("export * from './lib/opentelemetry.ts';")).toEqual(['openTelemetry']);
  });
});

describe('the bundle of each primitive', () => {
  const folders = readdirSync(join(projectRoot, 'lib/primitives'), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  it.each(folders.map(({ name }) => name))(
    'has nothing in it that does not work at the edge, and loads: %s',
    async (name) => {
      const source = `export * from './lib/primitives/${name}/index.ts';`;
      expect(edgeLeaks(await edgeBundle(source))).toEqual([]);
      expect((await exportsAtTheEdge(source)).some((exported) => /^create|^with/.test(exported))).toBe(true);
    },
  );
});

describe('the bundle of lib/idempotent', () => {
  it('has nothing in it that does not work at the edge, and loads', async () => {
    const source = "export * from './lib/idempotent.ts';";
    expect(edgeLeaks(await edgeBundle(source))).toEqual([]);
    expect(await exportsAtTheEdge(source)).toContain('idempotent');
  });
});

describe('the bundle of lib/redis', () => {
  it('loads in an Edge sandbox', async () => {
    expect(await exportsAtTheEdge("export * from './lib/redis.ts';")).toContain('createRedis');
  });

  it('has nothing in it that does not work at the edge, but for what @upstash/redis brings', async () => {
    const leaks = edgeLeaks(await edgeBundle("export * from './lib/redis.ts';"));
    const theirs = edgeLeaks(await edgeBundle("export { Redis } from '@upstash/redis';"));
    expect(leaks.map(wordOf)).toEqual(theirs.map(wordOf));
  });
});

/** What was found, without the code around it. */
const wordOf = (leak: string): string => leak.slice(0, leak.indexOf(':'));

describe('the checks above', () => {
  it.each([
    ['a module of Node', "import { createHash } from 'node:crypto'; export const f = createHash;"],
    ['a module of Node, imported on demand', "export const f = () => import('node:crypto');"],
    ['a TCP client', "import { Redis } from 'ioredis'; export const f = Redis;"],
    ['Buffer', "export const f = Buffer.from('x');"],
    ['the version of Node, even behind a test', "export const f = typeof process === 'object' ? process.version : '';"],
  ])('find %s', async (_what, source) => {
    expect(edgeLeaks(await edgeBundle(source))).toHaveLength(1);
  });

  it('find what an imported file brings with it', async () => {
    expect(edgeLeaks(await edgeBundle("export * from './lib/store/redis.ts';"))).not.toEqual([]);
  });

  it('do not mind what the edge has', async () => {
    const source = 'export const f = new ArrayBuffer(8); export const g = process.env.NEXT_RUNTIME;';
    const code = await edgeBundle(source);
    expect(edgeLeaks(code)).toEqual([]);
    expect(code).toContain('"edge"');
    expect(code).not.toContain('process');
  });

  it('load code in a sandbox that has WebCrypto and fetch but none of the globals of Node', async () => {
    expect(await exportsAtTheEdge('export const a = crypto.subtle; export const b = fetch.name;')).toEqual(['a', 'b']);
    for (const name of ['process', 'Buffer', 'setImmediate']) {
      await expect(exportsAtTheEdge(`export const x = ${name}.from;`)).rejects.toThrow(`${name} is not defined`);
    }
  });

  it('load a file of the library', async () => {
    expect(await exportsAtTheEdge("export { systemClock } from './lib/clock.ts';")).toEqual(['systemClock']);
  });
});
