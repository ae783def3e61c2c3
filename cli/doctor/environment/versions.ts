import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Check, DoctorContext } from '../check.ts';
import { type Finding, finding, ok } from '../finding.ts';
import { readText } from '../project/project.ts';

interface Manifest {
  readonly version?: string;
  readonly engines?: { readonly node?: string };
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** Node, and the packages that one feature or another needs. */
export const versionsCheck: Check = {
  name: 'versions',
  group: 'Environment',
  async run(context) {
    const { engines = {}, peerDependencies = {} } = createRequire(import.meta.url)(
      'breakwater/package.json',
    ) as Manifest;
    const peers = await Promise.all(
      Object.entries(peerDependencies).map(async ([name, range]) => ({
        ...{ name, range },
        version: await installedVersion(name, [context.project.folder, context.packageFolder]),
      })),
    );
    const findings = [
      ...node(context, engines.node ?? ''),
      ...missing(context, new Set(peers.filter(({ version }) => version !== undefined).map(({ name }) => name))),
      ...peers
        .filter(({ version, range }) => version !== undefined && !isWithin(version, range))
        .map(({ name, range, version }) => {
          const what = `${name} ${version} is installed, and Breakwater is made for ${range}`;
          return finding('peer-out-of-range', what, 'Install a newer one', `npm install ${name}@latest`);
        }),
    ];
    const found = peers.filter(({ version }) => version !== undefined).length;
    const all = `Node ${context.nodeVersion}, and ${found} of ${peers.length} optional packages`;
    return findings.length > 0 ? findings : [ok(all)];
  },
};

function node({ nodeVersion }: DoctorContext, range: string): readonly Finding[] {
  if (isWithin(nodeVersion, range)) return [];
  const what = `Node ${nodeVersion} runs this, and Breakwater is made for ${range}`;
  return [finding('node-too-old', what, 'Install a Node that is still maintained: https://nodejs.org')];
}

function missing({ settings, read, project }: DoctorContext, installed: ReadonlySet<string>): readonly Finding[] {
  const wanted = [
    ...(settings.store.kind === 'redis' ? [['ioredis', 'Redis by TCP']] : []),
    // By itself it may be another library's, which brings its own driver.
    ...(project.cronPath !== undefined && /^postgres/.test(read('DATABASE_URL') ?? '') ? [['pg', 'DATABASE_URL']] : []),
  ];
  return wanted
    .filter(([name = '']) => !installed.has(name))
    .map(([name, why]) =>
      finding(
        'peer-missing',
        `${why} needs the package ${name}, which is not there`,
        'Install it',
        `npm install ${name}`,
      ),
    );
}

/** As Node would find it from the project, or from here. */
async function installedVersion(name: string, folders: readonly string[]): Promise<string | undefined> {
  for (const start of folders) {
    for (let at = start, above = ''; at !== above; above = at, at = dirname(at)) {
      const text = await readText(join(at, 'node_modules', name, 'package.json'));
      const version = /"version"\s*:\s*"(\d[\w.+-]{0,40})"/.exec(text ?? '')?.[1];
      if (version !== undefined) return version;
    }
  }
  return undefined;
}

/** Of ranges `>=` alone: package.json has no others. */
export function isWithin(version: string, range: string): boolean {
  const [have, want] = [version, range.replace(/^>=\s*/, '')].map((text) => text.split(/[.+-]/, 3).map(Number));
  for (let part = 0; part < (want?.length ?? 0); part += 1) {
    const more = (have?.[part] ?? 0) - (want?.[part] ?? 0);
    if (more !== 0) return more > 0;
  }
  return true;
}
