import type { KvClient } from '../../lib/client/kv-client.ts';
import type { SideName } from '../../lib/primitives/migration/mode.ts';
import {
  type HandoverStatus,
  listMigrations,
  type MigrationStatus,
  readHandoverStatus,
  readMigrationStatus,
} from '../../lib/primitives/migration/status.ts';
import { type CliCommand, declareCommand } from '../command.ts';
import { Failure } from '../failure.ts';
import { JSON_OPTION } from '../option.ts';
import { REDIS_ENVIRONMENT } from '../redis-environment.ts';
import { withKv } from '../redis-session.ts';
import { NO_SUCH_MIGRATION, readName } from './name.ts';

type Status = MigrationStatus | HandoverStatus;

/** Prints where one migration stands, or all. */
export const migrationStatus: CliCommand = declareCommand({
  name: 'status',
  summary: 'Show where migrations stand',
  description: 'Shows the modes, and what all processes have counted, as far as they have told Redis.',
  positionals: [{ name: 'NAME', description: 'of one migration; all that have ever been used, without it' }],
  options: { json: JSON_OPTION },
  examples: [['migrate status users', 'one migration']],
  environment: REDIS_ENVIRONMENT,
  statuses: { 3: 'no migration of that name has ever been used there' },
  async run({ options, positionals }, io) {
    const only = readName(positionals[0]);
    return withKv(io, { changes: false }, async (kv) => {
      const all = await readAll(kv, only);
      if (options.json) io.print(JSON.stringify({ migrations: all }));
      else if (all.length === 0) io.complain('No migration has ever been used there');
      else for (const status of all) for (const line of linesOf(status)) io.print(line);
      return 0;
    });
  },
});

async function readAll(kv: KvClient, only: string | undefined): Promise<readonly Status[]> {
  const all: Status[] = [];
  for (const name of only === undefined ? await listMigrations(kv) : [only]) {
    const status = (await readMigrationStatus(kv, name)) ?? (await readHandoverStatus(kv, name));
    if (status) all.push(status);
    else if (only !== undefined) throw new Failure(3, NO_SUCH_MIGRATION);
  }
  return all;
}

function linesOf(status: Status): readonly string[] {
  const head = `${status.name}  ${status.mode}${sinceOf(status.sinceAt)}`;
  if ('epoch' in status) {
    const opens = status.opensInMs > 0 ? `, ${status.side} in ${Math.ceil(status.opensInMs / 1_000)} s` : '';
    return [`${head}${opens}`, `  handover, epoch ${status.epoch}`];
  }
  const { kind, behind, pending, failures, compared, latency, divergent } = status;
  const differ = compared.different + compared.missingInNew + compared.missingInOld;
  return [
    head,
    `  ${kind}${behind ? `, ${behind} lacks what was written before` : ''}`,
    `  ${both('missed and not repaired', (side) => String(pending[side]))}`,
    `  ${both('failures without authority', (side) => String(failures[side]))}`,
    `  compared: ${compared.same} same, ${compared.different} different, ${compared.missingInOld} missing in old, ${compared.missingInNew} missing in new`,
    `  ${both('p50 and p95 of the compared', (side) => `${msOf(latency[side].p50Ms)} ${msOf(latency[side].p95Ms)}`)}`,
    ...(differ > 0 ? [`  last that differed: ${divergent.join(' ')}`] : []),
  ];
}

function both(title: string, value: (side: SideName) => string): string {
  return `${title}: old ${value('old')}, new ${value('new')}`;
}

function msOf(ms: number | undefined): string {
  return ms === undefined ? '-' : `${ms} ms`;
}

function sinceOf(at: number): string {
  return at > 0 ? ` since ${new Date(at).toISOString()}` : '';
}
