import type { ApiKey } from '../../lib/keys/record.ts';
import { type CliCommand, declareCommand } from '../command.ts';
import { Failure } from '../failure.ts';
import { flag, JSON_OPTION, text, whole } from '../option.ts';
import { json } from '../printable.ts';
import { KEYS_ENVIRONMENT } from '../redis-environment.ts';
import { tabulateKeys } from './output.ts';
import { type KeysSession, wantKeys, withKeys } from './session.ts';

/** Prints a page of active keys, oldest first. */
export const listKeys: CliCommand = declareCommand({
  name: 'list',
  summary: 'List active keys, oldest first',
  description: 'Lists the keys that are not revoked, oldest first, without the keys themselves.',
  options: {
    limit: whole('count', 'keys at most; 1000 without it. With --all keys of one request', {
      ...{ from: 1, to: 1_000, initial: 1_000 },
    }),
    after: text('id', 'go on after this key'),
    all: flag('all of them, in as many requests as it takes'),
    json: JSON_OPTION,
  },
  examples: [
    ['keys list', 'the first thousand'],
    ['keys list --limit 100 --after key_AbCdEf0123456789', 'the next hundred'],
    ['keys list --all --json > keys.json', 'all of them, for a program'],
  ],
  environment: KEYS_ENVIRONMENT,
  statuses: {
    1: 'Redis could not be asked, or holds no keys at all, or it was stopped: what was listed by then is printed',
    3: 'there is no such key to go on after',
  },
  async run({ options }, io) {
    const { after, json: asJson } = options;
    return withKeys(io, { changes: false }, async (session) => {
      const { keys, next, stopped } = await readPages(session, options);
      if (keys.length === 0) await wantKeys(session);
      if (keys.length === 0 && after !== undefined && !(await session.keys.get(after))) {
        throw new Failure(3, 'There is no such key to go on after');
      }
      io.progress?.('');
      if (asJson) io.print(json({ keys, next }));
      else if (keys.length === 0) io.complain(after === undefined ? 'No active keys' : 'No more active keys');
      else for (const line of tabulateKeys(keys)) io.print(line);
      if (stopped) io.complain(`Stopped: --after ${next} goes on`);
      else if (!asJson && next !== null) io.complain(`There may be more: --after ${next}`);
      return stopped ? 1 : 0;
    });
  },
});

interface Asked {
  readonly limit: number;
  readonly after: string | undefined;
  readonly all: boolean;
  readonly json: boolean;
}

interface Listed {
  readonly keys: readonly ApiKey[];
  /** After which key there may be more. */
  readonly next: string | null;
  readonly stopped: boolean;
}

/** One page, or all that there are. Stopped it answers with those that it has, if any. */
async function readPages(
  { keys: source, io }: KeysSession,
  { limit, after, all, json: asJson }: Asked,
): Promise<Listed> {
  const keys: ApiKey[] = [];
  for (let last = after; ; last = keys.at(-1)?.id) {
    const page = await source.list({ limit, after: last }).catch((error: unknown) => {
      // The client is closed when the command is to stop.
      if (io.stop.aborted && keys.length > 0) return undefined;
      throw error;
    });
    if (page === undefined) return { keys, next: last ?? null, stopped: true };
    keys.push(...page);
    if (page.length < limit) return { keys, next: null, stopped: false };
    if (!all) return { keys, next: keys.at(-1)?.id ?? null, stopped: false };
    if (!asJson) io.progress?.(`${keys.length} keys`);
  }
}
