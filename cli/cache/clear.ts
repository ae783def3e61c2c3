import { clearNamespace, hasNamespace } from '../../lib/cache/namespaces.ts';
import { type CliCommand, declareCommand } from '../command.ts';
import { Failure } from '../failure.ts';
import { JSON_OPTION } from '../option.ts';
import { REDIS_ENVIRONMENT } from '../redis-environment.ts';
import { withKv } from '../redis-session.ts';
import { NO_SUCH_CACHE, readNamespace } from './namespace.ts';

const NO_NAMESPACE = 'Give the namespace of one cache';

/** Ends all entries of a cache. */
export const clearCache: CliCommand = declareCommand({
  name: 'clear',
  summary: 'End all entries of a cache at once',
  description: 'Ends all entries of a cache at once, whatever their number: what they stand under is no longer good.',
  positionals: [{ name: 'NAMESPACE', description: 'of the cache', missing: NO_NAMESPACE }],
  options: { json: JSON_OPTION },
  examples: [['cache clear jobs', 'everything that is cached under jobs']],
  environment: REDIS_ENVIRONMENT,
  statuses: { 3: 'no cache of that name has ever written there' },
  async run({ options, positionals }, io) {
    const namespace = readNamespace(positionals);
    if (namespace === undefined) throw new Failure(2, NO_NAMESPACE);
    return withKv(io, { changes: true }, async (kv) => {
      if (!(await hasNamespace(kv, namespace))) throw new Failure(3, NO_SUCH_CACHE);
      await clearNamespace(kv, namespace);
      if (options.json) io.print(JSON.stringify({ namespace, cleared: true }));
      else io.complain('Cleared. Processes go on with copies of their own for l1.maxTtlMs at most, 5 s by default');
      return 0;
    });
  },
});
