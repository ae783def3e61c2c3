import { defineScript, type Script } from '../client/script.ts';

/** Stands for a value that cannot be read: to be replaced by one that can. */
export const UNREADABLE_ID = '0';

/** More than the fields up to the id take. */
const ID_WITHIN = 64;

/**
 * Puts an entry where nothing has changed since it was asked for. KEYS: the entry. ARGV: the id that was found there, `''`
 * for none; the entry; its life in ms. Answers 1 if it is there now. One request, one slot.
 */
export const entryWrite: Script = defineScript({
  name: 'cache-entry-write',
  lua: `
local head = redis.call('GETRANGE', KEYS[1], 0, ${ID_WITHIN - 1})
local id = ''
if head ~= '' then id = string.match(head, '^1 %l%l? (%w+) ') or '${UNREADABLE_ID}' end
if id ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
`,
  memory(redis, [key = ''], [expected = '', text = '', lifeMs = '']) {
    if (idOf(String(redis.call('GETRANGE', key, 0, ID_WITHIN - 1))) !== expected) return 0;
    redis.call('SET', key, text, 'PX', lifeMs);
    return 1;
  },
});

/** The id of what stands under a name; `''` for nothing. As the script reads it, also where all the rest is damaged. */
export function idOf(text: string | null): string {
  if (text === null || text === '') return '';
  return /^1 [a-z]{1,2} ([0-9A-Za-z]+) /.exec(text.slice(0, ID_WITHIN))?.[1] ?? UNREADABLE_ID;
}
