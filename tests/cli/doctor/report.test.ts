import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { dispatch } from '../../../cli/dispatch.ts';
import { KNOWN_VARIABLES } from '../../../cli/doctor/environment/known-variables.ts';
import { FINDINGS, finding, ok, type Said, skipped } from '../../../cli/doctor/finding.ts';
import { printReport, statusOf, toJson } from '../../../cli/doctor/report.ts';
import { runCommand } from '../../support/command-run.ts';
import { changed, diagnose, HEALTHY, HEALTHY_FILES, projectFolder } from '../../support/doctor-run.ts';
import { freePort } from '../../support/redis-server.ts';
import { createSecretScanner } from '../../support/secret-scanner.ts';

describe('the page about doctor', () => {
  it('has a section for each finding, which says how bad it is, and for no other', async () => {
    const page = await readFile(join(import.meta.dirname, '../../../docs/doctor.md'), 'utf8');
    const told = [...page.matchAll(/^### `([\w-]+)`\n\n(Problem|Warning|Note)\. /gm)];
    expect(Object.fromEntries(told.map(([, code, level]) => [code, level?.toLowerCase()]))).toEqual(FINDINGS);
    expect(told).toHaveLength(page.match(/^### /gm)?.length ?? 0);
  });
});

const CHECKS = (said: readonly Said[]) => [{ name: 'store', group: 'Environment' as const, said }];
const COST = { requests: 2, commands: 1 };

function printed(said: readonly Said[], terminal?: { columns: number; colours: boolean }): readonly string[] {
  const lines: string[] = [];
  const io = {
    ...{ print: (line: string) => void lines.push(line), complain: () => undefined, terminal },
    ...{ readLine: () => Promise.reject(), env: {}, stop: new AbortController().signal },
  };
  printReport({ checks: CHECKS(said), cost: COST }, io);
  return lines;
}

const TROUBLE = finding(
  'no-redis',
  'No Redis is named, which is worth a long sentence that goes on',
  'Name one',
  'npx it',
);

describe('a report', () => {
  it('says each check in a line, and below a finding what to do about it', () => {
    expect(printed([ok('well')])).toEqual([
      ...['Environment', '  ✓ ok       store  well', '', 'Nothing found.', 'Redis was asked 2 times, with 1 command.'],
    ]);
    expect(printed([TROUBLE]).slice(1, 7)).toEqual([
      '  · note     store  No Redis is named, which is worth a long sentence that',
      '                    goes on',
      '                    → Name one',
      '                      npx it',
      '                      docs/doctor.md#no-redis',
      '',
    ]);
    expect(printed([skipped('not asked')])[1]).toBe('  - skipped  store  not asked');
  });

  it('stays within a narrow terminal, but for what is to be copied', () => {
    const lines = printed([TROUBLE], { columns: 42, colours: false });
    expect(lines.slice(1, 5)).toEqual([
      '  · note     store',
      '    No Redis is named, which is worth a',
      '    long sentence that goes on',
      '    → Name one',
    ]);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(42);
  });

  it('has colours on a terminal that wants them, and says the same in words', () => {
    const lines = printed([TROUBLE], { columns: 80, colours: true });
    expect(lines[1]).toBe(`  \u001b[36m· note\u001b[39m     store  ${TROUBLE.what.slice(0, -8)}`);
    expect(stripVTControlCharacters(lines.join('\n'))).toBe(printed([TROUBLE]).join('\n'));
  });

  it('obeys nobody who has named something', () => {
    const said = [finding('no-redis', 'it\u001b[2J', 'do\u0007', '\u202e')];
    expect(printed(said).join('\n')).toContain('it\\u{1b}[2J');
    const all = `${printed(said)}${toJson({ checks: CHECKS(said), cost: COST })}`;
    expect(['\u001b', '\u0007', '\u202e'].filter((obeyed) => all.includes(obeyed))).toEqual([]);
  });

  it('is as bad as the worst that was found', () => {
    const warning = finding('clock-skew', '', '');
    const problem = finding('replica', '', '');
    expect(
      [[], [TROUBLE], [warning, TROUBLE], [TROUBLE, problem, warning]].map((said) => statusOf(CHECKS(said))),
    ).toEqual([...['ok', 'note', 'warning', 'problem']]);
  });
});

describe('breakwater doctor', () => {
  it('prints no value of any variable, whatever is wrong with it', async () => {
    const folder = await projectFolder(HEALTHY_FILES);
    const text = 'Zq9XwV7uTs5RnPmL';
    const own = Object.entries(HEALTHY).filter(([name]) => /SECRET|PEPPER|_TOKEN$/.test(name));
    const scan = createSecretScanner([{ name: 'value', text }, ...own.map(([name, value]) => ({ name, text: value }))]);
    const names = [...KNOWN_VARIABLES, 'BREAKWATER_MIGRATION_X', 'NEXT_PUBLIC_CRON_SECRET', 'KV_REST_API_TOKEM'];
    const forms = [text, `redis://me:${text}@localhost:1/${text}`];
    const more = [`"${text}"`, `${text} ${text}`, `https://me:${text}@${text}.example/${text}`];
    const environments = [
      ...names.flatMap((name) => forms.map((form) => ({ [name]: form }))),
      ...[...forms, ...more].map((form) => Object.fromEntries(names.map((name) => [name, form]))),
    ];
    for (const [index, env] of environments.entries()) {
      const args = ['--offline', '--project', folder, ...(index % 3 === 0 ? ['--json'] : [])];
      const { printed: out, complaints } = await runCommand('doctor', args, changed(HEALTHY, env));
      expect(out.length).toBeGreaterThan(0);
      expect(scan([{ place: JSON.stringify(env), content: [...out, ...complaints].join('\n') }])).toEqual([]);
    }
  });

  it('prints no host and no credentials when it cannot connect', async () => {
    const env = changed(HEALTHY, {
      ...{ KV_REST_API_URL: undefined, KV_REST_API_TOKEN: undefined, NEXT_PUBLIC_X: HEALTHY.CRON_SECRET },
      REDIS_URL: `redis://somebody:Zq9XwV7uTs5RnPmL@127.0.0.1:${await freePort()}`,
    });
    const { printed: out, status } = await runCommand('doctor', ['--project', await projectFolder({})], env);
    expect(status).toBe(1);
    expect(out.join('\n')).not.toMatch(/somebody|Zq9X|127\.0\.0\.1|Lw5K/);
  });

  it('says on a terminal what it looks at, and stops when it is asked to', async () => {
    const shown: string[] = [];
    const stop = new AbortController();
    const lines: string[] = [];
    const status = await dispatch(['doctor', '--project', await projectFolder({})], {
      ...{ print: (line) => lines.push(line), complain: (line) => lines.push(line) },
      readLine: () => Promise.reject(new Error('standard input is read')),
      progress: (line) => {
        shown.push(line);
        if (line.includes('connection')) stop.abort();
      },
      env: changed(HEALTHY, { KV_REST_API_URL: `http://127.0.0.1:${await freePort()}` }),
      stop: stop.signal,
    });
    expect(shown).toEqual(['Looking at environment …', 'Looking at connection …', '', '']);
    expect({ status, lines }).toEqual({ status: 1, lines: ['Stopped'] });
  });

  it.each([
    ['an argument', ['more']],
    ['an option that is not there', ['--nothing']],
    ['a file that is not there', ['--env', '/nowhere/.env']],
    ['a folder that is not there', ['--offline', '--project', '/nowhere/app']],
  ])('refuses %s with status 2', async (_, args) => {
    const { status, printed: out } = await runCommand('doctor', args, {});
    expect({ status, out }).toEqual({ status: 2, out: [] });
  });

  it('asks Redis nothing when it is to leave it alone', async () => {
    const { report } = await diagnose(HEALTHY, ['--offline', '--project', await projectFolder({})]);
    expect(report.cost).toEqual({ requests: 0, commands: 0 });
    expect(report.checks.at(-1)).toMatchObject({
      name: 'reachable',
      status: 'skipped',
      summary: 'not asked: --offline',
    });
  });
});
