import { readArguments } from '../arguments.ts';
import type { CommandIo } from '../command.ts';
import { Failure } from '../failure.ts';
import { tabulateUsage } from './output.ts';
import { withKeys } from './session.ts';
import { noSuchKey, readTarget, resolveTarget } from './target.ts';

const OPTIONS = {
  'from-env': { type: 'boolean', default: false },
  days: { type: 'string', default: '30' },
  json: { type: 'boolean', default: false },
} as const;

/** Prints how often a key was used on each of the last days of UTC, today first. */
export async function keyUsage(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = readArguments(args, OPTIONS);
  if (!/^(?:[1-9]|[12]\d|30)$/.test(values.days)) throw new Failure(2, '--days must be a whole number from 1 to 30');
  const target = await readTarget(positionals, values['from-env'], io);
  return withKeys(io, { changes: false }, async (session) => {
    const id = await resolveTarget(target, session);
    const usage = (await session.keys.usage(id, { days: Number(values.days) })) ?? (await noSuchKey(session));
    for (const line of values.json ? [JSON.stringify({ usage })] : tabulateUsage(usage)) io.print(line);
    return 0;
  });
}
