import { type AccountKeeping, readNumbers, withOwed, writeNumbers } from '../account.ts';

/**
 * A bucket that gets its permits back by the handful: `<last refill>:<used>`. The schedule of refills begins with the first
 * permit that is taken from a full bucket.
 */
export const tokenBucket: AccountKeeping = {
  lua: `function(key, now, rule)
  local at, used = read_numbers(key)
  if not at or at > now + rule.period then at, used = now, 0 end
  local refills = math.max(0, math.floor((now - at) / rule.period))
  at, used = at + refills * rule.period, math.max(0, used - refills * rule.refill)
  if used == 0 then at = now end
  used = with_owed(used, rule)
  local function back(permits)
    if permits <= 0 then return 0 end
    return at + math.ceil(permits / rule.refill) * rule.period - now
  end
  local function wait(cost) return back(used + cost - rule.capacity) end
  local function put(units)
    used = math.max(0, used + units)
    if used > 0 then write_numbers(key, back(used), at, used) else redis.call('DEL', key) end
    return rule.capacity - used, back(used)
  end
  return rule.capacity - used, back(used), wait, put
end`,
  open({ redis, key, now, rule }) {
    const { period, capacity, refill } = rule;
    const [keptAt, keptUsed] = readNumbers(redis, key) ?? [Number.POSITIVE_INFINITY, 0];
    const isKept = keptAt <= now + period;
    const refills = isKept ? Math.max(0, Math.floor((now - keptAt) / period)) : 0;
    const left = isKept ? Math.max(0, keptUsed - refills * refill) : 0;
    const at = left === 0 ? now : keptAt + refills * period;
    let used = withOwed(left, rule);
    const back = (permits: number) => (permits <= 0 ? 0 : at + Math.ceil(permits / refill) * period - now);
    const balance = () => ({ left: capacity - used, reset: back(used) });
    return {
      ...balance(),
      wait: (cost) => back(used + cost - capacity),
      put(units) {
        used = Math.max(0, used + units);
        if (used > 0) writeNumbers(redis, key, back(used), at, used);
        else redis.call('DEL', key);
        return balance();
      },
    };
  },
};
