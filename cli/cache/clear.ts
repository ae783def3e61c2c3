import { clearNamespace, hasNamespace } from '../../lib/cache/namespaces.ts';
import { readArguments } from '../arguments.ts';
import type { CommandIo } from '../command.ts';
import { Failure } from '../failure.ts';
import { withKv } from '../redis-session.ts';
import { NO_SUCH_CACHE, readNamespace } from './namespace.ts';

const OPTIONS = { json: { type: 'boolean', default: false } } as const;

/** Ends all entries of a cache. */
export async function clearCache(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = readArguments(args, OPTIONS);
  const namespace = readNamespace(positionals);
  if (namespace === undefined) throw new Failure(2, 'Give the namespace of one cache');
  return withKv(io, { changes: true }, async (kv) => {
    if (!(await hasNamespace(kv, namespace))) throw new Failure(3, NO_SUCH_CACHE);
    await clearNamespace(kv, namespace);
    if (values.json) io.print(JSON.stringify({ namespace, cleared: true }));
    else io.complain('Cleared. Processes go on with copies of their own for l1.maxTtlMs at most, 5 s by default');
    return 0;
  });
}
