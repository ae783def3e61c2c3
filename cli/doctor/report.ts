import type { CommandIo } from '../command.ts';
import { json, visible } from '../printable.ts';
import type { Checked, Examination } from './examination.ts';
import { type Finding, isFinding, type Said, type Severity } from './finding.ts';

export type Status = 'ok' | Severity;

const ORDER: readonly Status[] = ['ok', 'note', 'warning', 'problem'];
const SIGNS: Readonly<Record<Said['level'], string>> = {
  ok: '✓ ok',
  skipped: '- skipped',
  note: '· note',
  warning: '! warning',
  problem: '✗ problem',
};
/** Beside the word, never in its place. */
const COLOURS: Readonly<Record<Said['level'], number>> = { ok: 32, skipped: 90, note: 36, warning: 33, problem: 31 };
const SIGN_WIDTH = 11;
const MAX_WIDTH = 100;
const MIN_WIDTH = 40;

/** What is worst of all that was found. */
export function statusOf(checks: readonly Checked[]): Status {
  const levels = findingsOf(checks).map(({ level }) => ORDER.indexOf(level));
  return ORDER[Math.max(0, ...levels)] ?? 'ok';
}

export function findingsOf(checks: readonly Checked[]): readonly Finding[] {
  return checks.flatMap(({ said }) => said.filter(isFinding));
}

/** The one document of `--json`; docs/doctor.md describes it. */
export function toJson({ checks, cost }: Examination): string {
  return json({
    status: statusOf(checks),
    counts: counts(checks),
    checks: checks
      .filter(({ said }) => said.length > 0)
      .map(({ name, group, said }) => ({
        ...{ name, group, status: levelOf(said) },
        ...(said.every(isFinding) ? {} : { summary: said[0]?.what }),
        findings: said.filter(isFinding),
      })),
    cost,
  });
}

/** A line for each check in its group, and under it what is to be done. */
export function printReport({ checks, cost }: Examination, io: CommandIo): void {
  const shown = checks.filter(({ said }) => said.length > 0);
  const nameWidth = Math.max(...shown.map(({ name }) => name.length)) + 2;
  const columns = Math.min(MAX_WIDTH, Math.max(MIN_WIDTH, io.terminal?.columns ?? 80));
  const colours = io.terminal?.colours ?? false;
  for (const group of new Set(shown.map((check) => check.group))) {
    io.print(group);
    for (const check of shown.filter((one) => one.group === group)) {
      for (const line of linesOf(check, { nameWidth, columns, colours })) io.print(line);
    }
    io.print('');
  }
  io.print(summaryOf(checks));
  const times = cost.requests === 1 ? 'once' : `${cost.requests} times`;
  if (cost.requests > 0) io.print(`Redis was asked ${times}, with ${plural(cost.commands, 'command')}.`);
}

interface Layout {
  readonly nameWidth: number;
  readonly columns: number;
  readonly colours: boolean;
}

function linesOf({ name, said }: Checked, { nameWidth, columns, colours }: Layout): readonly string[] {
  return said.flatMap((one) => {
    const head = `  ${SIGNS[one.level].padEnd(SIGN_WIDTH)}${name.padEnd(nameWidth)}`;
    const shown = colours
      ? head.replace(SIGNS[one.level], (sign) => `\u001b[${COLOURS[one.level]}m${sign}\u001b[39m`)
      : head;
    // Beside the name where there is room, under it where there is not.
    const isBeside = columns - head.length >= MIN_WIDTH;
    const indent = ' '.repeat(isBeside ? head.length : 4);
    const width = columns - indent.length - 2;
    const lines = wrapped(visible(one.what), width);
    if (isFinding(one)) {
      lines.push(...wrapped(visible(one.fix), width).map((line, index) => `${index === 0 ? '→' : ' '} ${line}`));
      // Whole, so that they can be copied.
      if (one.command !== undefined) lines.push(`  ${visible(one.command)}`);
      lines.push(`  ${one.docs}`);
    }
    const [first = '', ...others] = lines;
    const rest = others.map((line) => indent + line);
    return isBeside ? [shown + first, ...rest] : [shown.trimEnd(), indent + first, ...rest];
  });
}

/** At spaces; a word that is longer stands alone. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

function counts(checks: readonly Checked[]): Readonly<Record<Severity, number>> {
  const of = (level: Severity): number => findingsOf(checks).filter((one) => one.level === level).length;
  return { problem: of('problem'), warning: of('warning'), note: of('note') };
}

function summaryOf(checks: readonly Checked[]): string {
  const { problem, warning, note } = counts(checks);
  const parts = [plural(problem, 'problem'), plural(warning, 'warning'), plural(note, 'note')].filter(Boolean);
  return parts.length === 0 ? 'Nothing found.' : `${parts.join(', ')}.`;
}

function plural(count: number, word: string): string {
  return count === 0 ? '' : `${count} ${word}${count === 1 ? '' : 's'}`;
}

function levelOf(said: readonly Said[]): Said['level'] {
  const worst = [...ORDER].reverse().find((level) => said.some((one) => one.level === level));
  return worst ?? said[0]?.level ?? 'ok';
}
