import { hasNamespace, listNamespaces } from '../../lib/cache/namespaces.ts';
import { type CacheTally, readTallies } from '../../lib/cache/tally.ts';
import type { KvClient } from '../../lib/client/kv-client.ts';
import { type CliCommand, declareCommand } from '../command.ts';
import { Failure } from '../failure.ts';
import { JSON_OPTION } from '../option.ts';
import { REDIS_ENVIRONMENT } from '../redis-environment.ts';
import { withKv } from '../redis-session.ts';
import { type Column, tabulate } from '../table.ts';
import { NO_SUCH_CACHE, readNamespace } from './namespace.ts';

interface Row extends Omit<CacheTally, 'hitRate'> {
  readonly namespace: string;
  /** `null` before anything was asked for: JSON has no `undefined`. */
  readonly hitRate: number | null;
}

/** Prints what all processes have counted of one cache, or of all. */
export const cacheStats: CliCommand = declareCommand({
  name: 'stats',
  summary: 'Show what all processes have counted',
  description:
    'Shows what all processes have counted, as far as they have told Redis: they do at most every 10 seconds, and while there is traffic.',
  positionals: [{ name: 'NAMESPACE', description: 'of one cache; all that have ever written, without it' }],
  options: { json: JSON_OPTION },
  examples: [
    ['cache stats', 'all caches'],
    ['cache stats jobs --json', 'one, for a program'],
  ],
  environment: REDIS_ENVIRONMENT,
  statuses: { 3: 'no cache of that name has ever written there' },
  async run({ options, positionals }, io) {
    const namespace = readNamespace(positionals);
    return withKv(io, { changes: false }, async (kv) => {
      const rows = await readRows(kv, namespace);
      if (options.json) io.print(JSON.stringify({ caches: rows }));
      else if (rows.length === 0) io.complain('No cache has ever written there');
      else for (const line of tabulate(COLUMNS, rows)) io.print(line);
      return 0;
    });
  },
});

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

const COLUMNS: readonly Column<Row>[] = [
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
