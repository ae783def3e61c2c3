import { type CliCommand, declareCommand } from '../command.ts';
import { duration, JSON_OPTION } from '../option.ts';
import { printIssued, QUIET_OPTION } from './output.ts';
import { withKeys } from './session.ts';
import { FROM_ENV_OPTION, KEY_POSITIONAL, noSuchKey, readTarget, resolveTarget, TARGET_NOTES } from './target.ts';

/** Issues a new key under the same id and prints it. */
export const rotateKey: CliCommand = declareCommand({
  name: 'rotate',
  summary: 'Issue a new key under the same id, and print it this once',
  description: 'Issues a new key with the id, scopes and limits of another, and ends that one.',
  positionals: [KEY_POSITIONAL],
  options: {
    grace: duration('time', 'how long the key before goes on working, such as 1h; not at all without it', 0),
    fromEnv: FROM_ENV_OPTION,
    json: JSON_OPTION,
    quiet: QUIET_OPTION,
  },
  examples: [['keys rotate key_AbCdEf0123456789 --grace 1h', 'both keys work for an hour']],
  ...TARGET_NOTES,
  async run({ options, positionals }, io) {
    const target = await readTarget(positionals, options.fromEnv, io);
    return withKeys(io, { changes: true }, async (session) => {
      const id = await resolveTarget(target, session);
      const issued =
        (await session.keys.rotate(id, { graceSeconds: options.grace / 1_000 })) ??
        (await noSuchKey(session, 'There is no such active key'));
      printIssued(issued, options, session);
      return 0;
    });
  },
});
