import type { KvClient } from '../client/kv-client.ts';
import { defineScript, runScript, type Script } from '../client/script.ts';
import type { Argument } from '../store/store.ts';
import type { KeyNames } from './key-names.ts';

/** One value to write. Without `ttlMs` it stays. */
export interface Write {
  readonly key: string;
  readonly value: unknown;
  readonly ttlMs?: number | undefined;
}

export interface Commit {
  readonly id: string;
  /** What the id record was when the change was worked out; `''` where there was none. */
  readonly expected: string;
  readonly next: unknown;
  /** Its place in the index; `undefined` takes it off. */
  readonly indexedAt: number | undefined;
  readonly writes: readonly Write[];
}

/**
 * Everything a change of a key writes, or nothing if somebody else has changed it meanwhile.
 * KEYS: id record, index, sentinel, then one per write. ARGV: expected, next, score, id, then value and TTL per write.
 */
const commitScript: Script = defineScript({
  name: 'key-commit',
  lua: `
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
if ARGV[3] == '' then redis.call('ZREM', KEYS[2], ARGV[4]) else redis.call('ZADD', KEYS[2], ARGV[3], ARGV[4]) end
redis.call('SETNX', KEYS[3], '1')
for i = 4, #KEYS do
  local value, ttl = ARGV[2 * i - 3], ARGV[2 * i - 2]
  if ttl == '' then redis.call('SET', KEYS[i], value) else redis.call('SET', KEYS[i], value, 'PX', ttl) end
end
return 1
`,
  memory(redis, [idKey = '', index = '', sentinel = '', ...keys], [expected, next = '', score = '', id = '', ...rest]) {
    if ((redis.call('GET', idKey) ?? '') !== expected) return 0;
    redis.call('SET', idKey, next);
    if (score === '') redis.call('ZREM', index, id);
    else redis.call('ZADD', index, score, id);
    redis.call('SETNX', sentinel, '1');
    keys.forEach((key, place) => {
      const [value = '', ttl = ''] = rest.slice(2 * place, 2 * place + 2);
      redis.call('SET', key, value, ...(ttl === '' ? [] : ['PX', ttl]));
    });
    return 1;
  },
});

/** Whether the change was made. One request. @throws when Redis is away: it may or may not have been made. */
export async function commit(kv: KvClient, names: KeyNames, change: Commit): Promise<boolean> {
  const { id, expected, next, indexedAt, writes } = change;
  const keys = [names.id(id), names.index, names.sentinel, ...writes.map(({ key }) => key)];
  const pairs: Argument[] = writes.flatMap(({ value, ttlMs }) => [JSON.stringify(value), ttlMs ?? '']);
  const args = [expected, JSON.stringify(next), indexedAt ?? '', id, ...pairs];
  return (await runScript(kv, { script: commitScript, keys, args })) === 1;
}
