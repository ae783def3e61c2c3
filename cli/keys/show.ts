import { readArguments } from '../arguments.ts';
import type { CommandIo } from '../command.ts';
import { json } from '../printable.ts';
import { describeKey } from './output.ts';
import { withKeys } from './session.ts';
import { noSuchKey, readTarget, resolveTarget } from './target.ts';

const OPTIONS = {
  'from-env': { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const;

/** Prints what is known of one key, revoked or not. */
export async function showKey(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = readArguments(args, OPTIONS);
  const target = await readTarget(positionals, values['from-env'], io);
  return withKeys(io, { changes: false }, async (session) => {
    const key = (await session.keys.get(await resolveTarget(target, session))) ?? (await noSuchKey(session));
    for (const line of values.json ? [json(key)] : describeKey(key)) io.print(line);
    return 0;
  });
}
