import { hasNamespace, listNamespaces } from '../../lib/cache/namespaces.ts';
import { type CacheTally, readTallies } from '../../lib/cache/tally.ts';
import type { KvClient } from '../../lib/client/kv-client.ts';
import { readArguments } from '../arguments.ts';
import type { CommandIo } from '../command.ts';
import { Failure } from '../failure.ts';
import { withKv } from '../redis-session.ts';
import { NO_SUCH_CACHE, readNamespace } from './namespace.ts';

const OPTIONS = { json: { type: 'boolean', default: false } } as const;

interface Row extends Omit<CacheTally, 'hitRate'> {
  readonly namespace: string;
  /** `null` before anything was asked for: JSON has no `undefined`. */
  readonly hitRate: number | null;
}

/** Prints what all processes have counted of one cache, or of all. */
export async function cacheStats(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = readArguments(args, OPTIONS);
  const namespace = readNamespace(positionals);
  return withKv(io, { changes: false }, async (kv) => {
    const rows = await readRows(kv, namespace);
    if (values.json) io.print(JSON.stringify({ caches: rows }));
    else if (rows.length === 0) io.complain('No cache has ever written there');
    else for (const line of tabulate(rows)) io.print(line);
    return 0;
  });
}

async function readRows(kv: KvClient, only: string | undefined): Promise<readonly Row[]> {
  if (only !== undefined && !(await hasNamespace(kv, only))) throw new Failure(3, NO_SUCH_CACHE);
  const namespaces = only === undefined ? await listNamespaces(kv) : [only];
  const tallies = await readTallies(kv, namespaces);
  return tallies.map((tally, index) => ({
    namespace: namespaces[index] ?? '',
    ...tally,
    hitRate: tally.hitRate ?? null,
  }));
}

const COLUMNS: readonly (readonly [string, (row: Row) => string | number])[] = [
  ['NAMESPACE', (row) => row.namespace],
  ['HITS', (row) => row.hits],
  ['STALE', (row) => row.stale],
  ['NEGATIVE', (row) => row.negative],
  ['MISSES', (row) => row.misses],
  ['HIT RATE', (row) => (row.hitRate === null ? '-' : `${(100 * row.hitRate).toFixed(1)} %`)],
  ['LOADS', (row) => row.loads],
  ['FAILED', (row) => row.loadErrors],
  ['WRITES', (row) => row.writes],
];

/** The names to the left, numbers to the right. */
function tabulate(rows: readonly Row[]): readonly string[] {
  const columns = COLUMNS.map(([title, cell], index) => {
    const cells = [title, ...rows.map((row) => String(cell(row)))];
    const width = Math.max(...cells.map(({ length }) => length));
    return cells.map((text) => (index === 0 ? text.padEnd(width) : text.padStart(width)));
  });
  return [undefined, ...rows].map((_, line) => columns.map((cells) => cells[line] ?? '').join('  '));
}
