import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Consumer, installConsumer } from '../support/consumer.ts';

/** Whose declarations name a package of others, which is to be installed where they are used. */
const BOUND: Readonly<Record<string, string>> = {
  './next/cache-handler': 'next/cache.js',
  './next/incremental-cache-handler': 'next/dist/server/lib/incremental-cache/index.js',
  './opentelemetry': '@opentelemetry/api',
  './queue': 'ioredis',
  './redis': '@upstash/redis',
};
const VERSIONS = ['5.9', '6', '7'];
const MODES = [
  ['nodenext', 'nodenext'],
  ['bundler', 'esnext'],
] as const;

/** A module that imports each of them. */
const importing = (subpaths: readonly string[]): string =>
  subpaths.map((subpath, index) => `export * as m${index} from 'breakwater${subpath.slice(1)}';\n`).join('');

/** What the compiler says of a file, library declarations included. */
async function errorsIn(
  { folder, run }: Consumer,
  file: string,
  { version, module, resolution }: { version: string; module: string; resolution: string },
): Promise<readonly string[]> {
  const compilerOptions = {
    ...{ strict: true, exactOptionalPropertyTypes: true, noEmit: true, skipLibCheck: false },
    ...{ target: 'es2022', lib: ['es2023', 'dom', 'dom.iterable'], types: [] },
    ...{ module, moduleResolution: resolution },
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }));
  const compiler = `node_modules/typescript-${version}/bin/tsc`;
  // The status alone would not tell a mistake of ours from one of a dependency.
  const printed = await run('node', ['-e', RUN, compiler]);
  return printed.split('\n').filter((line) => /error TS\d+/.test(line));
}

const RUN = `process.stdout.write(require('node:child_process').spawnSync(process.execPath, [process.argv[1], '-p', '.', '--pretty', 'false'], { encoding: 'utf8' }).stdout)`;

const subpathsOf = async ({ folder }: Consumer): Promise<readonly string[]> => {
  const { exports } = JSON.parse(await readFile(join(folder, 'node_modules/breakwater/package.json'), 'utf8'));
  return Object.keys(exports).filter((subpath) => subpath !== './package.json');
};

describe('the declarations of the installed package, where no optional peer is', () => {
  let consumer: Consumer;

  beforeAll(async () => {
    consumer = await installConsumer('types');
    const subpaths = await subpathsOf(consumer);
    expect(subpaths).toEqual(expect.arrayContaining(Object.keys(BOUND)));
    const free = subpaths.filter((subpath) => BOUND[subpath] === undefined);
    await writeFile(join(consumer.folder, 'free.ts'), importing(free));
    await writeFile(join(consumer.folder, 'bound.ts'), importing(Object.keys(BOUND)));
    const mistaken = `${importing(free)}import { memoryStore } from 'breakwater/store/memory';\nmemoryStore(1);\n`;
    await writeFile(join(consumer.folder, 'mistaken.ts'), mistaken);
  });
  afterAll(() => consumer.remove());

  it.each(VERSIONS.flatMap((version) => MODES.map(([resolution, module]) => [version, resolution, module] as const)))(
    'are right to TypeScript %s with %s resolution',
    async (version, resolution, module) => {
      expect(await errorsIn(consumer, 'free.ts', { version, resolution, module })).toEqual([]);
    },
  );

  it('are wrong only where they name such a peer, and name just that', async () => {
    const errors = await errorsIn(consumer, 'bound.ts', { version: '7', resolution: 'nodenext', module: 'nodenext' });
    const missing = errors.map((error) => /Cannot find module '(.+?)'/.exec(error)?.[1] ?? error);
    expect([...new Set(missing)].toSorted()).toEqual(Object.values(BOUND).toSorted());
  });

  it('refuse what they do not allow', async () => {
    const errors = await errorsIn(consumer, 'mistaken.ts', { version: '7', resolution: 'bundler', module: 'esnext' });
    expect(errors).toEqual([expect.stringMatching(/^mistaken\.ts\(\d+,\d+\): error TS/)]);
  });
});

describe('the declarations of the installed package, where the peers are', () => {
  let consumer: Consumer;

  beforeAll(async () => {
    consumer = await installConsumer('types-peers');
    await writeFile(join(consumer.folder, 'all.ts'), importing(await subpathsOf(consumer)));
  });
  afterAll(() => consumer.remove());

  it.each(VERSIONS)('are right to TypeScript %s, whatever it says of those of others', async (version) => {
    const errors = await errorsIn(consumer, 'all.ts', { version, resolution: 'nodenext', module: 'nodenext' });
    expect(errors.filter((error) => /^(?:node_modules\/breakwater|all\.ts)/.test(error))).toEqual([]);
  });
});
