import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import type { FindingCode } from '../../cli/doctor/finding.ts';
import { type Environment, runCommand } from './command-run.ts';

/** An environment of production that nothing is said against. The Redis in it is nowhere. */
export const HEALTHY: Environment = {
  NODE_ENV: 'production',
  KV_REST_API_URL: 'https://nowhere.upstash.io',
  KV_REST_API_TOKEN: 'AXlaACQgMzRkY2Y0NzAtYjk2Yy00',
  BREAKWATER_KEY_PEPPER: 'p1:Kq7vNw2RzLt9XcBf5HsJd8GmPy3TuEaW',
  BREAKWATER_IDENTITY_SECRET: 'c9XvQm4LrT7yWz2KpNd8BfHs5JgUe3Ra',
  BREAKWATER_CODE_PEPPER: 'T2bYh8WnKx5RqLz7VcMd4GpJs9FuEa3B',
  BREAKWATER_SESSION_PEPPER: 'zR6mXw3QtNc8LpVb5YdKs2HjGf7UeA9T',
  CRON_SECRET: 'Lw5KzQ8nRx2TvBc7',
  CLIENT_IP_SOURCE: 'vercel',
};

/** Files of an application that nothing is said against. */
export const HEALTHY_FILES: Readonly<Record<string, string>> = {
  'package.json': '{ "dependencies": { "breakwater": "*", "next": "*" } }',
  'middleware.ts': "export const config = { matcher: ['/api/:path*'] };",
  'app/api/hello/route.ts': '',
  'vercel.json': '{ "crons": [{ "path": "/api/cron/sync-usage", "schedule": "0 * * * *" }] }',
};

const { 'middleware.ts': door = '', ...others } = HEALTHY_FILES;
/** The same application on Node, where TCP is no question. */
export const ON_NODE: Readonly<Record<string, string>> = { ...others, 'proxy.ts': door };

export interface Diagnosis {
  readonly status: number;
  /** In the order in which they are told. */
  readonly codes: readonly FindingCode[];
  readonly report: {
    readonly status: string;
    readonly checks: readonly {
      readonly name: string;
      readonly status: string;
      readonly summary?: string;
      readonly findings: readonly { readonly code: FindingCode; readonly what: string; readonly fix: string }[];
    }[];
    readonly cost: { readonly requests: number; readonly commands: number };
  };
}

/** What `breakwater doctor --json` says in this environment. */
export async function diagnose(env: Environment, args: readonly string[] = []): Promise<Diagnosis> {
  const { status, printed, complaints } = await runCommand('doctor', ['--json', ...args], env);
  if (printed.length !== 1) throw new Error(`There is no report: ${complaints.join()}`);
  const report: Diagnosis['report'] = JSON.parse(printed[0] ?? '');
  return { status, codes: report.checks.flatMap(({ findings }) => findings.map(({ code }) => code)), report };
}

type Files = Readonly<Record<string, string | undefined>>;

/** A folder of the calling test with these files. `tracked` are added to a repository of its own. */
export async function projectFolder(files: Files, tracked: readonly string[] = []): Promise<string> {
  const folder = await makeProject(files, tracked);
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A folder of the calling suite, of an application on Node that nothing is said against. */
export function healthyProject(): { readonly folder: string } {
  let folder = '';
  beforeAll(async () => {
    folder = await makeProject(ON_NODE, []);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return {
    get folder() {
      return folder;
    },
  };
}

async function makeProject(files: Files, tracked: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'breakwater-doctor-'));
  for (const [path, text] of Object.entries(files)) {
    if (text === undefined) continue;
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  const git = (...args: string[]) => execFileSync('git', args, { cwd: folder, stdio: 'ignore' });
  if (tracked.length > 0) {
    git('init', '-q');
    git('add', '-f', ...tracked);
  }
  return folder;
}

/** `env` with some variables set otherwise; those that are `undefined` are not there. */
export function changed(env: Environment, changes: Readonly<Record<string, string | undefined>>): Environment {
  const all = Object.entries({ ...env, ...changes });
  return Object.fromEntries(all.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}
