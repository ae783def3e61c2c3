import { ConfigError, StoreError } from '../../errors.ts';
import type { ApiKeySource, FoundKey } from './source.ts';

/**
 * API keys found by a function of one's own: by HTTP, in a database of another kind, in a table that is there already.
 *
 * `undefined` and `null` mean that there is no such key, which is a 401; so a function that cannot say must throw. What it
 * throws is passed on as it is. `signal` says when the answer is no longer wanted.
 *
 * @example
 * ```ts
 * const source = functionKeySource(async ({ kid, digest }, { signal }) => {
 *   const [row] = await db.query('select * from tokens where digest = $1', [`${kid}:${digest}`], { signal });
 *   return row && { id: row.id, owner: row.account, scopes: row.scopes };
 * });
 * ```
 * @throws ConfigError when `find` is no function. Looking a key up throws StoreError when `find` answers what is no key.
 */
export function functionKeySource<Config = unknown>(find: ApiKeySource<Config>['findByDigest']): ApiKeySource<Config> {
  if (typeof find !== 'function') throw new ConfigError('find', 'must be a function');
  return {
    async findByDigest(digest, options) {
      const found: unknown = await find(digest, options);
      if (found === undefined || found === null) return undefined;
      if (!isFound<Config>(found)) {
        throw new StoreError('protocol', 'The function that finds API keys has answered something else');
      }
      return found;
    },
  };
}

function isFound<Config>(value: unknown): value is FoundKey<Config> {
  return (
    typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string' && value.id !== ''
  );
}
