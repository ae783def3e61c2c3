import type { Check, DoctorContext } from '../check.ts';
import { finding, ok } from '../finding.ts';
import { KNOWN_VARIABLES, OTHER_NAMES } from './known-variables.ts';

const OURS = /^BREAKWATER_/;
/** Of these others have variables too. */
const SHARED = /^(?:KV_|UPSTASH_|REDIS_|CLIENT_IP|TRUSTED_|ENABLE_REDIS|CRON_)/;
const MAX_DISTANCE = 2;
/** In a word so short two other letters make another word: REDIS_TTL is not REDIS_URL. */
const SHORT = 5;

/** Names that look like those of Breakwater's, and are not. */
export const misspeltCheck: Check = {
  name: 'names',
  group: 'Environment',
  async run(context) {
    const findings = Object.keys(context.given)
      .sort()
      .flatMap((name) => {
        const right = rightName(name, context);
        return right === undefined
          ? []
          : [finding('misspelt-variable', `${name} is set, which nobody reads`, `Call it ${right}`)];
      });
    return findings.length > 0 ? findings : [ok('no variable looks like a misspelt one')];
  },
};

function rightName(name: string, { given, read, settings }: DoctorContext): string | undefined {
  if (KNOWN_VARIABLES.includes(name) || !given[name]?.trim() || name.startsWith('BREAKWATER_MIGRATION_'))
    return undefined;
  const other = OTHER_NAMES.get(name);
  // Platforms set KV_URL and others beside the variables that are read: only where those are missing they were meant.
  if (other !== undefined) return settings.store.kind === 'memory' && !read('REDIS_URL') ? other : undefined;
  if (!OURS.test(name) && !SHARED.test(name)) return undefined;
  return KNOWN_VARIABLES.find((known) => read(known) === undefined && distance(name, known) <= most(known));
}

function most(known: string): number {
  const [lastWord = ''] = /[^_]*$/.exec(known) ?? [];
  return lastWord.length <= SHORT && known.indexOf('_') === known.lastIndexOf('_') ? 1 : MAX_DISTANCE;
}

/** How many letters have to be put in, left out, replaced, or swapped with their neighbour. */
export function distance(one: string, other: string): number {
  if (Math.abs(one.length - other.length) > MAX_DISTANCE) return MAX_DISTANCE + 1;
  const rows: number[][] = [Array.from({ length: other.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? 0;
  for (let row = 1; row <= one.length; row += 1) {
    rows[row] = [row];
    for (let column = 1; column <= other.length; column += 1) {
      const same = one[row - 1] === other[column - 1];
      const swapped = row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      const ways = [at(row - 1, column) + 1, at(row, column - 1) + 1, at(row - 1, column - 1) + (same ? 0 : 1)];
      rows[row]?.push(Math.min(...ways, swapped ? at(row - 2, column - 2) + 1 : Number.POSITIVE_INFINITY));
    }
  }
  return at(one.length, other.length);
}
