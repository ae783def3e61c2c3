import { type Clock, instant } from '../../lib/clock.ts';
import type { HeldPermits } from '../../lib/limit/held-permits.ts';

/** A part of the limiter as it is, and what it becomes with a defect. */
export type Replaced<T> = (sound: T, clock: Clock) => T;

/** All that is held ends together, with what was asked for last. */
export const SHARED_EXPIRY: Replaced<HeldPermits> = (sound) => ({
  ...sound,
  add(held, permits, sentAt) {
    const before = held.reduce((sum, lease) => sum + lease.permits, 0);
    held.splice(0, held.length, { permits: before + permits, sentAt });
  },
});

/** Lives are counted from when the permits arrive, not from when they were asked for. */
export const LIFE_FROM_ARRIVAL: Replaced<HeldPermits> = (sound, clock) => ({
  ...sound,
  add: (held, permits) => sound.add(held, permits, instant(clock)),
});

/** An edit of the charge script. @throws when its text has changed so that there is nothing to edit. */
export type Edit = (lua: string) => string;

const replacing =
  (old: string, by: string): Edit =>
  (lua) => {
    if (!lua.includes(old)) throw new Error('The script has changed: plant this defect anew');
    return lua.replace(old, by);
  };

/** Nothing but the language: shows that what turns red is the defect. */
export const SOUND_LUA: Edit = (lua) => lua;

/** Every account is charged the same: the least that one of them would have granted. */
export const SHARED_GRANT: Edit = replacing(
  `    local grant = math.min(left, math.max(shared, math.min(want, math.floor(left * 0.5))))
`,
  `    local grant, most = math.huge, 0
    for k = 1, #keys do most = math.max(most, rules[k].want) end
    for k = 1, #keys do
      local had = out[4 * k - 1] + (k < i and out[2] or 0)
      grant = math.min(grant, had, math.max(shared, math.min(most, math.floor(had * 0.5))))
    end
`,
);

/** Every account is said to be short for as long as the one that is short for longest. */
export const SHARED_RETRY: Edit = replacing(
  '  if not granted then return out end\n',
  `  local longest = 0
  for i = 1, #keys do longest = math.max(longest, out[4 * i + 1]) end
  for i = 1, #keys do out[4 * i + 1] = longest end
  if not granted then return out end
`,
);

/** Numbers as Lua writes them by itself: a microsecond time loses its last two digits. */
export const SHORT_NUMBERS: Edit = replacing("string.format('%.0f', number)", "string.format('%.14g', number)");
