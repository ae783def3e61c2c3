import type { ScriptContext } from '../store/script-twins.ts';

/** Lua function `redis_now_ms()`: what the clock of Redis says, in Unix milliseconds. */
export const REDIS_TIME_LUA: string = `
local function redis_now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
`;

/** The twin of `redis_now_ms` in {@link REDIS_TIME_LUA}. */
export function redisNowMs(redis: ScriptContext): number {
  const time = redis.call('TIME');
  const [seconds, micros] = Array.isArray(time) ? time.map(Number) : [];
  return (seconds ?? 0) * 1_000 + Math.floor((micros ?? 0) / 1_000);
}
