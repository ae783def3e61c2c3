import type { AccountKeeping } from '../account.ts';
import { scoreAt } from './sliding-log.ts';

/**
 * Slots that are held, in a sorted set by the time of taking. Members are `<id>:<number>`; giving back takes away those of
 * the same id. How long a slot lives is what the rule of the moment says: by an end of their own, those of a longer plan
 * could not be told from what was written before the clock was set back, more than a slot's life ahead, which counts as
 * lost. A debt from an outage is not known here: whose slots those were is not.
 */
export const concurrency: AccountKeeping = {
  lua: `function(key, now, rule, id)
  local from, to = '(' .. whole(now - rule.period), whole(now + rule.period)
  local used = redis.call('ZCOUNT', key, from, to)
  local function lasts(index)
    local found = redis.call('ZRANGEBYSCORE', key, from, to, 'WITHSCORES', 'LIMIT', index, 1)
    return found[2] and tonumber(found[2]) + rule.period - now or 0
  end
  local function reset() return used > 0 and lasts(used - 1) or 0 end
  local function wait(cost)
    local excess = used + cost - rule.capacity
    return excess > 0 and lasts(excess - 1) or 0
  end
  local function put(units)
    redis.call('ZREMRANGEBYSCORE', key, '-inf', whole(now - rule.period))
    redis.call('ZREMRANGEBYSCORE', key, '(' .. to, '+inf')
    for i = 1, units do redis.call('ZADD', key, whole(now), id .. ':' .. i) end
    for i = 1, -units do redis.call('ZREM', key, id .. ':' .. i) end
    used = redis.call('ZCARD', key)
    if used > 0 then redis.call('PEXPIRE', key, whole(math.ceil(lasts(used - 1) / 1000))) end
    return rule.capacity - used, reset()
  end
  return rule.capacity - used, reset(), wait, put
end`,
  open({ redis, key, now, rule, id }) {
    const { period, capacity } = rule;
    const [from, to] = [`(${now - period}`, now + period];
    let used = Number(redis.call('ZCOUNT', key, from, to));
    const lasts = (index: number) => (scoreAt(redis, key, from, to, index) ?? now - period) + period - now;
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
        for (let index = 1; index <= units; index += 1) redis.call('ZADD', key, now, `${id}:${index}`);
        for (let index = 1; index <= -units; index += 1) redis.call('ZREM', key, `${id}:${index}`);
        used = Number(redis.call('ZCARD', key));
        if (used > 0) redis.call('PEXPIRE', key, Math.ceil(lasts(used - 1) / 1000));
        return balance();
      },
    };
  },
};
