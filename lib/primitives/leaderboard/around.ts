import { defineScript, type Script } from '../../client/script.ts';

/**
 * A member's place on a board, and its neighbours, at one moment. KEYS: the board. ARGV: the member; how many on each side;
 * `1` where the highest score is first. Answers how many are on the board, and for a member of it the rank, from 0, of the
 * first one shown, and those with their scores. One request, one slot.
 */
export const aroundScript: Script = defineScript({
  name: 'leaderboard-around',
  lua: `
local reversed = ARGV[3] == '1'
local size = redis.call('ZCARD', KEYS[1])
local rank = redis.call(reversed and 'ZREVRANK' or 'ZRANK', KEYS[1], ARGV[1])
if not rank then return {size} end
local from = math.max(0, rank - ARGV[2])
return {size, from, redis.call(reversed and 'ZREVRANGE' or 'ZRANGE', KEYS[1], from, rank + ARGV[2], 'WITHSCORES')}
`,
  memory(redis, [key = ''], [member = '', count = '', order = '']) {
    const reversed = order === '1';
    const size = redis.call('ZCARD', key);
    const rank = redis.call(reversed ? 'ZREVRANK' : 'ZRANK', key, member);
    if (typeof rank !== 'number') return [size];
    const from = Math.max(0, rank - Number(count));
    return [size, from, redis.call(reversed ? 'ZREVRANGE' : 'ZRANGE', key, from, rank + Number(count), 'WITHSCORES')];
  },
});
