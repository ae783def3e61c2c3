import type { SourceTree } from '../source-tree.ts';
import { proseOf } from './markdown.ts';

/** A default that a table states. */
export interface StatedDefault {
  readonly option: string;
  readonly value: number;
  /** 1-based. */
  readonly line: number;
}

const FIELD = /\/\*\*(?<comment>(?:(?!\*\/)[\s\S])*?)\*\/\s*(?:readonly )?(?<name>\w+)\??:/g;
const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  minutes: 60_000,
  hours: 3_600_000,
  days: 86_400_000,
  KiB: 1_024,
  MiB: 1_048_576,
};

/** What `@default` says in numbers, by the option's name wherever it is one. */
export function documentedDefaults(tree: SourceTree): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, readonly number[]>();
  for (const [path, source] of tree) {
    if (!path.startsWith('lib/')) continue;
    for (const { groups: { comment = '', name = '' } = {} } of source.matchAll(FIELD)) {
      const value = numberIn(/@default\s+(?<text>\S.*)/.exec(comment)?.groups?.text ?? '');
      if (value !== undefined) found.set(name, [...(found.get(name) ?? []), value]);
    }
  }
  return found;
}

/** What tables with a column `default` say in numbers of the options in their first column. */
export function statedDefaults(markdown: string): readonly StatedDefault[] {
  const found: StatedDefault[] = [];
  let column = -1;
  for (const [index, content] of proseOf(markdown).split('\n').entries()) {
    const cells = content.trim().startsWith('|') ? content.trim().slice(1).split('|') : [];
    if (cells.length === 0) column = -1;
    else if (column < 0 && cells.some((cell) => cell.trim() === 'default'))
      column = cells.findIndex((cell) => cell.trim() === 'default');
    else if (column >= 0) {
      const options = [...(cells[0] ?? '').matchAll(/`(?<name>\w+)`/g)].map(({ groups }) => groups?.name ?? '');
      const values = options.length > 1 ? (cells[column] ?? '').split(', ') : [cells[column] ?? ''];
      for (const [at, option] of options.entries()) {
        const value = numberIn((values[at] ?? '').trim());
        if (value !== undefined) found.push({ option, value, line: index + 1 });
      }
    }
  }
  return found;
}

/** `30_000`, `30,000`, `30 s`, `16 MiB`; `undefined` for what begins with no number. */
function numberIn(text: string): number | undefined {
  const { digits, unit } = /^(?<digits>\d[\d_,]*(?:\.\d+)?)(?:\s(?<unit>[A-Za-z]+))?/.exec(text)?.groups ?? {};
  return digits === undefined ? undefined : Number(digits.replaceAll(/[_,]/g, '')) * (UNITS[unit ?? ''] ?? 1);
}
