import { describe, expect, it } from 'vitest';
import type { CommandIo } from '../../cli/command.ts';
import { COMMANDS } from '../../cli/commands.ts';
import { dispatch } from '../../cli/dispatch.ts';
import { flagOf } from '../../cli/option.ts';
import { LEAVES } from '../support/command-world.ts';

async function help(args: string, terminal?: CommandIo['terminal']): Promise<string> {
  const printed: string[] = [];
  const status = await dispatch([...args.split(' ').filter(Boolean), '--help'], {
    print: (line) => printed.push(line),
    complain: (line) => expect.unreachable(line),
    readLine: () => Promise.reject(new Error('standard input is read')),
    env: {},
    stop: new AbortController().signal,
    terminal,
  });
  expect([status, printed.length]).toEqual([0, 1]);
  return printed.join('\n');
}

/** Lines that are shown as they are typed. */
const isVerbatim = (line: string) => /^(?: {2}(?:#|breakwater) |Usage: |Help about)/.test(line);

describe('help', () => {
  it.each(LEAVES)('of %s names its arguments, options, variables and exit statuses', async (path, command) => {
    const said = await help(path);
    expect(said).toContain(`Usage: breakwater ${path}`);
    for (const { name } of command.positionals ?? []) expect(said).toMatch(new RegExp(`^  ${name} `, 'm'));
    for (const name of Object.keys(command.options)) expect(said).toMatch(new RegExp(`^  ${flagOf(name)}(?: |$)`, 'm'));
    for (const [name] of command.environment ?? []) expect(said).toMatch(new RegExp(`^  ${name} `, 'm'));
    for (const [status] of Object.entries({ 0: '', 2: '', ...command.statuses })) {
      expect(said).toMatch(new RegExp(`^  ${status}  \\S`, 'm'));
    }
  });

  it.each(LEAVES)('of %s has examples of options that there are', async (path, command) => {
    const known = new Set(Object.keys(command.options).map(flagOf));
    expect(command.examples.length).toBeGreaterThan(0);
    for (const [line] of command.examples) {
      expect(line.startsWith(path), line).toBe(true);
      for (const [flag] of line.matchAll(/--[a-z-]+/g)) expect(known, line).toContain(flag);
    }
  });

  it.each([['', ...COMMANDS.map(({ name }) => name)], LEAVES.map(([path]) => path)].flat())(
    'of “%s” is plain text that fits 80 columns where it goes to no terminal',
    async (path) => {
      const lines = (await help(path)).split('\n');
      for (const line of lines.filter((one) => !isVerbatim(one))) expect(line.length, line).toBeLessThanOrEqual(80);
      expect(lines.join()).not.toContain('\u001b');
    },
  );

  it('is as wide as the terminal, and no wider than can be read', async () => {
    const widest = async (columns: number) => {
      const lines = (await help('keys create', { columns, colours: false })).split('\n');
      return Math.max(...lines.filter((line) => !isVerbatim(line)).map(({ length }) => length));
    };
    expect(await widest(60)).toBeLessThanOrEqual(60);
    expect(await widest(90)).toBeLessThanOrEqual(90);
    expect(await widest(90)).toBeGreaterThan(80);
    expect(await widest(300)).toBeLessThanOrEqual(100);
    expect(await widest(300)).toBeGreaterThan(90);
  });

  it('has bold titles where the terminal shows colours, and there alone', async () => {
    expect(await help('dev', { columns: 80, colours: true })).toContain('\u001b[1mExamples:\u001b[22m');
    expect(await help('dev', { columns: 80, colours: false })).not.toContain('\u001b');
  });
});
