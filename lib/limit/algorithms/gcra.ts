import { type AccountKeeping, readNumbers, withOwed, writeNumbers } from '../account.ts';

/**
 * The generic cell rate algorithm: `<TAT>:<interval>:<capacity>`, times in microseconds. The theoretical arrival time (TAT)
 * is the moment at which the whole burst is available again; the interval is that of one permit when it was written, so
 * that a subject whose plan changes keeps what it has used in permits, not in time. A debt above the capacity of that
 * moment was never granted: the clock has been set back since, and the account counts as lost.
 */
export const gcra: AccountKeeping = {
  lua: `function(key, now, rule)
  local tat, was, most = read_numbers(key)
  local debt, interval = 0, rule.period
  if tat and tat > now and was > 0 and tat - now <= ((most or math.huge) + 1) * was then
    debt, interval = tat - now, was
  end
  if rule.owed > 0 then debt = math.ceil(with_owed(debt / interval, rule) * interval) end
  local function wait(cost) return debt - (rule.capacity - cost) * interval end
  local function put(units)
    if interval ~= rule.period then debt, interval = math.ceil(debt / interval * rule.period), rule.period end
    debt = math.max(0, debt + units * interval)
    if debt > 0 then write_numbers(key, debt, now + debt, interval, rule.capacity) else redis.call('DEL', key) end
    return math.floor(rule.capacity - debt / interval), debt
  end
  return math.floor(rule.capacity - debt / interval), debt, wait, put
end`,
  open({ redis, key, now, rule }) {
    const { period, capacity } = rule;
    const [tat, was, most = Number.POSITIVE_INFINITY] = readNumbers(redis, key) ?? [0, 0];
    const isKept = tat > now && was > 0 && tat - now <= (most + 1) * was;
    let [debt, interval] = isKept ? [tat - now, was] : [0, period];
    if (rule.owed > 0) debt = Math.ceil(withOwed(debt / interval, rule) * interval);
    return {
      left: Math.floor(capacity - debt / interval),
      reset: debt,
      wait: (cost) => debt - (capacity - cost) * interval,
      put(units) {
        if (interval !== period) [debt, interval] = [Math.ceil((debt / interval) * period), period];
        debt = Math.max(0, debt + units * interval);
        if (debt > 0) writeNumbers(redis, key, debt, now + debt, interval, capacity);
        else redis.call('DEL', key);
        return { left: Math.floor(capacity - debt / interval), reset: debt };
      },
    };
  },
};
