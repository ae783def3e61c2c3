import { type CliCommand, declareCommand } from '../command.ts';
import { Failure } from '../failure.ts';
import { JSON_OPTION, text, whole } from '../option.ts';
import { json } from '../printable.ts';
import { KEYS_ENVIRONMENT } from '../redis-environment.ts';
import { tabulateKeys } from './output.ts';
import { NO_KEYS_STATUS, wantKeys, withKeys } from './session.ts';

/** Prints a page of active keys, oldest first. */
export const listKeys: CliCommand = declareCommand({
  name: 'list',
  summary: 'List active keys, oldest first',
  description: 'Lists the keys that are not revoked, oldest first, without the keys themselves.',
  options: {
    limit: whole('count', 'keys at most; 1000 without it', { from: 1, to: 1_000, initial: 1_000 }),
    after: text('id', 'go on after this key'),
    json: JSON_OPTION,
  },
  examples: [
    ['keys list', 'the first thousand'],
    ['keys list --limit 100 --after key_AbCdEf0123456789', 'the next hundred'],
  ],
  environment: KEYS_ENVIRONMENT,
  statuses: { ...NO_KEYS_STATUS, 3: 'there is no such key to go on after' },
  async run({ options: { limit, after, json: asJson } }, io) {
    return withKeys(io, { changes: false }, async (session) => {
      const keys = await session.keys.list({ limit, after });
      if (keys.length === 0) await wantKeys(session);
      if (keys.length === 0 && after !== undefined && !(await session.keys.get(after))) {
        throw new Failure(3, 'There is no such key to go on after');
      }
      const next = keys.length === limit ? (keys.at(-1)?.id ?? null) : null;
      if (asJson) io.print(json({ keys, next }));
      else if (keys.length === 0) io.complain(after === undefined ? 'No active keys' : 'No more active keys');
      else for (const line of tabulateKeys(keys)) io.print(line);
      if (!asJson && next !== null) io.complain(`There may be more: --after ${next}`);
      return 0;
    });
  },
});
