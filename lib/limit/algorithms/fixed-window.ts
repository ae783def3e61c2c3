import { type AccountKeeping, readNumbers, withOwed, writeNumbers } from '../account.ts';

/**
 * A count per calendar window: `<window>:<count>`. The number of the window stands in the value, not in the key, so that
 * the server's clock decides and all keys are declared.
 */
export const fixedWindow: AccountKeeping = {
  lua: `function(key, now, rule)
  local window = math.floor(now / rule.period)
  local kept, used = read_numbers(key)
  if kept ~= window then used = 0 end
  used = with_owed(used, rule)
  local lasts = (window + 1) * rule.period - now
  local function reset() return used > 0 and lasts or 0 end
  local function wait(cost) return used + cost > rule.capacity and lasts or 0 end
  local function put(units)
    used = math.max(0, used + units)
    write_numbers(key, lasts, window, used)
    return rule.capacity - used, reset()
  end
  return rule.capacity - used, reset(), wait, put
end`,
  open({ redis, key, now, rule }) {
    const { period, capacity } = rule;
    const window = Math.floor(now / period);
    const [kept, count] = readNumbers(redis, key) ?? [-1, 0];
    let used = withOwed(kept === window ? count : 0, rule);
    const lasts = (window + 1) * period - now;
    const balance = () => ({ left: capacity - used, reset: used > 0 ? lasts : 0 });
    return {
      ...balance(),
      wait: (cost) => (used + cost > capacity ? lasts : 0),
      put(units) {
        used = Math.max(0, used + units);
        writeNumbers(redis, key, lasts, window, used);
        return balance();
      },
    };
  },
};
