import { resolveApiKeysOptions } from '../../lib/keys/api-keys-options.ts';
import { type CliCommand, declareCommand } from '../command.ts';
import { JSON_OPTION } from '../option.ts';
import { revocationBound } from './output.ts';
import { withKeys } from './session.ts';
import { FROM_ENV_OPTION, KEY_POSITIONAL, noSuchKey, readTarget, resolveTarget, TARGET_NOTES } from './target.ts';

/** Ends a key, and says within which time everybody knows. */
export const revokeKey: CliCommand = declareCommand({
  name: 'revoke',
  summary: 'End a key',
  description: 'Ends a key for good, and says within which time all processes know.',
  positionals: [KEY_POSITIONAL],
  options: { fromEnv: FROM_ENV_OPTION, json: JSON_OPTION },
  examples: [
    ['keys revoke key_AbCdEf0123456789', 'by its id'],
    ['keys revoke - < key.txt', 'the key itself, from standard input'],
  ],
  ...TARGET_NOTES,
  async run({ options, positionals }, io) {
    const target = await readTarget(positionals, options.fromEnv, io);
    return withKeys(io, { changes: true }, async (session) => {
      const id = await resolveTarget(target, session);
      const revocation = await session.keys.revoke(id);
      if (!revocation.revoked) await noSuchKey(session);
      io.print(options.json ? JSON.stringify({ id, ...revocation }) : `Revoked ${id}`);
      if (!options.json || !revocation.propagated) {
        io.complain(revocationBound(revocation, resolveApiKeysOptions({ kv: session.kv })));
      }
      return 0;
    });
  },
});
