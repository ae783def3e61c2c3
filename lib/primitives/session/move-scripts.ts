import { redisNowMs } from '../../client/redis-time.ts';
import { defineScript, type Script } from '../../client/script.ts';
import { extend, groupOf, leftOf, look, memberOf, STATE_LUA, told, writeGroup, writeSession } from './session-state.ts';

/**
 * Gives a session that is on its idle time anew, or another one. KEYS: session, group, index. ARGV: hash, idle time in ms or
 * `''` for its own. Answers 1 if it is on.
 */
export const touchScript: Script = defineScript({
  name: 'session-touch',
  lua: `${STATE_LUA}
local found = look(KEYS[1], KEYS[2])
if found.is ~= 'active' then return 0 end
local now = redis_now_ms()
local left = left_of(ARGV[2] == '' and found.idle or tonumber(ARGV[2]), found.ends, now)
redis.call('PEXPIRE', KEYS[1], text_of(left + found.keep))
redis.call('ZADD', KEYS[3], text_of(now + left), member_of(found.issued, ARGV[1]))
extend(KEYS[3], left + found.keep)
extend(KEYS[2], left + found.keep)
return 1
`,
  memory(redis, [session = '', group = '', index = ''], [hash = '', idleMs = '']) {
    const found = look(redis, session, group);
    if (found.is !== 'active') return 0;
    const now = redisNowMs(redis);
    const left = leftOf(idleMs === '' ? found.idle : Number(idleMs), found.ends, now);
    redis.call('PEXPIRE', session, left + found.keep);
    redis.call('ZADD', index, now + left, memberOf(found.issued, hash));
    extend(redis, index, left + found.keep);
    extend(redis, group, left + found.keep);
    return 1;
  },
});

/**
 * Has a session go on under another id. KEYS: session, group, index, the new session. ARGV: hash, the new hash, data or
 * `''` for what there is, how long in ms the old id leads to the new one, life of a tombstone in ms.
 *
 * Answers what it is now (`told`) and its data, or `none`: it is not on, or goes on elsewhere already. The old id is no
 * good for it from then on, or from the end of the grace; but who ends the old one ends the new.
 */
export const rotateScript: Script = defineScript({
  name: 'session-rotate',
  lua: `${STATE_LUA}
local found = look(KEYS[1], KEYS[2])
if found.is ~= 'active' then return { 'none' } end
local now = redis_now_ms()
local grace, tombstone_ms = tonumber(ARGV[4]), tonumber(ARGV[5])
local min, last = group_of(KEYS[2])
redis.call('SET', KEYS[1], '1 m ' .. text_of(tombstone_ms) .. '\\n' .. ARGV[2], 'PX', text_of(grace + tombstone_ms))
redis.call('ZREM', KEYS[3], member_of(found.issued, ARGV[1]))
found.issued = math.max(now, last + 1)
found.version = found.version + 1
if ARGV[3] ~= '' then found.data = ARGV[3] end
found.left = left_of(found.idle, found.ends, now)
write_group(KEYS[2], min, found.issued, found.left + found.keep)
write_session({ session = KEYS[4], group = KEYS[2], index = KEYS[3] }, ARGV[2], found, now)
local answer = told('saved', found)
answer[#answer + 1] = found.data
return answer
`,
  memory(redis, [old = '', group = '', index = '', session = ''], [hash = '', newHash = '', data = '', ...lives]) {
    const found = look(redis, old, group);
    if (found.is !== 'active') return ['none'];
    const now = redisNowMs(redis);
    const [graceMs = 0, tombstoneMs = 0] = lives.map(Number);
    const { min, last } = groupOf(redis, group) ?? { min: 0, last: 0 };
    redis.call('SET', old, `1 m ${tombstoneMs}\n${newHash}`, 'PX', graceMs + tombstoneMs);
    redis.call('ZREM', index, memberOf(found.issued, hash));
    const next = {
      ...found,
      issued: Math.max(now, last + 1),
      version: found.version + 1,
      data: data === '' ? found.data : data,
      left: leftOf(found.idle, found.ends, now),
    };
    writeGroup(redis, group, min, next.issued, next.left + next.keep);
    writeSession(redis, { session, group, index }, newHash, next, now);
    return [...told('saved', next), next.data];
  },
});
