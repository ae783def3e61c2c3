import type { CliCommand, CommandGroup } from '../../../cli/command.ts';
import { flagOf } from '../../../cli/option.ts';
import { createProgram } from '../../../cli/program.ts';

/** What the commands of documents may call. */
export interface Callable {
  /** `npm run …` */
  readonly scripts: ReadonlySet<string>;
  /** `npm run bench -- …` */
  readonly benches: ReadonlySet<string>;
  /** `npx …`, without installing anything. */
  readonly binaries: ReadonlySet<string>;
  /** `npx breakwater …` */
  readonly commands: readonly (CliCommand | CommandGroup)[];
  /** `vitest --project …` */
  readonly projects: ReadonlySet<string>;
  exists(path: string): boolean;
  /** Whether `api/` answers it. */
  serves(method: string, path: string): boolean;
}

const NPM_ITSELF = new Set(['ci', 'install', 'i', 'uninstall', 'pack', 'publish', 'exec', 'init', 'create']);
/** What everybody has, and what others tell of. */
const OF_OTHERS = new Set([
  ...['cat', 'cd', 'cp', 'echo', 'export', 'mkdir', 'printf', 'seq', 'sleep'],
  ...['docker', 'git', 'jq', 'openssl', 'psql', 'redis-cli'],
]);
/** What npx may fetch. */
const FETCHED = new Set(['create-next-app', 'create-next-app@latest', 'tsx']);
/** What stands for a reader's own word: `<name>`, `NAME`, `…`. */
const PLACEHOLDER = /^<.*>$|…|^\[/;

/**
 * What is wrong with a command; `undefined` where nothing is. `whole` commands are as they are typed: what they give to
 * `breakwater` is parsed. Others may leave something out, but name nothing that is not there.
 */
export async function complaintAbout(
  [program = '', ...args]: readonly string[],
  callable: Callable,
  whole: boolean,
): Promise<string | undefined> {
  if (program === 'npm') return aboutNpm(args, callable);
  if (program === 'npx') return aboutNpx(args, callable, whole);
  if (program === 'breakwater') return aboutBreakwater(args, callable, whole);
  if (program === 'node') return aboutNode(args, callable, whole);
  if (program === 'curl') return aboutCurl(args, callable);
  if (OF_OTHERS.has(program)) return undefined;
  if (program.includes('/')) return callable.exists(program) ? undefined : `${program} does not exist`;
  return `nothing checks ${program}: say in tests/support/docs/commands.ts how, or that it is of others`;
}

function aboutNpm(args: readonly string[], { scripts, benches }: Callable): string | undefined {
  const [verb = '', ...rest] = args[0] === '--prefix' ? ['ci'] : args;
  if (NPM_ITSELF.has(verb)) return undefined;
  const [name = '', ...given] = verb === 'run' ? rest.filter((word) => word !== '--silent' && word !== '-s') : [verb];
  if (name !== '' && !scripts.has(name)) return `package.json has no script ${name}`;
  const unknown = given.find((word) => !word.startsWith('-') && !PLACEHOLDER.test(word) && !benches.has(word));
  return name === 'bench' && unknown !== undefined ? `there is no benchmark ${unknown}` : undefined;
}

function aboutNpx(
  args: readonly string[],
  callable: Callable,
  whole: boolean,
): Promise<string | undefined> | string | undefined {
  const [name = '', ...rest] = args.filter((word) => word !== '-y' && word !== '--yes');
  if (name === 'breakwater') return aboutBreakwater(rest, callable, whole);
  if (!callable.binaries.has(name) && !FETCHED.has(name))
    return `npx finds no ${name} here; what it is to fetch is listed in tests/support/docs/commands.ts`;
  if (name !== 'vitest') return undefined;
  const project = rest[rest.indexOf('--project') + 1] ?? '';
  if (rest.includes('--project') && !callable.projects.has(project)) return `vitest has no project ${project}`;
  const missing = rest.find((word) => word.startsWith('tests/') && !callable.exists(word));
  return missing === undefined ? undefined : `${missing} does not exist`;
}

function aboutNode(
  args: readonly string[],
  callable: Callable,
  whole: boolean,
): Promise<string | undefined> | string | undefined {
  const [path = '', ...rest] = args.slice(args.findIndex((word) => !word.startsWith('-')));
  if (path === 'node_modules/.bin/breakwater') return aboutBreakwater(rest, callable, whole);
  // Without a folder it is the reader's own.
  if (!path.includes('/')) return undefined;
  const source = path.replace(/^dist\/(.*)\.js$/, '$1.ts');
  return callable.exists(source) ? undefined : `${source} does not exist`;
}

async function aboutBreakwater(
  args: readonly string[],
  { commands }: Callable,
  whole: boolean,
): Promise<string | undefined> {
  if (whole) return complaintOfParser(args, commands);
  const [name = '', word = ''] = args;
  if (name === '' || name.startsWith('-') || PLACEHOLDER.test(name)) return undefined;
  const found = commands.find((one) => one.name === name);
  if (!found) return `breakwater has no command ${name}`;
  const isGroup = 'commands' in found;
  if (isGroup && (word === '' || word.startsWith('-'))) return undefined;
  const command = isGroup ? found.commands.find((one) => one.name === word) : found;
  if (!command) return `breakwater ${name} has no command ${word}`;
  const flags = new Set(['--help', '-h', ...Object.keys(command.options).map(flagOf)]);
  const unknown = args
    .map((one) => one.replace(/[[\]]/g, '').replace(/=.*$/, ''))
    .find((one) => /^--?[a-z]/.test(one) && !flags.has(one));
  return unknown === undefined ? undefined : `breakwater ${name} has no option ${unknown}`;
}

/** Parses as the program does, and does nothing. */
async function complaintOfParser(args: readonly string[], commands: Callable['commands']): Promise<string | undefined> {
  const idle = (command: CliCommand): CliCommand => ({ ...command, run: async () => 0 });
  const program = createProgram({
    sections: [
      ['', commands.map((one) => ('commands' in one ? { ...one, commands: one.commands.map(idle) } : idle(one)))],
    ],
    io: {
      print: () => undefined,
      complain: () => undefined,
      readLine: async () => '',
      env: {},
      stop: new AbortController().signal,
    },
    args,
    entered: () => undefined,
    ended: () => undefined,
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return undefined;
  } catch (error) {
    if (error instanceof Error && 'exitCode' in error && error.exitCode === 0) return undefined;
    return `breakwater ${args.join(' ')}: ${error instanceof Error ? error.message : error}`;
  }
}

function aboutCurl(args: readonly string[], { serves }: Callable): string | undefined {
  const url = args.find((word) => /^(?:https?:\/\/|\$|localhost|127\.)/.test(word)) ?? '';
  const path = /^(?:https?:\/\/)?[^/]+(?<path>\/[^?]*)/.exec(url)?.groups?.path ?? '/';
  const bodyAt = args.findIndex((word) => word === '-d' || word === '--data' || word === '--json');
  const method = args[args.findIndex((word) => word === '-X' || word === '--request') + 1];
  const asked = method !== undefined && /^[A-Z]+$/.test(method) ? method : bodyAt < 0 ? 'GET' : 'POST';
  if (path.startsWith('/api/') && !serves(asked, path)) return `nothing in api/ answers ${asked} ${path}`;
  const body = bodyAt < 0 ? undefined : args[bodyAt + 1];
  try {
    if (body?.startsWith('{')) JSON.parse(body);
    return undefined;
  } catch {
    return `the body is no JSON: ${body}`;
  }
}
