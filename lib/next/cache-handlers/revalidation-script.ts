import { redisNowMs } from '../../client/redis-time.ts';
import { defineScript, type Script } from '../../client/script.ts';
import type { ScriptContext } from '../../store/script-twins.ts';

/** What a log is called by, which no other log is, and the instant up to which its tags have been forgotten. */
export interface Head {
  readonly epoch: string;
  readonly floor: number;
}

/** The head sorts after every tag of the same instant. */
export function readHead(member: unknown): Head | undefined {
  const [, epoch, floor] = /^~([A-Za-z0-9]+):(\d+)$/.exec(String(member)) ?? [];
  return epoch === undefined ? undefined : { epoch, floor: Number(floor) };
}

/**
 * Writes into the log of revalidations: a sorted set of tags by the instant at which each was revalidated last. Instants
 * are those of Redis's clock, and grow with each call even where that is set back: they order what happens, whatever the
 * clocks of processes say. The head stands at the last one. A log that is not there begins with a head of its own.
 *
 * KEYS: the log. ARGV: name for a new log; `keep`, or `clear` to begin a new one; how many tags are kept, of which the
 * oldest go; members. Answers the instant; that of the head where there is nothing to write.
 */
export const revalidationScript: Script = defineScript({
  name: 'revalidation',
  lua: `
local function whole(number) return string.format('%.0f', number) end
local key, most = KEYS[1], tonumber(ARGV[3])
if ARGV[2] == 'clear' then redis.call('DEL', key) end
local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
local epoch, floor = string.match(last[1] or '', '^~(%w+):(%d+)$')
if epoch and #ARGV == 3 then return whole(tonumber(last[2])) end
local time = redis.call('TIME')
local at = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if epoch then
  at = math.max(at, tonumber(last[2]) + 1)
  redis.call('ZREM', key, last[1])
else
  epoch, floor = ARGV[1], '0'
  redis.call('DEL', key)
end
for index = 4, #ARGV do redis.call('ZADD', key, whole(at), ARGV[index]) end
local excess = redis.call('ZCARD', key) - most
if excess > 0 then
  local going = excess + math.floor(most / 10)
  floor = whole(tonumber(redis.call('ZRANGE', key, going - 1, going - 1, 'WITHSCORES')[2]))
  redis.call('ZREMRANGEBYRANK', key, 0, going - 1)
end
redis.call('ZADD', key, whole(at), '~' .. epoch .. ':' .. floor)
return whole(at)
`,
  memory(redis, [key = ''], [newEpoch = '', mode, most, ...members]) {
    if (mode === 'clear') redis.call('DEL', key);
    const [last, lastAt] = memberAt(redis, key, -1);
    const head = readHead(last);
    if (head && members.length === 0) return String(lastAt);
    let at = redisNowMs(redis);
    let { epoch, floor } = head ?? { epoch: newEpoch, floor: 0 };
    if (head && last !== undefined) {
      at = Math.max(at, lastAt + 1);
      redis.call('ZREM', key, last);
    } else {
      redis.call('DEL', key);
    }
    for (const member of members) redis.call('ZADD', key, at, member);
    const excess = Number(redis.call('ZCARD', key)) - Number(most);
    if (excess > 0) {
      const going = excess + Math.floor(Number(most) / 10);
      [, floor] = memberAt(redis, key, going - 1);
      redis.call('ZREMRANGEBYRANK', key, 0, going - 1);
    }
    redis.call('ZADD', key, at, `~${epoch}:${floor}`);
    return String(at);
  },
});

function memberAt(redis: ScriptContext, key: string, rank: number): readonly [member: string | undefined, at: number] {
  const found = redis.call('ZRANGE', key, rank, rank, 'WITHSCORES');
  const [member, at] = Array.isArray(found) ? found : [];
  return [member === undefined ? undefined : String(member), Number(at)];
}
