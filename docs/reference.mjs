// Makes the API reference, docs/reference/, of the doc comments of all that the package exports. Ends with 1 for what has
// none, and for a link in one that leads nowhere.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Application } from 'typedoc';

const root = fileURLToPath(new URL('..', import.meta.url));
const { exports: subpaths, version } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
const sources = Object.values(subpaths).flatMap(({ types }) =>
  types ? [types.replace('./dist/', './').replace(/\.d\.ts$/, '.ts')] : [],
);

/** What the interfaces of other libraries ask for, and say what it is. */
const FOREIGN = {
  'cache/bentocache.BentocacheDriver': [
    'namespace',
    'get',
    'pull',
    'set',
    'delete',
    'deleteMany',
    'clear',
    'disconnect',
  ],
  'cache/bentocache.BentocacheDriverConfig': ['factory'],
  'cache/cachified.CachifiedCache': ['get'],
  'cache/keyv.KeyvStore': ['get', 'getMany', 'set', 'setMany', 'has', 'hasMany', 'delete', 'clear', 'iterator', 'on'],
  'cache/unstorage.UnstorageDriver': [
    ...['getInstance', 'hasItem', 'getItem', 'getItems', 'getItemRaw', 'setItem', 'setItems', 'setItemRaw'],
    ...['removeItem', 'getKeys', 'clear'],
  ],
  'opentelemetry.OpenTelemetryApi': ['trace.__type.getTracerProvider', 'metrics.__type.getMeterProvider'],
  'primitives/pubsub.Subscription': ['[asyncDispose]'],
};

const app = await Application.bootstrap({
  name: `Breakwater ${version}`,
  entryPoints: sources.map((source) => fileURLToPath(new URL(`../${source}`, import.meta.url))),
  tsconfig: `${root}/tsconfig.build.json`,
  basePath: root,
  displayBasePath: `${root}/lib`,
  readme: 'none',
  out: `${root}/docs/reference`,
  disableSources: true,
  excludeExternals: true,
  excludePrivate: true,
  treatWarningsAsErrors: true,
  validation: { notExported: false, invalidLink: true, notDocumented: true },
  intentionallyNotDocumented: Object.entries(FOREIGN).flatMap(([owner, names]) =>
    names.map((name) => `${owner}.${name}`),
  ),
  requiredToBeDocumented: ['Function', 'Class', 'Interface', 'TypeAlias', 'Variable', 'Enum'],
  logLevel: 'Warn',
});
const project = await app.convert();
if (project) {
  app.validate(project);
  if (!app.logger.hasWarnings() && !app.logger.hasErrors()) await app.generateOutputs(project);
}
const failed = !project || app.logger.hasWarnings() || app.logger.hasErrors();
if (!failed) console.log(`The API reference of ${sources.length} subpaths is in docs/reference/index.html`);
process.exitCode = failed ? 1 : 0;
