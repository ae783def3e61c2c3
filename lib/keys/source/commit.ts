import type { KvClient } from '../../client/kv-client.ts';
import { defineScript, runScript, type Script } from '../../client/script.ts';
import { StoreError } from '../../errors.ts';
import type { Argument } from '../../store/store.ts';
import type { KeyNames } from '../key-names.ts';

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
  /** Whether a Redis without sentinel is taken for a new one. */
  readonly mayBegin: boolean;
}

/**
 * `overtaken`: the record is not what was expected, or of a new one the first value to write stands there already. `lost`:
 * there is no sentinel, where there must be one.
 */
export type CommitOutcome = 'made' | 'overtaken' | 'lost';

/**
 * Everything a change of a key writes, or nothing if somebody else has changed it meanwhile.
 * KEYS: id record, index, sentinel, then one per write. ARGV: expected, next, score, id, 1 where a Redis without sentinel may
 * be a new one; then value and TTL per write.
 */
const commitScript: Script = defineScript({
  name: 'key-commit',
  lua: `
if ARGV[5] ~= '1' and redis.call('EXISTS', KEYS[3]) == 0 then return 'lost' end
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 'overtaken' end
if ARGV[1] == '' and KEYS[4] and redis.call('EXISTS', KEYS[4]) == 1 then return 'overtaken' end
redis.call('SET', KEYS[1], ARGV[2])
if ARGV[3] == '' then redis.call('ZREM', KEYS[2], ARGV[4]) else redis.call('ZADD', KEYS[2], ARGV[3], ARGV[4]) end
redis.call('SETNX', KEYS[3], '1')
for i = 4, #KEYS do
  local value, ttl = ARGV[2 * i - 2], ARGV[2 * i - 1]
  if ttl == '' then redis.call('SET', KEYS[i], value) else redis.call('SET', KEYS[i], value, 'PX', ttl) end
end
return 'made'
`,
  memory(
    redis,
    [idKey = '', index = '', sentinel = '', ...keys],
    [expected, next = '', score = '', id = '', mayBegin, ...rest],
  ) {
    if (mayBegin !== '1' && redis.call('EXISTS', sentinel) === 0) return 'lost';
    if ((redis.call('GET', idKey) ?? '') !== expected) return 'overtaken';
    if (expected === '' && keys[0] !== undefined && redis.call('EXISTS', keys[0]) === 1) return 'overtaken';
    redis.call('SET', idKey, next);
    if (score === '') redis.call('ZREM', index, id);
    else redis.call('ZADD', index, score, id);
    redis.call('SETNX', sentinel, '1');
    keys.forEach((key, place) => {
      const [value = '', ttl = ''] = rest.slice(2 * place, 2 * place + 2);
      redis.call('SET', key, value, ...(ttl === '' ? [] : ['PX', ttl]));
    });
    return 'made';
  },
});

/** One request. @throws when Redis is away: it may or may not have been made. */
export async function commit(kv: KvClient, names: KeyNames, change: Commit): Promise<CommitOutcome> {
  const { id, expected, next, indexedAt, writes, mayBegin } = change;
  const keys = [names.id(id), names.index, names.sentinel, ...writes.map(({ key }) => key)];
  const pairs: Argument[] = writes.flatMap(({ value, ttlMs }) => [JSON.stringify(value), ttlMs ?? '']);
  const args = [expected, JSON.stringify(next), indexedAt ?? '', id, mayBegin ? 1 : 0, ...pairs];
  const outcome = await runScript(kv, { script: commitScript, keys, args });
  if (outcome === 'made' || outcome === 'overtaken' || outcome === 'lost') return outcome;
  throw new StoreError('protocol', 'The change of an API key was answered by something else');
}
