import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { type RunningProcess, runBounded, startBounded } from './bounded-process.ts';
import { projectRoot } from './source-tree.ts';

/** A project of its own, outside of this one, that has installed the packed package and what its lock file says. */
export interface Consumer {
  readonly folder: string;
  /** Runs a program of the project to its end. @returns its standard output */
  run(command: string, args: readonly string[], env?: Readonly<Record<string, string>>): Promise<string>;
  /** Starts one, and waits until its output holds `ready`. */
  start(
    command: string,
    args: readonly string[],
    options: { readonly ready: RegExp; readonly env?: Readonly<Record<string, string>> },
  ): Promise<RunningProcess>;
  remove(): Promise<void>;
}

/** What a command of npm, or a build, may take on a busy machine. */
const COMMAND_MS = 180_000;
const START_MS = 60_000;
const QUIETLY = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'];

/**
 * Copies templates of `tests/consumers` over each other into a temporary folder, and installs there what their lock file
 * says, then the packed package.
 */
export async function installConsumer(...templates: readonly string[]): Promise<Consumer> {
  const folder = await mkdtemp(join(tmpdir(), `breakwater-${templates.at(-1)}-`));
  const remove = () => rm(folder, { recursive: true, force: true });
  const run: Consumer['run'] = (command, args, env) =>
    runBounded(command, args, { cwd: folder, env, withinMs: COMMAND_MS });
  try {
    for (const name of templates) {
      await cp(join(projectRoot, 'tests/consumers', name), folder, {
        recursive: true,
        filter: (path) => !/[\\/](?:node_modules|\.next)$/.test(path),
      });
    }
    await run('npm', ['ci', ...QUIETLY]);
    await run('npm', ['install', '--no-save', ...QUIETLY, inject('tarball')]);
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    folder,
    run,
    start: (command, args, { ready, env }) =>
      startBounded(command, args, { cwd: folder, env, ready, withinMs: START_MS }),
    remove,
  };
}
