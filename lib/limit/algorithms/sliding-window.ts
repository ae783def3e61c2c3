import { type AccountKeeping, readNumbers, withOwed, writeNumbers } from '../account.ts';

/**
 * Two counters, `<window>:<count>:<count of the window before>`: what was used counts as the whole of this window and that
 * share of the one before which still lies within the last window's length. An approximation: it takes the use of the
 * window before for evenly spread.
 */
export const slidingWindow: AccountKeeping = {
  lua: `function(key, now, rule)
  local period = rule.period
  local window = math.floor(now / period)
  local gone = now - window * period
  local kept, count, before = read_numbers(key)
  if kept == window then before = before or 0
  elseif kept == window - 1 then count, before = 0, count
  else count, before = 0, 0 end
  count = with_owed(count, rule)
  local faded = math.floor(before * (period - gone) / period)
  -- Microseconds into a window after which no more than room is left of the number used in the window before it.
  local function fades(number, room)
    if number <= room then return 0 end
    return math.floor(period - (room + 1) * period / number) + 1
  end
  local function reset()
    if count > 0 then return period - gone + fades(count, 0) end
    return math.max(0, fades(before, 0) - gone)
  end
  local function wait(cost)
    local room = rule.capacity - cost - count
    if faded <= room then return 0 end
    if room >= 0 then return fades(before, room) - gone end
    return period - gone + fades(count, rule.capacity - cost)
  end
  local function put(units)
    count = math.max(0, count + units)
    write_numbers(key, 2 * period - gone, window, count, before)
    return rule.capacity - count - faded, reset()
  end
  return rule.capacity - count - faded, reset(), wait, put
end`,
  open({ redis, key, now, rule }) {
    const { period, capacity } = rule;
    const window = Math.floor(now / period);
    const gone = now - window * period;
    const [kept, current, previous = 0] = readNumbers(redis, key) ?? [-2, 0];
    const before = kept === window ? previous : kept === window - 1 ? current : 0;
    let count = withOwed(kept === window ? current : 0, rule);
    const faded = Math.floor((before * (period - gone)) / period);
    /** Microseconds into a window after which no more than `room` is left of the `number` used in the one before it. */
    const fades = (number: number, room: number) =>
      number <= room ? 0 : Math.floor(period - ((room + 1) * period) / number) + 1;
    const balance = () => ({
      left: capacity - count - faded,
      reset: count > 0 ? period - gone + fades(count, 0) : Math.max(0, fades(before, 0) - gone),
    });
    return {
      ...balance(),
      wait(cost) {
        const room = capacity - cost - count;
        if (faded <= room) return 0;
        return room >= 0 ? fades(before, room) - gone : period - gone + fades(count, capacity - cost);
      },
      put(units) {
        count = Math.max(0, count + units);
        writeNumbers(redis, key, 2 * period - gone, window, count, before);
        return balance();
      },
    };
  },
};
