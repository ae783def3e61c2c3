import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type CliCommand, STATUSES } from '../../cli/command.ts';
import { dispatch } from '../../cli/dispatch.ts';
import { flagOf } from '../../cli/option.ts';
import { COMMAND_LINES, furnish, LEAVES } from '../support/command-world.ts';
import { realRedis } from '../support/every-store.ts';
import { projectRoot } from '../support/source-tree.ts';

const PEPPER = { kid: 'k1', secret: 'pepper-of-the-page' };

/** Of all objects in `value`, and in what they hold: the names of their fields, by the way to them. */
function shapeOf(value: unknown, at = ''): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((one) => shapeOf(one, `${at}[]`));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [`${at}.${name}`, ...shapeOf(inner, `${at}.${name}`)]);
}

describe('docs/cli.md', () => {
  const redis = realRedis();
  let page = '';
  /** By the usage in its heading. */
  const sections = new Map<string, string>();
  beforeAll(async () => {
    page = await readFile(join(projectRoot, 'docs/cli.md'), 'utf8');
    for (const section of page.split(/^#{2,3} /m)) {
      const [, usage] = /^`breakwater (.+)`\n/.exec(section) ?? [];
      if (usage !== undefined) sections.set(usage, section);
    }
  });

  /** What stands behind `breakwater` in the heading of a command. */
  const usageOf = (path: string, { positionals = [], options }: CliCommand) => {
    const required = Object.entries(options).filter(([, { isRequired }]) => isRequired);
    return [
      path,
      ...positionals.map(({ name, missing }) => (missing === undefined ? `[${name}]` : name)),
      ...required.map(([name, { placeholder }]) => `${flagOf(name)} <${placeholder}>`),
    ].join(' ');
  };
  const sectionOf = (path: string, command: CliCommand): string => sections.get(usageOf(path, command)) ?? '';

  it('has a section for each command, and for no other, in the order of help', () => {
    expect([...sections.keys()]).toEqual(LEAVES.map(([path, command]) => usageOf(path, command)));
  });

  it.each(LEAVES)('names all that %s takes, and nothing else', (path, command) => {
    const rows = [...sectionOf(path, command).matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name);
    expect(rows).toEqual([
      ...(command.positionals ?? []).map(({ name }) => name),
      ...Object.entries(command.options).map(([name, { placeholder }]) =>
        placeholder === undefined ? flagOf(name) : `${flagOf(name)} <${placeholder}>`,
      ),
    ]);
  });

  it.each(LEAVES)('says by which status %s ends', (path, command) => {
    const [, text = ''] = /^Exit status ([\s\S]*?)\n\n/m.exec(sectionOf(path, command)) ?? [];
    const said = text.replaceAll('\n', ' ').replace(/\.$/, '').split('; ').filter(Boolean);
    expect(said).toEqual(Object.entries(command.statuses ?? {}).map(([status, meaning]) => `${status}: ${meaning}`));
    for (const [status, meaning] of Object.entries(STATUSES)) expect(page).toContain(`| ${status} | ${meaning}`);
  });

  it.each(LEAVES)('shows the document that %s prints with --json, field by field', async (path, command) => {
    const key = await furnish(redis.store, PEPPER);
    const line = COMMAND_LINES[path]?.find((args) => args.includes('--json')) ?? [];
    const printed: string[] = [];
    const stop = new AbortController();
    // It serves until it is stopped.
    if (path === 'dev') stop.abort();
    const status = await dispatch([...path.split(' '), ...line], {
      print: (text) => printed.push(text),
      complain: (text) => expect.unreachable(text),
      readLine: async () => key,
      env: { REDIS_URL: redis.url, BREAKWATER_KEY_PEPPER: `${PEPPER.kid}:${PEPPER.secret}`, BREAKWATER_API_KEY: key },
      stop: stop.signal,
    });
    // What is given here is worth a warning.
    expect([status, printed.length]).toEqual([path === 'doctor' ? 1 : 0, 1]);
    const section = sectionOf(path, command);
    const [, example = ''] = /^```json\n([\s\S]*?)^```/m.exec(section) ?? [];
    const shown = new Set(shapeOf(JSON.parse(example)));
    const told = new Set(shapeOf(JSON.parse(printed.join())));
    expect([...told].filter((field) => !shown.has(field))).toEqual([]);
    // What may be absent is named so.
    const [, absent = ''] = /^((?:`\w+`(?:, | and )?)+) are absent/m.exec(section) ?? [];
    const missing = [...shown].filter(
      (field) => !told.has(field) && !absent.includes(`\`${field.split('.').at(-1)}\``),
    );
    expect(missing).toEqual([]);
  });
});
