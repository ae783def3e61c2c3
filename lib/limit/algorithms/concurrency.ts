import type { AccountKeeping } from '../account.ts';
import { sortedSetAccount } from './sorted-set.ts';

/**
 * Slots that are held. Members are `<id>:<number>`; giving back takes away those of the same id. How long a slot lives is
 * what the rule of the moment says: by an end of their own, those of a longer plan could not be told from what was written
 * before the clock was set back. A debt from an outage is not known here: whose slots those were is not.
 */
export const concurrency: AccountKeeping = sortedSetAccount({
  takesDebts: false,
  changeLua: `
    for i = 1, adding do redis.call('ZADD', key, whole(now), id .. ':' .. i) end
    for i = 1, -adding do redis.call('ZREM', key, id .. ':' .. i) end`,
  change({ redis, key, now, id }, adding) {
    for (let index = 1; index <= adding; index += 1) redis.call('ZADD', key, now, `${id}:${index}`);
    for (let index = 1; index <= -adding; index += 1) redis.call('ZREM', key, `${id}:${index}`);
  },
});
