import type { ScriptContext } from '../../store/script-twins.ts';
import { type AccountCall, type AccountKeeping, withOwed } from '../account.ts';

/** In what the accounts differ that are sorted sets of what was taken, by the time of taking. */
export interface SortedSetKeeping {
  /** Whether what is owed from an outage is put in as taken now. */
  readonly takesDebts: boolean;
  /** Puts `adding` members in, or takes as many out as it is below 0; the same in Lua, with `key`, `now` and `id` at hand. */
  readonly changeLua: string;
  change(call: AccountCall, adding: number): void;
}

/**
 * What is taken comes back one period after it was taken. What lies more than a period ahead was written before the clock
 * was set back, and counts as lost.
 */
export function sortedSetAccount({ takesDebts, changeLua, change }: SortedSetKeeping): AccountKeeping {
  return {
    lua: `function(key, now, rule, id)
  local period = rule.period
  local from, to = '(' .. whole(now - period), whole(now + period)
  local kept = redis.call('ZCOUNT', key, from, to)
  local used = ${takesDebts ? 'with_owed(kept, rule)' : 'kept'}
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
${changeLua}
    kept = redis.call('ZCARD', key)
    used = kept
    if used > 0 then redis.call('PEXPIRE', key, whole(math.ceil(lasts(used - 1) / 1000))) end
    return rule.capacity - used, reset()
  end
  return rule.capacity - used, reset(), wait, put
end`,
    open(call) {
      const { redis, key, now, rule } = call;
      const { period, capacity } = rule;
      const [from, to] = [`(${now - period}`, now + period];
      const kept = Number(redis.call('ZCOUNT', key, from, to));
      let used = takesDebts ? withOwed(kept, rule) : kept;
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
          change(call, used - kept + units);
          used = Number(redis.call('ZCARD', key));
          if (used > 0) redis.call('PEXPIRE', key, Math.ceil(lasts(used - 1) / 1000));
          return balance();
        },
      };
    },
  };
}

/** The score of the member at `index` between two scores; `undefined` where there are fewer. */
function scoreAt(
  redis: ScriptContext,
  key: string,
  from: string,
  to: string | number,
  index: number,
): number | undefined {
  const found = redis.call('ZRANGEBYSCORE', key, from, to, 'WITHSCORES', 'LIMIT', index, 1);
  return Array.isArray(found) && found[1] !== undefined ? Number(found[1]) : undefined;
}
