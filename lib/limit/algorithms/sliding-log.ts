import type { ScriptContext } from '../../store/script-twins.ts';
import { type AccountKeeping, withOwed } from '../account.ts';

/**
 * Every permit taken within the last window, in a sorted set by the time of taking. Exact, and as large as the limit.
 * Members are `<time>:<number within that microsecond>`. What lies more than a window ahead was written before the clock
 * was set back, and counts as lost.
 */
export const slidingLog: AccountKeeping = {
  lua: `function(key, now, rule)
  local period = rule.period
  local from, to = '(' .. whole(now - period), whole(now + period)
  local kept = redis.call('ZCOUNT', key, from, to)
  local used = with_owed(kept, rule)
  local function lasts(index)
    local found = redis.call('ZRANGEBYSCORE', key, from, to, 'WITHSCORES', 'LIMIT', index, 1)
    return found[2] and tonumber(found[2]) + period - now or period
  end
  local function reset() return used > 0 and lasts(used - 1) or 0 end
  local function wait(cost)
    local excess = used + cost - rule.capacity
    return excess > 0 and lasts(excess - 1) or 0
  end
  local function put(units)
    redis.call('ZREMRANGEBYSCORE', key, '-inf', whole(now - period))
    redis.call('ZREMRANGEBYSCORE', key, '(' .. to, '+inf')
    local adding = used - kept + units
    if adding < 0 then redis.call('ZPOPMAX', key, -adding) end
    local number = redis.call('ZCOUNT', key, whole(now), whole(now))
    for i = 1, adding do redis.call('ZADD', key, whole(now), string.format('%.0f:%06d', now, number + i)) end
    kept = redis.call('ZCARD', key)
    used = kept
    if kept > 0 then redis.call('PEXPIRE', key, whole(math.ceil(lasts(kept - 1) / 1000))) end
    return rule.capacity - used, reset()
  end
  return rule.capacity - used, reset(), wait, put
end`,
  open({ redis, key, now, rule }) {
    const { period, capacity } = rule;
    const [from, to] = [`(${now - period}`, now + period];
    const kept = Number(redis.call('ZCOUNT', key, from, to));
    let used = withOwed(kept, rule);
    const lasts = (index: number) => (scoreAt(redis, key, from, to, index) ?? now) + period - now;
    const balance = () => ({ left: capacity - used, reset: used > 0 ? lasts(used - 1) : 0 });
    return {
      ...balance(),
      wait(cost) {
        const excess = used + cost - capacity;
        return excess > 0 ? lasts(excess - 1) : 0;
      },
      put(units) {
        redis.call('ZREMRANGEBYSCORE', key, '-inf', now - period);
        redis.call('ZREMRANGEBYSCORE', key, `(${to}`, '+inf');
        const adding = used - kept + units;
        if (adding < 0) redis.call('ZPOPMAX', key, -adding);
        const number = Number(redis.call('ZCOUNT', key, now, now));
        for (let index = 1; index <= adding; index += 1) {
          redis.call('ZADD', key, now, `${now}:${String(number + index).padStart(6, '0')}`);
        }
        used = Number(redis.call('ZCARD', key));
        if (used > 0) redis.call('PEXPIRE', key, Math.ceil(lasts(used - 1) / 1000));
        return balance();
      },
    };
  },
};

/** The score of the member at `index` between two scores; `undefined` where there are fewer. */
export function scoreAt(
  redis: ScriptContext,
  key: string,
  from: string,
  to: string | number,
  index: number,
): number | undefined {
  const found = redis.call('ZRANGEBYSCORE', key, from, to, 'WITHSCORES', 'LIMIT', index, 1);
  return Array.isArray(found) && found[1] !== undefined ? Number(found[1]) : undefined;
}
