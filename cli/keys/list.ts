import { readArguments, wantNoMore } from '../arguments.ts';
import type { CommandIo } from '../command.ts';
import { Failure } from '../failure.ts';
import { json } from '../printable.ts';
import { tabulateKeys } from './output.ts';
import { wantKeys, withKeys } from './session.ts';

const OPTIONS = {
  limit: { type: 'string', default: '1000' },
  after: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const;

/** Prints a page of active keys, oldest first. */
export async function listKeys(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = readArguments(args, OPTIONS);
  wantNoMore(positionals);
  const { after } = values;
  if (!/^\d{1,4}$/.test(values.limit)) throw new Failure(2, '--limit must be a whole number from 1 to 1000');
  const limit = Number(values.limit);
  return withKeys(io, { changes: false }, async (session) => {
    const keys = await session.keys.list({ limit, after });
    if (keys.length === 0) await wantKeys(session);
    if (keys.length === 0 && after !== undefined && !(await session.keys.get(after))) {
      throw new Failure(3, 'There is no such key to go on after');
    }
    const next = keys.length === limit ? (keys.at(-1)?.id ?? null) : null;
    if (values.json) io.print(json({ keys, next }));
    else if (keys.length === 0) io.complain(after === undefined ? 'No active keys' : 'No more active keys');
    else for (const line of tabulateKeys(keys)) io.print(line);
    if (!values.json && next !== null) io.complain(`There may be more: --after ${next}`);
    return 0;
  });
}
