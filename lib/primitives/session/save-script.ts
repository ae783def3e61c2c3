import { redisNowMs } from '../../client/redis-time.ts';
import { defineScript, type Script } from '../../client/script.ts';
import type { ScriptContext } from '../../store/script-twins.ts';
import { groupOf, leftOf, look, STATE_LUA, told, writeGroup, writeSession } from './session-state.ts';

/**
 * Writes the data of a session, and begins it where that is allowed. KEYS: session, group, index. ARGV: hash, data, idle
 * time in ms or `''` for the session's own, version that must stand there or `''`, 1 where one that is not there may begin;
 * then of what begins: owner, absolute time in ms or 0, time for the archive in ms or 0, most sessions of a group or 0, life
 * of a tombstone in ms.
 *
 * Answers what it is now (`told`), or why it is not: `none`, `ended`, `moved` with the hash, `conflict`. What stands there
 * and is not on is never replaced: that is what keeps a late save from bringing it back. But what has just expired, for
 * no archive, stands there only so that it is known to be no more than that: one that was revoked before must not begin anew.
 */
export const saveScript: Script = defineScript({
  name: 'session-save',
  lua: `${STATE_LUA}
-- The oldest of a group that is full are ended as if they were revoked: what is newer stays.
local function make_room(index, min, most)
  local issued = {}
  for _, member in ipairs(redis.call('ZRANGE', index, 0, -1)) do
    issued[#issued + 1] = tonumber(string.match(member, '^(%d+):'))
  end
  table.sort(issued)
  local last_out = issued[#issued - most + 1]
  for _, member in ipairs(redis.call('ZRANGE', index, 0, -1)) do
    if tonumber(string.match(member, '^(%d+):')) <= last_out then redis.call('ZREM', index, member) end
  end
  return math.max(min, last_out + 1)
end

local keys = { session = KEYS[1], group = KEYS[2], index = KEYS[3] }
local hash, data = ARGV[1], ARGV[2]
local now = redis_now_ms()
local found = look(keys.session, keys.group)
if found.is == 'moved' and found.leads then return { 'moved', found.hash } end

if found.is == 'active' then
  if ARGV[4] ~= '' and tonumber(ARGV[4]) ~= found.version then return { 'conflict' } end
  found.version = found.version + 1
  found.data = data
  if ARGV[3] ~= '' then found.idle = tonumber(ARGV[3]) end
  found.left = left_of(found.idle, found.ends, now)
  write_session(keys, hash, found, now)
  return told('saved', found)
end

local is_free = found.is == 'absent' or (found.reason == 'expired' and ARGV[5] == '1' and ARGV[8] == '0')
if not is_free then return { 'ended' } end
if ARGV[5] ~= '1' then return { 'none' } end
local absolute, most = tonumber(ARGV[7]), tonumber(ARGV[9])
local keep = math.max(tonumber(ARGV[8]), tonumber(ARGV[10]))
local min, last = group_of(keys.group)
local issued = math.max(now, (last or 0) + 1, min or 0)
redis.call('ZREMRANGEBYSCORE', keys.index, '-inf', text_of(now))
min = min or issued
if most > 0 and redis.call('ZCARD', keys.index) >= most then min = make_room(keys.index, min, most) end
local session = { version = 1, issued = issued, started = now, ends = absolute == 0 and 0 or now + absolute,
  idle = tonumber(ARGV[3]), keep = keep, owner = ARGV[6], data = data }
session.left = left_of(session.idle, session.ends, now)
write_group(keys.group, min, issued, session.left + keep)
write_session(keys, hash, session, now)
return told('saved', session)
`,
  memory(redis, [sessionKey = '', group = '', index = ''], args) {
    const [hash = '', data = '', idleMs = '', version = '', mayBegin, owner = '', absoluteMs, keepMs, most, ...rest] =
      args;
    const keys = { session: sessionKey, group, index };
    const now = redisNowMs(redis);
    const found = look(redis, sessionKey, group);
    if (found.is === 'moved' && found.leads) return ['moved', found.hash];

    if (found.is === 'active') {
      if (version !== '' && Number(version) !== found.version) return ['conflict'];
      const idle = idleMs === '' ? found.idle : Number(idleMs);
      const left = leftOf(idle, found.ends, now);
      const session = { ...found, version: found.version + 1, data, idle, left };
      writeSession(redis, keys, hash, session, now);
      return told('saved', session);
    }

    const hasExpired = found.is === 'over' && found.reason === 'expired';
    if (found.is !== 'absent' && !(hasExpired && mayBegin === '1' && keepMs === '0')) return ['ended'];
    if (mayBegin !== '1') return ['none'];
    const [absolute, cap, idle] = [Number(absoluteMs), Number(most), Number(idleMs)];
    const keep = Math.max(Number(keepMs), Number(rest[0]));
    const known = groupOf(redis, group);
    const issued = Math.max(now, (known?.last ?? 0) + 1, known?.min ?? 0);
    redis.call('ZREMRANGEBYSCORE', index, '-inf', now);
    // Of what was issued under a group that was lost nothing counts any more.
    let min = known?.min ?? issued;
    if (cap > 0 && Number(redis.call('ZCARD', index)) >= cap) min = makeRoom(redis, index, min, cap);
    const ends = absolute === 0 ? 0 : now + absolute;
    const left = leftOf(idle, ends, now);
    const session = { version: 1, issued, started: now, ends, idle, keep, left, owner, data };
    writeGroup(redis, group, min, issued, left + keep);
    writeSession(redis, keys, hash, session, now);
    return told('saved', session);
  },
});

function makeRoom(redis: ScriptContext, index: string, min: number, most: number): number {
  const reply = redis.call('ZRANGE', index, 0, -1);
  const members = Array.isArray(reply) ? reply.map(String) : [];
  const issued = members.map(issuedOf).sort((a, b) => a - b);
  const lastOut = issued[issued.length - most] ?? 0;
  for (const member of members) if (issuedOf(member) <= lastOut) redis.call('ZREM', index, member);
  return Math.max(min, lastOut + 1);
}

/** When the session of a member of the index was issued. */
function issuedOf(member: string): number {
  return Number(member.slice(0, member.indexOf(':')));
}

/** The same, and the hash. */
export function readMember(member: string): { readonly issued: number; readonly hash: string } {
  return { issued: issuedOf(member), hash: member.slice(member.indexOf(':') + 1) };
}
