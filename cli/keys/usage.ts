import { type CliCommand, declareCommand } from '../command.ts';
import { JSON_OPTION, whole } from '../option.ts';
import { tabulateUsage } from './output.ts';
import { withKeys } from './session.ts';
import { FROM_ENV_OPTION, KEY_POSITIONAL, noSuchKey, readTarget, resolveTarget, TARGET_NOTES } from './target.ts';

/** Prints how often a key was used on each of the last days of UTC, today first. */
export const keyUsage: CliCommand = declareCommand({
  name: 'usage',
  summary: 'Show how often a key was used',
  description: 'Shows how often a key was used on each of the last days of UTC, today first.',
  positionals: [KEY_POSITIONAL],
  options: {
    days: whole('count', 'of how many days; 30 without it', { from: 1, to: 30, initial: 30 }),
    fromEnv: FROM_ENV_OPTION,
    json: JSON_OPTION,
  },
  examples: [['keys usage key_AbCdEf0123456789 --days 7', 'the last week']],
  ...TARGET_NOTES,
  async run({ options, positionals }, io) {
    const target = await readTarget(positionals, options.fromEnv, io);
    return withKeys(io, { changes: false }, async (session) => {
      const id = await resolveTarget(target, session);
      const usage = (await session.keys.usage(id, { days: options.days })) ?? (await noSuchKey(session));
      for (const line of options.json ? [JSON.stringify({ usage })] : tabulateUsage(usage)) io.print(line);
      return 0;
    });
  },
});
