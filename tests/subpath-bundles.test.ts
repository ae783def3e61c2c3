import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { edgeLeaks } from '../bench/edge-bundle.mjs';
import { bundleOf, subpathFiles } from '../bench/subpath-bundles.mjs';
import { projectRoot } from './support/source-tree.ts';

/**
 * What an import of each subpath brings along beside the core (the client and its circuit breaker, stores, errors, time):
 * features by the names of their folders. A limit in bytes would notice a leak late and vaguely; this names it.
 */
const FEATURES: Readonly<Record<string, readonly string[]>> = {
  './cache/bentocache': ['cache/adapters'],
  './cache/cachified': ['cache/adapters'],
  './cache/devalue': ['cache'],
  './cache/fflate': ['cache', 'cache/payload'],
  './cache/keyv': ['cache/adapters'],
  './cache/unstorage': ['cache/adapters', 'cache/payload'],
  './errors': [],
  './guard': ['guard', 'keys', 'limit'],
  './keys': ['keys'],
  './keys/sql': ['keys'],
  './limit': ['limit'],
  './opentelemetry': [],
  './postgres': [],
  './queue': ['config', 'queue'],
  './redis': [],
  './store/lua': ['store/lua', 'store/memory'],
  './store/memory': ['store/memory'],
  './store/redis': [],
  './store/upstash': [],
  './testing': ['testing'],
  ...Object.fromEntries(
    subpathFiles('source').flatMap(({ subpath }) =>
      subpath.startsWith('./primitives/') ? [[subpath, [subpath.slice(2)]]] : [],
    ),
  ),
};

/** The well-known functions work on the default client, which is made of these. */
const DEFAULT_CLIENT = ['config', 'default-client', 'guard', 'keys', 'limit', 'primitives/migration', 'store/memory'];
const CACHE = ['cache', 'cache/invalidation', 'cache/payload', 'cache/records'];
const FACES: Readonly<Record<string, readonly string[]>> = {
  './analytics': ['primitives/analytics', 'primitives/event-stream'],
  './auth': [],
  './cache': [...CACHE, 'cache/http', 'cache/semantic'],
  './dedup': ['primitives/dedup'],
  './idempotent': ['cache/http', 'cache/payload', 'primitives/dedup'],
  './kv': [],
  './lock': ['primitives/lock'],
  './metrics': [],
  './mfa': ['primitives/one-time-code'],
  './migration': [],
  './next': [],
  './next/cache-handler': ['cache/payload', 'next'],
  './next/incremental-cache-handler': ['cache/payload', 'next'],
  './rate-limit': [],
  './server': [],
  './session': ['primitives/session'],
  './usage': ['primitives/usage'],
  './user-cache': CACHE,
};

/** Node's modules, or packages that stand on them. The engine for Lua is one, and brings them along itself. */
const NODE_ONLY = [
  './next/cache-handler',
  './next/incremental-cache-handler',
  './postgres',
  './queue',
  './store/redis',
];

/** Everything, for whoever lets their bundler choose. */
const ALL = ['.'];

const CORE = /^(?:client|resilience|store|errors|clock|events|log|index)$/;

/** The feature that a file belongs to; the name of a file that is none's. */
function featureOf(path: string): string | undefined {
  const [first = '', second, ...more] = path
    .replace(/^lib\//, '')
    .replace(/\.ts$/, '')
    .split('/');
  // A store that keeps what it is given, and an interpreter: the others are small.
  if (first === 'store' && more.length > 0) return `${first}/${second}`;
  if (CORE.test(first)) return undefined;
  // What all primitives share.
  if (first === 'primitives') return more.length > 0 ? `${first}/${second}` : undefined;
  return first === 'cache' && more.length > 0 ? `${first}/${second}` : first;
}

const featuresIn = (files: readonly string[]): readonly string[] =>
  [...new Set(files.map(featureOf).filter((feature) => feature !== undefined))].sort();

describe('an import of', () => {
  const bundles = new Map<string, Awaited<ReturnType<typeof bundleOf>>>();
  const bundled = (subpath: string) => bundles.get(subpath) ?? { code: '', files: [] };

  beforeAll(async () => {
    const all = subpathFiles('source').map(async ({ subpath, file }) => {
      bundles.set(subpath, await bundleOf(`export * from '${file}';`, 'edge'));
    });
    await Promise.all(all);
  });

  it('a subpath is accounted for here', () => {
    const all = subpathFiles('source').map(({ subpath }) => subpath);
    expect([...ALL, ...Object.keys(FEATURES), ...Object.keys(FACES)].toSorted()).toEqual(all.toSorted());
  });

  it.each(Object.entries(FEATURES))('%s brings its own feature only', (subpath, features) => {
    expect(featuresIn(bundled(subpath).files)).toEqual([...features].sort());
  });

  it.each(Object.entries(FACES))('%s brings the default client, and its own feature only', (subpath, features) => {
    const own = subpath.slice(2).split('/')[0] ?? '';
    const expected = new Set([...DEFAULT_CLIENT, ...features, own]);
    expect(featuresIn(bundled(subpath).files)).toEqual([...expected].sort());
  });

  it.each([
    ['createKv', './lib/kv.ts', []],
    ['createKv', './lib/index.ts', []],
    ['createCache', './lib/cache.ts', ['cache', 'cache/invalidation', 'cache/payload']],
    ['isKvError', './lib/index.ts', []],
    ['createApiKeys', './lib/auth.ts', ['keys']],
  ])('%s alone from %s leaves the default client out', async (name, file, features) => {
    const { files } = await bundleOf(`export { ${name} } from '${file}';`, 'edge');
    expect(featuresIn(files)).toEqual(features);
  });

  it('any subpath but those that stand on Node has nothing in it that does not work at the edge', () => {
    const leaking = [...bundles].filter(([, { code }]) => edgeLeaks(code).length > 0).map(([subpath]) => subpath);
    expect(leaking.sort()).toEqual([...NODE_ONLY]);
  });
});

describe('the table of docs/package.md', () => {
  it('says of every subpath where it runs', async () => {
    const page = await readFile(join(projectRoot, 'docs/package.md'), 'utf8');
    const rows = [...page.matchAll(/^\| `breakwater(\S*)` \|[^|]+\| ([^|]+) \| ([^|]+) \|/gm)];
    const said = rows.map(([, subpath, runs, size]) => [`.${subpath}`, runs, size === '–']);
    const expected = subpathFiles('source').map(({ subpath }) => {
      const onNodeOnly = [...NODE_ONLY, './store/lua'].includes(subpath);
      return [subpath, onNodeOnly ? 'Node' : 'Edge, Node', onNodeOnly];
    });
    expect(said).toEqual(expected);
  });
});
