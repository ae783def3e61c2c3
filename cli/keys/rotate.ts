import { readArguments, wantOneForm } from '../arguments.ts';
import type { CommandIo } from '../command.ts';
import { readDuration } from '../duration.ts';
import { printIssued } from './output.ts';
import { withKeys } from './session.ts';
import { noSuchKey, readTarget, resolveTarget } from './target.ts';

const OPTIONS = {
  grace: { type: 'string', default: '0s' },
  'from-env': { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  quiet: { type: 'boolean', default: false },
} as const;

/** Issues a new key under the same id and prints it. */
export async function rotateKey(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = readArguments(args, OPTIONS);
  wantOneForm(values);
  const graceSeconds = readDuration('--grace', values.grace) / 1_000;
  const target = await readTarget(positionals, values['from-env'], io);
  return withKeys(io, { changes: true }, async (session) => {
    const id = await resolveTarget(target, session);
    const issued =
      (await session.keys.rotate(id, { graceSeconds })) ?? (await noSuchKey(session, 'There is no such active key'));
    printIssued(issued, values, session);
    return 0;
  });
}
