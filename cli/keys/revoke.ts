import { resolveApiKeysOptions } from '../../lib/keys/api-keys-options.ts';
import { readArguments } from '../arguments.ts';
import type { CommandIo } from '../command.ts';
import { revocationBound } from './output.ts';
import { withKeys } from './session.ts';
import { noSuchKey, readTarget, resolveTarget } from './target.ts';

const OPTIONS = {
  'from-env': { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const;

/** Ends a key, and says within which time everybody knows. */
export async function revokeKey(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = readArguments(args, OPTIONS);
  const target = await readTarget(positionals, values['from-env'], io);
  return withKeys(io, { changes: true }, async (session) => {
    const id = await resolveTarget(target, session);
    const revocation = await session.keys.revoke(id);
    if (!revocation.revoked) await noSuchKey(session);
    io.print(values.json ? JSON.stringify({ id, ...revocation }) : `Revoked ${id}`);
    if (!values.json || !revocation.propagated) {
      io.complain(revocationBound(revocation, resolveApiKeysOptions({ kv: session.kv })));
    }
    return 0;
  });
}
