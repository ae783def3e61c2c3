import { defineScript, runScript, type Script } from '../../client/script.ts';
import type { MigrationBase } from './migration-core.ts';
import type { Standing } from './standing.ts';

/**
 * Notes that no side is behind any more. KEYS: home. ARGV: the period that this was seen in; 1 if all keys have been seen
 * alike too. Answers 1 if it is still that period.
 *
 * What was missed before has been seen to by then, so that a new period of the tally begins: whoever still remembers such a
 * key counts it for missed again.
 */
export const walkEnd: Script = defineScript({
  name: 'migration-walk-end',
  lua: `
if redis.call('HGET', KEYS[1], 'period') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'behind', '')
if ARGV[2] == '1' then
  redis.call('HSET', KEYS[1], 'period', redis.call('HINCRBY', KEYS[1], 'revision', 1))
end
return 1
`,
  memory(redis, [home = ''], [period = '', isAlike]) {
    if (redis.call('HGET', home, 'period') !== period) return 0;
    redis.call('HSET', home, 'behind', '');
    if (isAlike === '1') redis.call('HSET', home, 'period', Number(redis.call('HINCRBY', home, 'revision', 1)));
    return 1;
  },
});

/** Whether that still holds. One request. @throws as `command` */
export async function declareComplete(
  { kv, names }: Pick<MigrationBase, 'kv' | 'names'>,
  { period }: Standing,
  { isAlike }: { readonly isAlike: boolean },
): Promise<boolean> {
  const { home } = await names;
  return (await runScript(kv, { script: walkEnd, keys: [home], args: [period, isAlike ? 1 : 0] })) === 1;
}
