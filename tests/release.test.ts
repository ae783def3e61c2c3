import { access, readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

interface Step {
  readonly uses?: string;
  readonly run?: string;
}

interface Workflow {
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<
    Record<string, { readonly permissions?: Readonly<Record<string, string>>; readonly steps: readonly Step[] }>
  >;
}

const FOLDER = '.github/workflows';
const names = await readdir(FOLDER);
const workflows = new Map(
  await Promise.all(
    names.map(async (name) => [name, parse(await readFile(`${FOLDER}/${name}`, 'utf8')) as Workflow] as const),
  ),
);
const { scripts } = JSON.parse(await readFile('package.json', 'utf8')) as { scripts: Record<string, string> };

describe.each([...workflows])('the workflow %s', (_, { jobs, permissions }) => {
  const steps = Object.values(jobs).flatMap((job) => job.steps);

  it('runs actions of others as they were when somebody looked at them: a tag may be moved', () => {
    for (const { uses } of steps) if (uses !== undefined) expect(uses).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
  });

  it('runs what there is', async () => {
    for (const { run = '' } of steps) {
      for (const [, script] of run.matchAll(/npm run ([\w:-]+)/g)) expect(Object.keys(scripts)).toContain(script);
      if (run.startsWith('.ci/')) await access(run);
    }
  });

  it('may write nothing unless a job says so', () => {
    expect(Object.values(permissions)).not.toContain('write');
  });
});

describe('a release', () => {
  const { version, publish } = workflows.get('release.yml')?.jobs ?? {};

  it('is published by a job that can prove where it was built, and can change nothing in the repository', () => {
    expect(publish?.permissions).toEqual({ contents: 'read', 'id-token': 'write' });
    expect(publish?.steps.map(({ run }) => run).join('\n')).toContain('npm publish --provenance');
  });

  it('is published after everything has held', () => {
    const commands = publish?.steps.map(({ run }) => run ?? '') ?? [];
    const tested = commands.indexOf('.ci/run');
    expect(tested).toBeGreaterThan(-1);
    expect(tested).toBeLessThan(commands.findIndex((command) => command.includes('npm publish')));
  });

  it('gets its version and its changelog from a job that cannot publish', () => {
    expect(version?.permissions).toEqual({ contents: 'write', 'pull-requests': 'write' });
  });
});
