import { defineScript, runScript, type Script } from '../../client/script.ts';
import type { MigrationBase } from './migration-core.ts';
import type { Standing } from './standing.ts';

/**
 * Notes that no side is behind any more. KEYS: home. ARGV: the period that this was seen in; 1 if nothing that was
 * missed before matters any more, so that a new period of the tally begins. Answers 1 if it is still that period.
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
  memory(redis, [home = ''], [period = '', forgives]) {
    if (redis.call('HGET', home, 'period') !== period) return 0;
    redis.call('HSET', home, 'behind', '');
    if (forgives === '1') redis.call('HSET', home, 'period', Number(redis.call('HINCRBY', home, 'revision', 1)));
    return 1;
  },
});

/** Whether that still holds. One request. @throws as `command` */
export async function declareComplete(
  { kv, names }: Pick<MigrationBase, 'kv' | 'names'>,
  { period }: Standing,
  { forgives = false }: { readonly forgives?: boolean | undefined } = {},
): Promise<boolean> {
  const { home } = await names;
  return (await runScript(kv, { script: walkEnd, keys: [home], args: [period, forgives ? 1 : 0] })) === 1;
}
