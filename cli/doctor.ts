import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CliCommand, declareCommand } from './command.ts';
import type { DoctorContext } from './doctor/check.ts';
import { type Environment, parseEnvFile } from './doctor/environment/env-file.ts';
import { readAll } from './doctor/environment/reading.ts';
import { examine } from './doctor/examination.ts';
import { isFolder, readProject } from './doctor/project/project.ts';
import { printReport, statusOf, toJson } from './doctor/report.ts';
import { Failure } from './failure.ts';
import { flag, JSON_OPTION, text, texts } from './option.ts';
import { REDIS_ENVIRONMENT } from './redis-environment.ts';

/** Finds what is set wrongly, and says what to do about it. */
export const doctor: CliCommand = declareCommand({
  name: 'doctor',
  summary: 'Find what is set wrongly, and say what to do about it',
  description:
    'Looks at the environment, at the project and at the Redis that is named, and says what to do about what is not as it should be. In Redis it writes keys of its own, which it deletes. It prints no secret, and ends within ten seconds. docs/doctor.md has a section on each finding.',
  options: {
    env: texts('file', 'also the variables of this file, as of .env.local; those of the environment come first'),
    project: text('folder', 'of the application; the current one without it'),
    production: flag('judge as in production, also where NODE_ENV does not say so'),
    offline: flag('leave Redis alone: environment and project only'),
    strict: flag('fail for warnings too'),
    json: JSON_OPTION,
  },
  examples: [
    ['doctor', 'the environment and the project of here'],
    ['doctor --env .env.local', 'with the variables that Next reads from there'],
    ['doctor --production --strict --json', 'before a deployment, for a program'],
  ],
  environment: REDIS_ENVIRONMENT,
  statuses: {
    0: 'nothing worse than a warning, or than a note with --strict',
    1: 'a problem, or with --strict a warning',
    2: 'wrong arguments',
  },
  async run({ options }, io) {
    const given = await readEnvironment(options.env, io.env);
    const folder = resolve(options.project ?? '.');
    if (!(await isFolder(folder, '.'))) throw new Failure(2, '--project must name a folder');
    const context = await createContext(given, folder, options.production);
    const { offline } = options;
    const onProgress = (what: string): void => io.progress?.(what === '' ? '' : `Looking at ${what} …`);
    const examination = await examine(context, { offline, stop: io.stop, onProgress });
    onProgress('');
    if (io.stop.aborted) throw new Failure(1, 'Stopped');
    if (options.json) io.print(toJson(examination));
    else printReport(examination, io);
    const status = statusOf(examination.checks);
    return status === 'problem' || (options.strict && status === 'warning') ? 1 : 0;
  },
});

/** Of several files the first that names a variable counts. */
async function readEnvironment(paths: readonly string[], own: Environment): Promise<Environment> {
  const files = await Promise.all(
    paths.map((path) =>
      readFile(path, 'utf8').then(
        (text) => parseEnvFile(text, own),
        () => {
          throw new Failure(2, '--env must name a file that can be read');
        },
      ),
    ),
  );
  return Object.assign({}, ...files.reverse(), own);
}

async function createContext(given: Environment, folder: string, production: boolean): Promise<DoctorContext> {
  const reading = readAll(given);
  return {
    ...reading,
    given,
    read: (name) => reading.env[name]?.trim() || undefined,
    production: production || reading.settings.production,
    project: await readProject(folder),
    packageFolder: dirname(fileURLToPath(import.meta.url)),
    nodeVersion: process.versions.node,
    now: Date.now,
  };
}
