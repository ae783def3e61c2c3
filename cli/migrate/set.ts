import type { KvClient } from '../../lib/client/kv-client.ts';
import { type MigrationMode, parseMode } from '../../lib/primitives/migration/mode.ts';
import type { ModeChange } from '../../lib/primitives/migration/mode-change.ts';
import { readHandoverStatus, setHandover, setMigrationMode } from '../../lib/primitives/migration/status.ts';
import { type CliCommand, declareCommand } from '../command.ts';
import { Failure } from '../failure.ts';
import { flag, JSON_OPTION, whole } from '../option.ts';
import { REDIS_ENVIRONMENT } from '../redis-environment.ts';
import { withKv } from '../redis-session.ts';
import { NO_SUCH_MIGRATION, readName } from './name.ts';

const INCOMPLETE = 'Give the name of a migration, and a mode';

/** Changes the mode of a migration, or hands an authority over. */
export const setMigration: CliCommand = declareCommand({
  name: 'set',
  summary: 'Move a migration on, one step at a time',
  description:
    'Changes the mode for all processes; they hear of it within twice their refreshMs. What could lose something is refused: see docs/migration.md.',
  positionals: [
    { name: 'NAME', description: 'of the migration', missing: INCOMPLETE },
    {
      name: 'MODE',
      description:
        'old, dual:read-old, dual:read-percent, dual:read-new or new; old or new for a handover of what has one authority',
      missing: INCOMPLETE,
    },
  ],
  options: {
    percent: whole('count', 'of all keys, how many are read from new with dual:read-percent', {
      ...{ from: 1, to: 99, initial: undefined },
    }),
    force: flag('whatever is said against it; not for a handover'),
    json: JSON_OPTION,
  },
  examples: [
    ['migrate set users dual:read-old', 'write both sides, read the old one'],
    ['migrate set users dual:read-percent --percent 5', 'read 5 % of the keys from the new one'],
  ],
  environment: REDIS_ENVIRONMENT,
  statuses: {
    1: 'Redis could not be asked, or the mode may not be changed now',
    3: 'no migration of that name has ever been used there',
  },
  async run({ options, positionals: [given, word] }, io) {
    const name = readName(given);
    if (name === undefined || word === undefined) throw new Failure(2, INCOMPLETE);
    const mode = readMode(word, options.percent);
    return withKv(io, { changes: true }, async (kv) => {
      const isHandover = (await readHandoverStatus(kv, name)) !== undefined;
      if (isHandover && options.force) {
        throw new Failure(2, 'A handover cannot be forced: it waits for what was granted');
      }
      const said = isHandover ? await handOver(kv, name, mode) : await change(kv, name, mode, options.force);
      if (options.json) io.print(JSON.stringify({ name, mode, changed: said !== UNCHANGED }));
      else io.complain(said);
      return 0;
    });
  },
});

const UNCHANGED = 'It is so already';

async function change(kv: KvClient, name: string, mode: MigrationMode, force: boolean): Promise<string> {
  const outcome = await setMigrationMode(kv, name, mode, { force });
  if (outcome.status === 'changed')
    return `Changed, from ${outcome.from}. Processes hear of it within twice their refreshMs`;
  if (outcome.status === 'unchanged') return UNCHANGED;
  if (outcome.status === 'unknown') throw new Failure(3, NO_SUCH_MIGRATION);
  throw new Failure(1, `Not changed: ${objection(outcome)}`);
}

function objection(outcome: Exclude<ModeChange, { status: 'changed' | 'unchanged' | 'unknown' }>): string {
  switch (outcome.status) {
    case 'not-adjacent':
      return `it stands at ${outcome.from}, and goes one step at a time`;
    case 'too-early':
      return `some process may not have heard of the last change yet. Wait for ${seconds(outcome.retryAfterMs)}`;
    case 'behind':
      return `${outcome.side} lacks what was written before. Run a backfill, or a reconciliation`;
    case 'diverged':
      return `${outcome.side} has missed ${outcome.keys} keys. Wait for their repair, or run a reconciliation`;
  }
}

async function handOver(kv: KvClient, name: string, mode: MigrationMode): Promise<string> {
  if (mode !== 'old' && mode !== 'new') throw new Failure(2, 'A handover goes to old or new');
  const outcome = await setHandover(kv, name, mode);
  if (outcome.status !== 'changed') return UNCHANGED;
  return `Handed over. Nobody grants anything for ${seconds(outcome.waitMs)}, until all that was granted has ended`;
}

function readMode(word: string, percent: number | undefined): MigrationMode {
  const isShare = word === 'dual:read-percent';
  if (isShare && percent === undefined) throw new Failure(2, 'Say --percent with dual:read-percent');
  if (!isShare && percent !== undefined) throw new Failure(2, '--percent goes with dual:read-percent only');
  const mode = parseMode(isShare ? `${word}(${percent})` : word);
  if (mode !== undefined) return mode;
  throw new Failure(2, 'MODE must be old, dual:read-old, dual:read-percent, dual:read-new or new');
}

function seconds(ms: number): string {
  return `${Math.ceil(ms / 1_000)} s`;
}
