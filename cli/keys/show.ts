import { type CliCommand, declareCommand } from '../command.ts';
import { JSON_OPTION } from '../option.ts';
import { json } from '../printable.ts';
import { describeKey } from './output.ts';
import { withKeys } from './session.ts';
import { FROM_ENV_OPTION, KEY_POSITIONAL, noSuchKey, readTarget, resolveTarget, TARGET_NOTES } from './target.ts';

/** Prints what is known of one key, revoked or not. */
export const showKey: CliCommand = declareCommand({
  name: 'show',
  summary: 'Show what is on record of a key',
  description: 'Shows what is on record of a key, revoked or not, without the key itself.',
  positionals: [KEY_POSITIONAL],
  options: { fromEnv: FROM_ENV_OPTION, json: JSON_OPTION },
  examples: [
    ['keys show key_AbCdEf0123456789', 'by its id'],
    ['keys show --from-env', 'the key itself, from BREAKWATER_API_KEY'],
  ],
  ...TARGET_NOTES,
  async run({ options, positionals }, io) {
    const target = await readTarget(positionals, options.fromEnv, io);
    return withKeys(io, { changes: false }, async (session) => {
      const key = (await session.keys.get(await resolveTarget(target, session))) ?? (await noSuchKey(session));
      for (const line of options.json ? [json(key)] : describeKey(key)) io.print(line);
      return 0;
    });
  },
});
