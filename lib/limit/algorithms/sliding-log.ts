import type { AccountKeeping } from '../account.ts';
import { sortedSetAccount } from './sorted-set.ts';

/**
 * Every permit taken within the last window. Exact, and as large as the limit. Members are `<time>:<number within that
 * microsecond>`; giving back takes the youngest away.
 */
export const slidingLog: AccountKeeping = sortedSetAccount({
  takesDebts: true,
  changeLua: `
    if adding < 0 then redis.call('ZPOPMAX', key, -adding) end
    local number = redis.call('ZCOUNT', key, whole(now), whole(now))
    for i = 1, adding do redis.call('ZADD', key, whole(now), string.format('%.0f:%06d', now, number + i)) end`,
  change({ redis, key, now }, adding) {
    if (adding < 0) redis.call('ZPOPMAX', key, -adding);
    const number = Number(redis.call('ZCOUNT', key, now, now));
    for (let index = 1; index <= adding; index += 1) {
      redis.call('ZADD', key, now, `${now}:${String(number + index).padStart(6, '0')}`);
    }
  },
});
