import { isBuiltin } from 'node:module';
import { posix } from 'node:path';
import { codeOf, importsOf, type SourceTree } from './source-tree.ts';

/** One sentence per violation, beginning with the file; no violation, no sentence. */
export type Rule = (tree: SourceTree) => readonly string[];

const PACKAGE = 'breakwater';
const PURE_ROOTS = new Set(['lib/errors.ts', 'lib/clock.ts', 'lib/events.ts', 'lib/log.ts']);
const RANK_OF_FOLDER: Readonly<Record<string, number>> = {
  store: 1,
  resilience: 1,
  client: 2,
  limit: 3,
  keys: 3,
  cache: 3,
  primitives: 3,
  guard: 4,
  config: 5,
  next: 6,
};
/** The environment is read in one file and checked in the folder of its name. */
const CONFIG = 'lib/config';
const RANK_7 = /^(?:middleware|proxy|instrumentation(?:-node)?)\.ts$|^(?:api|app|cli)\//;

interface Place {
  readonly rank: number;
  /** Files of one group may import each other. */
  readonly group: string;
}

/** Where `path` stands in the import order; `undefined` for what has no place in it, such as a test. */
export function placeOf(path: string): Place | undefined {
  if (RANK_7.test(path))
    return { rank: 7, group: path.includes('/') ? path.slice(0, path.indexOf('/')) : path.replace('-node.ts', '.ts') };
  if (!path.startsWith('lib/')) return undefined;
  const folder = path.split('/').length > 2 ? path.split('/')[1] : undefined;
  if (folder === 'testing') return { rank: 2.5, group: 'lib/testing' };
  if (folder !== undefined) {
    const rank = RANK_OF_FOLDER[folder];
    return rank === undefined ? undefined : { rank, group: `lib/${folder}` };
  }
  if (PURE_ROOTS.has(path)) return { rank: 0, group: 'lib root' };
  if (path === 'lib/index.ts') return { rank: 6, group: path };
  return { rank: 5, group: path === 'lib/config.ts' ? CONFIG : path };
}

/** Lower ranks or the own folder only. */
export const importRanks: Rule = (tree) =>
  edges(tree).flatMap(({ from, to, line }) => {
    const place = placeOf(from);
    if (place === undefined) {
      return from.startsWith('lib/') ? [`${from}: its folder has no rank`] : [];
    }
    const says = (reason: string) => [`${from}:${line}: imports ${to}, ${reason}`];
    if (to === PACKAGE || to.startsWith(`${PACKAGE}/`)) {
      return from.startsWith('lib/') ? says('its own package by name') : [];
    }
    const target = placeOf(to);
    if (target === undefined) return to.endsWith('.json') ? [] : says('which is outside the layout');
    if (from.startsWith('lib/') && to.endsWith('/index.ts')) return says('an index that is for users');
    if (target.group === place.group) return [];
    if (target.group === 'lib/testing' && from.startsWith('lib/')) return says('which is for tests');
    if (target.rank < place.rank) return [];
    if (place.rank === 5 && (to === 'lib/config.ts' || to === 'lib/default-client.ts')) {
      return place.group === CONFIG ? says('a face') : [];
    }
    if (place.group === 'app' && target.group === 'api') return [];
    return says(`rank ${target.rank} from rank ${place.rank}`);
  });

const FEATURE = /^lib\/(?:limit|keys|cache|primitives|guard|next)\//;
/** What a command and a reply are, and the TypeScript form of a script. */
const OF_ALL_STORES = new Set(['lib/store/store.ts', 'lib/store/script-twins.ts']);

/** Features know commands, never a store: all that they ask goes through the client. */
export const featuresWithoutStore: Rule = (tree) =>
  edges(tree)
    .filter(({ from, to }) => FEATURE.test(from) && to.startsWith('lib/store/') && !OF_ALL_STORES.has(to))
    .map(({ from, to, line }) => `${from}:${line}: imports ${to}, a feature knows no store`);

/** A relative import names its file as it is on disk: bundlers and Vercel's compiler disagree about every other form. */
export const importSpecifiers: Rule = (tree) =>
  edges(tree)
    .filter(({ to }) => !tree.has(to) && !isPackage(PACKAGE)(to) && !/\.(?:json|css)$/.test(to))
    .map(({ from, to, line }) => `${from}:${line}: imports ${to}, which is no file`);

/** An example is one file that its reader copies: it knows the package by its name, and nothing beside it. */
export const examplesByName: Rule = (tree) =>
  [...tree].flatMap(([path, text]) =>
    path.startsWith('examples/')
      ? importsOf(text)
          .filter(({ specifier }) => specifier.startsWith('.'))
          .map(({ specifier, line }) => `${path}:${line}: imports ${specifier}, which its reader does not have`)
      : [],
  );

/** No file reaches itself, type imports included. One sentence per cycle found. */
export const importCycles: Rule = (tree) => {
  const targets = new Map<string, Set<string>>();
  for (const { from, to } of edges(tree)) targets.set(from, (targets.get(from) ?? new Set()).add(to));
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start !== -1) cycles.push([...trail.slice(start), path].join(' → '));
    if (start !== -1 || done.has(path)) return;
    for (const next of targets.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of targets.keys()) visit(path, []);
  return cycles;
};

const MAX_LINES = 250;

export const fileLengths: Rule = (tree) =>
  [...tree].flatMap(([path, text]) => {
    const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
    const counts = /^(?:lib|api|app|cli)\/.*\.tsx?$/.test(path) && lines > MAX_LINES;
    return counts ? [`${path}: ${lines} lines, ${MAX_LINES} at most`] : [];
  });

const isPackage = (name: string) => (specifier: string) => specifier === name || specifier.startsWith(`${name}/`);

interface Effect {
  readonly what: string;
  readonly home: RegExp;
  readonly code?: RegExp;
  readonly specifier?: (specifier: string) => boolean;
}

const EFFECTS: readonly Effect[] = [
  {
    what: 'time',
    home: /^lib\/clock\.ts$/,
    code: /\bDate\s*\.\s*now\b|\bnew\s+Date\b|\bset(?:Timeout|Interval|Immediate)\b|\bperformance\s*\.|\bAbortSignal\s*\.\s*timeout\b/,
  },
  {
    what: 'the network',
    home: /^lib\/store\/upstash\.ts$/,
    // A method of that name on something else, `cache.fetch(`, is not the global.
    code: /(?<![.\w$])fetch\s*\(|\bglobalThis\s*\.\s*fetch\b/,
  },
  { what: 'the environment', home: /^lib\/config\.ts$/, code: /\bprocess\s*(?:\?\s*)?\.\s*env\b/ },
  { what: 'Next', home: /^lib\/next\//, specifier: isPackage('next') },
  { what: 'Node', home: /^lib\/store\/redis-driver\.ts$/, specifier: isBuiltin },
  { what: 'ioredis', home: /^lib\/store\/redis-driver\.ts$/, specifier: isPackage('ioredis') },
  { what: 'pg', home: /^lib\/client\/postgres-query\.ts$/, specifier: isPackage('pg') },
  { what: '@upstash/redis', home: /^lib\/client\/redis\.ts$/, specifier: isPackage('@upstash/redis') },
  { what: 'OpenTelemetry', home: /^lib\/client\/opentelemetry/, specifier: isPackage('@opentelemetry') },
  { what: 'a Lua engine', home: /^lib\/store\/lua(?:\.ts$|\/)/, specifier: isPackage('fengari') },
  {
    what: 'randomness or WebCrypto',
    home: /^lib\/client\/crypto\.ts$|^lib\/store\/memory\//,
    code: /\bMath\s*\.\s*random\b|\bgetRandomValues\b|\bcrypto\s*\.\s*subtle\b|\brandomUUID\b/,
  },
  { what: 'the console', home: /^lib\/log\.ts$/, code: /\bconsole\s*\./ },
];

/** Within lib, each ambient effect has one home. */
export const ambientEffects: Rule = (tree) =>
  [...tree].flatMap(([path, text]) => {
    if (!path.startsWith('lib/')) return [];
    const code = codeOf(text);
    const imports = importsOf(text);
    return EFFECTS.filter((effect) => !effect.home.test(path)).flatMap(({ what, code: pattern, specifier }) => {
      const found = pattern?.exec(code);
      const imported = specifier && imports.find((site) => specifier(site.specifier));
      const line = found ? code.slice(0, found.index).split('\n').length : imported?.line;
      return line === undefined ? [] : [`${path}:${line}: reaches ${what} (${found?.[0] ?? imported?.specifier})`];
    });
  });

const KEBAB = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
const EMPTY_NAMES = new Set(['util', 'utils', 'helper', 'helpers', 'common', 'manager', 'misc']);

/** Files are kebab-case, and no file or folder has a name that says nothing. */
export const fileNames: Rule = (tree) =>
  [...tree.keys()].flatMap((path) => {
    const parts = path.split('/');
    const file = parts.pop() ?? '';
    const violations: string[] = [];
    if (!file.split('.').every((part) => KEBAB.test(part))) violations.push(`${path}: not kebab-case`);
    const words = [...parts, file.slice(0, file.indexOf('.'))].flatMap((part) => part.split('-'));
    const empty = words.find((word) => EMPTY_NAMES.has(word));
    if (empty !== undefined) violations.push(`${path}: '${empty}' says nothing`);
    return violations;
  });

// Written so that this line does not match itself.
const SUPPRESSION = /(?:@ts|biome)-(?:ignore|expect-error|nocheck)/;

/** No checker is told to look away. */
export const suppressions: Rule = (tree) =>
  [...tree].flatMap(([path, text]) => {
    const found = /\.[cm]?tsx?$/.test(path) ? text.match(SUPPRESSION) : null;
    return found ? [`${path}: ${found[0]}`] : [];
  });

export interface PackageManifest {
  readonly sideEffects?: unknown;
  readonly engines?: { readonly node?: string };
  readonly exports?: Readonly<Record<string, unknown>>;
}

/** A subpath is a path below lib, and every folder with an index has one. */
export function packageExports(manifest: PackageManifest, tree: SourceTree): readonly string[] {
  const violations: string[] = [];
  if (manifest.sideEffects !== false) violations.push('package.json: sideEffects is not false');
  if (manifest.engines?.node !== '>=20.9') violations.push("package.json: engines.node is not '>=20.9'");
  const exported = manifest.exports ?? {};
  if (Object.keys(exported).length === 0) violations.push('package.json: no exports');
  const sources = new Set<string>();
  for (const [subpath, target] of Object.entries(exported)) {
    if (subpath === './package.json') continue;
    const name = subpath === '.' ? '' : subpath.slice(2);
    const candidates = name === '' ? ['index'] : [name, `${name}/index`];
    const match = candidates.find((path) => JSON.stringify(target) === JSON.stringify(targetOf(path)));
    if (match === undefined) violations.push(`package.json: exports['${subpath}'] does not mirror lib/${name}`);
    else if (!tree.has(`lib/${match}.ts`))
      violations.push(`package.json: exports['${subpath}'] has no lib/${match}.ts`);
    else sources.add(`lib/${match}.ts`);
  }
  for (const path of tree.keys()) {
    const isIndex = path.startsWith('lib/') && path.endsWith('/index.ts');
    if (isIndex && !sources.has(path)) violations.push(`package.json: ${path} is not exported`);
  }
  return violations;
}

// The order counts: a resolver takes the first condition that it knows.
const targetOf = (path: string) => ({ types: `./dist/lib/${path}.d.ts`, default: `./dist/lib/${path}.js` });

interface Edge {
  readonly from: string;
  /** A path in the tree, or the package's own name. */
  readonly to: string;
  readonly line: number;
}

/** Imports between files of the project, of the files that have a place in the order. */
function edges(tree: SourceTree): readonly Edge[] {
  return [...tree].flatMap(([from, text]) => {
    if (!from.startsWith('lib/') && placeOf(from) === undefined) return [];
    return importsOf(text).flatMap(({ specifier, line }) => {
      if (isPackage(PACKAGE)(specifier)) return [{ from, to: specifier, line }];
      if (!specifier.startsWith('.')) return [];
      return [{ from, to: posix.normalize(posix.join(posix.dirname(from), specifier)), line }];
    });
  });
}
