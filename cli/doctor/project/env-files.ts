import { join, relative } from 'node:path';
import type { Check, DoctorContext } from '../check.ts';
import type { Environment } from '../environment/env-file.ts';
import { KNOWN_VARIABLES, STORE_VARIABLES, secretsIn } from '../environment/known-variables.ts';
import { EXAMPLE_SECRET } from '../environment/secrets.ts';
import { type Finding, finding, ok } from '../finding.ts';
import type { Project } from './project.ts';

const PUBLIC = 'NEXT_PUBLIC_';
/** Shorter ones are found in anything. */
const MIN_SECRET = 8;
const LOCAL = /^[a-z]+:\/\/(?:[^@/]*@)?(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?(?:[/?]|$)/;
/** What a token opens. */
const PLACES: ReadonlyMap<string, string> = new Map([
  ['KV_REST_API_TOKEN', 'KV_REST_API_URL'],
  ['KV_REST_API_READ_ONLY_TOKEN', 'KV_REST_API_URL'],
  ['UPSTASH_REDIS_REST_TOKEN', 'UPSTASH_REDIS_REST_URL'],
]);

/** Secrets that leave the machine: with the repository, or with the pages. */
export const envFilesCheck: Check = {
  name: 'env files',
  group: 'Project',
  async run(context) {
    const { envFiles } = context.project;
    const findings = [...committed(context), ...published(context), ...unread(context)];
    if (findings.length > 0) return findings;
    return envFiles.length === 0 ? [] : [ok('no secret is in git, or in a variable for browsers')];
  },
};

function committed({ project }: DoctorContext): readonly Finding[] {
  return project.envFiles
    .filter(({ isTracked, variables }) => isTracked && secretsOf(variables).length > 0)
    .map(({ name, variables }) => {
      const names = Object.keys(variables).filter((variable) => realSecrets(variable, variables).length > 0);
      const what = `${name} is in git, with ${names.join(', ')}`;
      const fix = 'Take it out, put it into .gitignore, and make these secrets anew: the history keeps the old ones';
      return finding('env-file-in-git', what, fix, `git rm --cached ${pathOf(name, project)}`);
    });
}

function secretsOf(variables: Environment): readonly string[] {
  return KNOWN_VARIABLES.flatMap((name) => realSecrets(name, variables)).filter(({ length }) => length >= MIN_SECRET);
}

/** Without what opens nothing elsewhere: what is encrypted, kept by a vault, an example, or for this machine alone. */
function realSecrets(name: string, variables: Environment): readonly string[] {
  const [value = '', place] = [variables[name], variables[PLACES.get(name) ?? name]];
  if (/^(?:encrypted:|op:\/\/)/.test(value) || LOCAL.test(place ?? '')) return [];
  return secretsIn(name, value).filter((secret) => !EXAMPLE_SECRET.test(secret));
}

function published({ given, project: { envFiles } }: DoctorContext): readonly Finding[] {
  const places: readonly (readonly [string, Environment])[] = [
    ['the environment', given],
    ...envFiles.map(({ name, variables }) => [name, variables] as const),
  ];
  const secrets = new Set(places.flatMap(([, variables]) => secretsOf(variables)));
  return places.flatMap(([place, variables]) =>
    Object.keys(variables)
      .filter((name) => name.startsWith(PUBLIC))
      .filter((name) => {
        const value = variables[name] ?? '';
        const isNamed = secretsIn(name.slice(PUBLIC.length), value).length > 0;
        return isNamed || [...secrets].some((secret) => value.includes(secret));
      })
      .map((name) => {
        const what = `${name} in ${place} holds a secret, and Next puts it into what browsers load`;
        return finding(
          'public-secret',
          what,
          'Remove it, build again, and make the secret anew: it may have been read',
        );
      }),
  );
}

/** Commands see the environment alone, an application of Next its files too. */
function unread({ read, project }: DoctorContext): readonly Finding[] {
  const isSet = (variables: Environment) => [...STORE_VARIABLES].some((name) => variables[name]);
  if ([...STORE_VARIABLES].some((name) => read(name) !== undefined)) return [];
  const file = project.envFiles.find(({ variables }) => isSet(variables));
  if (!file) return [];
  const what = `${file.name} names a Redis, and was not read: this looked at the environment alone`;
  const path = pathOf(file.name, project);
  const where = path === file.name ? '' : ` --project ${pathOf('.', project)}`;
  return [finding('env-file-unread', what, 'Look again, with the file', `npx breakwater doctor${where} --env ${path}`)];
}

/** A file of the project as it is called from where the command was run, for a shell. */
function pathOf(name: string, { folder }: Project): string {
  const path = relative('', join(folder, name)) || '.';
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
