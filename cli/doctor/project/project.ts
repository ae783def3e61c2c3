import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Environment, parseEnvFile } from '../environment/env-file.ts';
import { trackedFiles } from './git.ts';
import { withoutComments } from './matcher.ts';

/** The file that Next runs before every request. */
export interface DoorFile {
  /** From the project's folder. */
  readonly path: string;
  readonly text: string;
  readonly runtime: 'edge' | 'node';
}

export interface EnvFile {
  readonly name: string;
  readonly variables: Environment;
  /** Whether git has it. */
  readonly isTracked: boolean;
}

/** As much of a project's folder as checks look at. */
export interface Project {
  readonly folder: string;
  /** Whether it is an application of Next that uses Breakwater, or Breakwater's own. */
  readonly isOurs: boolean;
  readonly doors: readonly DoorFile[];
  /** The one that runs, where there is one. */
  readonly door: DoorFile | undefined;
  /** `src/`, where `app` or `pages` are in there. */
  readonly base: '' | 'src/';
  /** Whether there is anything under /api. */
  readonly hasApi: boolean;
  readonly envFiles: readonly EnvFile[];
  /** The cron job of ours that vercel.json calls. */
  readonly cronPath: string | undefined;
}

/** As of `pageExtensions`: Next runs no others. */
const EXTENSIONS = ['ts', 'js', 'tsx', 'jsx'];
const MAX_BYTES = 1_000_000;
const EXAMPLE = /example|sample|template|schema|dist$/i;

/** Reads what there is. Nothing in it fails for a folder that is no project. */
export async function readProject(folder: string): Promise<Project> {
  const manifest = (await readText(join(folder, 'package.json'))) ?? '';
  const isOurs = /"breakwater"/.test(manifest) && /"next"/.test(manifest);
  const doors = isOurs ? await readDoors(folder) : [];
  const inSource = (await isFolder(folder, 'src/app')) || (await isFolder(folder, 'src/pages'));
  const base = inSource && !(await isFolder(folder, 'app')) && !(await isFolder(folder, 'pages')) ? 'src/' : '';
  const apis = await Promise.all(['api', `${base}app/api`, `${base}pages/api`].map((path) => isFolder(folder, path)));
  return {
    folder,
    isOurs,
    doors,
    door: doors.find(({ path }) => path.startsWith('src/') === (base === 'src/')),
    base,
    hasApi: apis.includes(true),
    envFiles: await readEnvFiles(folder),
    cronPath: /"path"\s*:\s*"(\/api\/cron\/sync-usage)"/.exec((await readText(join(folder, 'vercel.json'))) ?? '')?.[1],
  };
}

async function readDoors(folder: string): Promise<readonly DoorFile[]> {
  const paths = ['', 'src/'].flatMap((base) =>
    ['middleware', 'proxy'].flatMap((name) => EXTENSIONS.map((extension) => `${base}${name}.${extension}`)),
  );
  const doors: DoorFile[] = [];
  for (const path of paths) {
    const text = await readText(join(folder, path));
    if (text === undefined) continue;
    const onNode = /(?:^|\/)proxy\.\w+$/.test(path) || /\bruntime\s*[:=]\s*['"]nodejs['"]/.test(withoutComments(text));
    doors.push({ path, text, runtime: onNode ? 'node' : 'edge' });
  }
  return doors;
}

async function readEnvFiles(folder: string): Promise<readonly EnvFile[]> {
  const all = await readdir(folder).catch(() => []);
  const names = all.filter((name) => /^\.env(?:\.[\w.-]+)?$/.test(name) && !EXAMPLE.test(name)).sort();
  const tracked = await trackedFiles(folder, names);
  const read = names.map(async (name) => {
    const variables = parseEnvFile((await readText(join(folder, name))) ?? '');
    return { name, variables, isTracked: tracked.has(name) };
  });
  return Promise.all(read);
}

/** `undefined` for what is not there, no file, or far too large for what it is. A pipe would be waited for without end. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    const found = await stat(path);
    return found.isFile() && found.size <= MAX_BYTES ? await readFile(path, 'utf8') : undefined;
  } catch {
    return undefined;
  }
}

export async function isFolder(folder: string, path: string): Promise<boolean> {
  return stat(join(folder, path)).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
