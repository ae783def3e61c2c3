import type { KvClient } from '../../lib/client/kv-client.ts';
import { type MigrationMode, parseMode } from '../../lib/primitives/migration/mode.ts';
import type { ModeChange } from '../../lib/primitives/migration/mode-change.ts';
import { readHandoverStatus, setHandover, setMigrationMode } from '../../lib/primitives/migration/status.ts';
import { readArguments } from '../arguments.ts';
import type { CommandIo } from '../command.ts';
import { Failure } from '../failure.ts';
import { withKv } from '../redis-session.ts';
import { NO_SUCH_MIGRATION, readName } from './name.ts';

const OPTIONS = {
  percent: { type: 'string' },
  force: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const;

/** Changes the mode of a migration, or hands an authority over. */
export async function setMigration(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = readArguments(args, OPTIONS);
  const [given, word, ...others] = positionals;
  if (others.length > 0) throw new Failure(2, 'There is an argument too many');
  const name = readName(given);
  if (name === undefined || word === undefined) throw new Failure(2, 'Give the name of a migration, and a mode');
  const mode = readMode(word, values.percent);
  return withKv(io, { changes: true }, async (kv) => {
    const isHandover = (await readHandoverStatus(kv, name)) !== undefined;
    if (isHandover && values.force) throw new Failure(2, 'A handover cannot be forced: it waits for what was granted');
    const said = isHandover ? await handOver(kv, name, mode) : await change(kv, name, mode, values.force);
    if (values.json) io.print(JSON.stringify({ name, mode, changed: said !== UNCHANGED }));
    else io.complain(said);
    return 0;
  });
}

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

function readMode(word: string, percent: string | undefined): MigrationMode {
  const isShare = word === 'dual:read-percent';
  if (isShare && percent === undefined) throw new Failure(2, 'Say --percent with dual:read-percent');
  if (!isShare && percent !== undefined) throw new Failure(2, '--percent goes with dual:read-percent only');
  const mode = parseMode(isShare ? `${word}(${percent})` : word);
  if (mode !== undefined) return mode;
  throw new Failure(
    2,
    isShare
      ? '--percent must be a whole number from 1 to 99'
      : 'MODE must be old, dual:read-old, dual:read-percent, dual:read-new or new',
  );
}

function seconds(ms: number): string {
  return `${Math.ceil(ms / 1_000)} s`;
}
