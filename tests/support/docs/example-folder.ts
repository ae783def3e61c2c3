import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { projectRoot } from '../source-tree.ts';
import type { ExampleOrder, ExampleRun } from './example-process.ts';
import { type ExampleProgram, GIVEN } from './example-program.ts';

/** The examples as a project of their own, below the folder whose packages they find. */
export interface ExampleFolder {
  /** What the compiler has to say, by the line of the document: nothing, if all is well. */
  compile(): Promise<readonly string[]>;
  /** Runs these examples one after the other in one process, and says what went wrong. */
  run(programs: readonly ExampleProgram[], env: Readonly<Record<string, string>>): Promise<readonly string[]>;
  remove(): Promise<void>;
}

export interface ExampleFolderOptions {
  readonly programs: readonly ExampleProgram[];
  /** The package's subpaths, and their source files from the project's root. */
  readonly modules: ReadonlyMap<string, string>;
  /** What is put in the place of addresses: that of a server of the tests for one of the reader's. */
  readonly servers: Readonly<Record<string, string>>;
  /** @default the project's root */
  readonly below?: string | undefined;
}

/** What examples import as `./kv.ts` or `./kv.mjs`: the reader's own client. */
const KV_MODULE = `export { kv } from '${GIVEN}';\n`;
const GIVEN_FILE = 'tests/docs/given.ts';
const PROCESS = join(projectRoot, 'tests/support/docs/example-process.ts');
const PATIENT_CLOCK = join(projectRoot, 'tests/support/docs/patient-clock.ts');
/** Examples have their own limit: this one is for what does not let go of the processor. */
const LONGEST_MS = 110_000;
const DIAGNOSTIC = /^(?<file>[^(\n]+)\((?<line>\d+),\d+\): error (?<code>TS\d+): (?<message>.*)$/gm;
const UNKNOWN_NAME = new Set(['TS2304', 'TS2552', 'TS18004']);
const ADVICE = " Import or declare it in the example; what is the reader's own is given in tests/docs/given.ts";
/** What JavaScript may leave out: the type of a parameter. */
const ONLY_TYPESCRIPT = new Set(['TS7006', 'TS7031']);

export async function makeExampleFolder(options: ExampleFolderOptions): Promise<ExampleFolder> {
  const { programs, modules, servers, below = projectRoot } = options;
  const folder = await mkdtemp(join(below, '.examples-'));
  const files = new Map(programs.map((program) => [fileOf(program), program]));
  const paths = [...modules, [GIVEN, GIVEN_FILE] as const].map(
    ([name, path]) => [name, join(projectRoot, path)] as const,
  );
  await Promise.all([
    ...[...files].map(([file, { text }]) => writeFile(join(folder, file), withServers(text, servers))),
    ...['kv.ts', 'kv.mts'].map((file) => writeFile(join(folder, file), KV_MODULE)),
    writeFile(join(folder, 'tsconfig.json'), JSON.stringify(compilerOptions(paths))),
  ]);

  return {
    async compile() {
      const printed = await outputOf(join(projectRoot, 'node_modules/.bin/tsc'), ['-p', folder], folder);
      const diagnostics = [...printed.matchAll(DIAGNOSTIC)].map(({ groups = {} }) => groups);
      if (diagnostics.length === 0 && printed !== '') return [printed];
      return diagnostics.flatMap(({ file = '', line = '', code = '', message = '' }) => {
        const program = files.get(file);
        if (!program) return [`${file}:${line}: ${message} (${code})`];
        if (ONLY_TYPESCRIPT.has(code) && isOfJavaScript(program, Number(line))) return [];
        return [`${placeOf(program, Number(line))}: ${message} (${code})${UNKNOWN_NAME.has(code) ? ADVICE : ''}`];
      });
    },

    async run(wanted, env) {
      const out = join(folder, 'run');
      await build({
        entryPoints: [
          ...wanted.map((program) => ({ in: join(folder, fileOf(program)), out: nameOf(program) })),
          { in: PROCESS, out: 'process' },
        ],
        outdir: out,
        bundle: true,
        splitting: true,
        format: 'esm',
        platform: 'node',
        target: 'node20',
        jsx: 'automatic',
        packages: 'external',
        logLevel: 'silent',
        plugins: [sources(new Map(paths))],
      });
      const orders = wanted.map(
        (program): ExampleOrder => ({ name: program.group.name, file: join(out, `${nameOf(program)}.js`) }),
      );
      const runs = await inProcess(join(out, 'process.js'), orders, env);
      return wanted.flatMap((program) => complaintsOf(program, runs));
    },

    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** A server of the reader's own listens on loopback here, on any port that is free. */
function withServers(text: string, servers: ExampleFolderOptions['servers']): string {
  return Object.entries(servers)
    .reduce((changed, [reader, test]) => changed.replaceAll(reader, test), text)
    .replaceAll(/\.listen\(\d+/g, ".listen(0, '127.0.0.1'")
    .replaceAll(/\bport: \d+/g, "hostname: '127.0.0.1', port: 0");
}

function compilerOptions(paths: readonly (readonly [string, string])[]) {
  return {
    extends: join(projectRoot, 'tsconfig.json'),
    compilerOptions: {
      incremental: false,
      plugins: [],
      types: ['node'],
      paths: Object.fromEntries(paths.map(([name, path]) => [name, [path]])),
    },
    include: ['./*.ts', './*.tsx', join(projectRoot, 'lib/**/*.d.ts')],
    exclude: [],
  };
}

/** `breakwater/kv` is the source that a user's import would end at. The clock is a patient one. */
const sources = (paths: ReadonlyMap<string, string>): Plugin => ({
  name: 'breakwater',
  setup(bundler) {
    bundler.onResolve({ filter: /\/clock\.ts$/ }, ({ path, importer }) =>
      importer !== PATIENT_CLOCK && resolve(dirname(importer), path) === join(projectRoot, 'lib/clock.ts')
        ? { path: PATIENT_CLOCK }
        : undefined,
    );
    bundler.onResolve({ filter: /^[a-z@]/ }, ({ path }) => {
      const target = paths.get(path);
      return target === undefined ? undefined : { path: target };
    });
  },
});

function fileOf(program: ExampleProgram): string {
  const isJsx = program.group.blocks.some(({ language }) => language === 'tsx');
  return `${nameOf(program)}.${isJsx ? 'tsx' : 'ts'}`;
}

const nameOf = ({ group }: ExampleProgram): string => group.name.replaceAll(/\W+/g, '_');

function placeOf({ group, lines }: ExampleProgram, line: number): string {
  return `${group.path}:${lines.get(line) ?? `(line ${line} of its module)`}`;
}

function isOfJavaScript({ group, lines }: ExampleProgram, line: number): boolean {
  const place = lines.get(line) ?? 0;
  const block = group.blocks.findLast((candidate) => candidate.line <= place);
  return block?.language === 'js';
}

/** What a program prints, also where it fails. */
function outputOf(program: string, args: readonly string[], cwd: string): Promise<string> {
  return new Promise((resolve) => {
    execFile(program, args, { cwd, maxBuffer: 16_777_216 }, (_, printed, complained) => resolve(printed + complained));
  });
}

async function inProcess(
  program: string,
  orders: readonly ExampleOrder[],
  env: Readonly<Record<string, string>>,
): Promise<readonly ExampleRun[]> {
  const child = fork(program, {
    env: { NODE_ENV: 'test', PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit');
  const answered = once(child, 'message');
  const hung = setTimeout(() => child.kill('SIGKILL'), LONGEST_MS);
  child.send([...orders]);
  const [runs] = await Promise.race([answered, ended.then(() => [[]])]);
  await ended;
  clearTimeout(hung);
  return runs as readonly ExampleRun[];
}

function complaintsOf({ group }: ExampleProgram, runs: readonly ExampleRun[]): readonly string[] {
  const run = runs.find(({ name }) => name === group.name);
  if (!run) return [`${group.name}: the process ended before it was over`];
  const last = run.reached.at(-1);
  if (run.error !== undefined) return [`${group.path}:${last ?? '?'}: ${run.error}`];
  const missed = group.blocks.find(({ line }) => !run.reached.includes(line));
  return missed ? [`${group.path}:${missed.line}: the example before it returned, so that this one did not run`] : [];
}
