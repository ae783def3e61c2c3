import { redisNowMs } from '../../client/redis-time.ts';
import { defineScript, type Script } from '../../client/script.ts';
import { groupOf, look, memberOf, STATE_LUA, TOMBSTONE, writeGroup } from './session-state.ts';

/**
 * Ends a session, or, without a reason, does so only where it is over already. KEYS: session, group, index. ARGV: hash,
 * reason or `''`, life of a tombstone in ms, how long in ms what is ended waits for the archive once that is due, 0 for no archive, 1 where a
 * tombstone is wanted although nothing is there, how long ago in ms it was to end where what has begun since is to go on, or `''`.
 *
 * Answers what it was: `live`, `over`, `none`, `unreadable`, `moved` with the hash it goes on under; for what waits for the
 * archive its text as well. `active` with the time it has left where it goes on.
 */
export const closeScript: Script = defineScript({
  name: 'session-close',
  lua: `${STATE_LUA}
local session, reason, tombstone_ms, keep = KEYS[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local now = redis_now_ms()
local found = look(session, KEYS[2])
local function bury()
  if reason ~= '' then redis.call('SET', session, '${TOMBSTONE}', 'PX', text_of(tombstone_ms)) end
end
if found.is == 'kept' then return { 'none', found.text } end
if found.is == 'moved' then
  if reason == '' then return { 'none' } end
  -- It leads nobody in any more, but still whoever ends it: the answer to this may be lost.
  redis.call('SET', session, '1 m ' .. text_of(tombstone_ms) .. '\\n' .. found.hash, 'PX', text_of(tombstone_ms))
  return { 'moved', found.hash }
end
if found.is == 'absent' or found.is == 'tombstone' then
  if ARGV[5] == '1' then bury() end
  return { 'none' }
end
if found.is == 'unreadable' then
  bury()
  return { 'unreadable' }
end
if found.is == 'active' and reason == '' then return { 'active', text_of(found.left) } end
-- One that has begun in the future says that the clock was set back: nobody knows since when it is on.
local has_begun_since = ARGV[6] ~= '' and found.started > now - tonumber(ARGV[6]) and found.started <= now
if found.is == 'active' and has_begun_since then return { 'none' } end
redis.call('ZREM', KEYS[3], member_of(found.issued, ARGV[1]))
local was = found.is == 'active' and 'live' or 'over'
if keep == 0 then
  bury()
  return { was }
end
local ended = now
if found.reason == 'expired' then ended = now + found.left end
local text = '1 e ' .. text_of(found.version) .. ' ' .. text_of(found.started) .. ' ' .. text_of(ended) .. ' '
  .. (found.reason or reason) .. '\\n' .. found.owner .. '\\n' .. found.data
redis.call('SET', session, text, 'PX', text_of(math.max(keep + found.idle, tombstone_ms)))
return { was, text }
`,
  memory(redis, [session = '', group = '', index = ''], [hash = '', reason = '', tombstoneMs, keepMs, always, agoMs]) {
    const keep = Number(keepMs);
    const now = redisNowMs(redis);
    const found = look(redis, session, group);
    const bury = () => {
      if (reason !== '') redis.call('SET', session, TOMBSTONE, 'PX', Number(tombstoneMs));
    };
    if (found.is === 'kept') return ['none', found.text];
    if (found.is === 'moved') {
      if (reason === '') return ['none'];
      redis.call('SET', session, `1 m ${tombstoneMs}\n${found.hash}`, 'PX', Number(tombstoneMs));
      return ['moved', found.hash];
    }
    if (found.is === 'absent' || found.is === 'tombstone') {
      if (always === '1') bury();
      return ['none'];
    }
    if (found.is === 'unreadable') {
      bury();
      return ['unreadable'];
    }
    if (found.is === 'active' && reason === '') return ['active', String(found.left)];
    const hasBegunSince = agoMs !== '' && found.started > now - Number(agoMs) && found.started <= now;
    if (found.is === 'active' && hasBegunSince) return ['none'];
    redis.call('ZREM', index, memberOf(found.issued, hash));
    const was = found.is === 'active' ? 'live' : 'over';
    if (keep === 0) {
      bury();
      return [was];
    }
    const because = found.is === 'over' ? found.reason : reason;
    const ended = because === 'expired' ? now + found.left : now;
    const text = `1 e ${found.version} ${found.started} ${ended} ${because}\n${found.owner}\n${found.data}`;
    redis.call('SET', session, text, 'PX', Math.max(keep + found.idle, Number(tombstoneMs)));
    return [was, text];
  },
});

/** The archive has it: what waited for that becomes a tombstone. KEYS: session. ARGV: life of the tombstone in ms. */
export const forgetScript: Script = defineScript({
  name: 'session-forget',
  lua: `
if redis.call('GETRANGE', KEYS[1], 0, 3) ~= '1 e ' then return 0 end
redis.call('SET', KEYS[1], '${TOMBSTONE}', 'PX', ARGV[1])
return 1
`,
  memory(redis, [session = ''], [tombstoneMs = '']) {
    if (redis.call('GETRANGE', session, 0, 3) !== '1 e ') return 0;
    redis.call('SET', session, TOMBSTONE, 'PX', tombstoneMs);
    return 1;
  },
});

/**
 * Ends all sessions of a group, whatever their number: what was issued so far counts no more. KEYS: group, index. A group
 * that is not there has no session that is on.
 */
export const revokeScript: Script = defineScript({
  name: 'session-revoke',
  lua: `${STATE_LUA}
local _, last = group_of(KEYS[1])
redis.call('UNLINK', KEYS[2])
if not last then return 0 end
write_group(KEYS[1], math.max(redis_now_ms(), last + 1), last, 1)
return 1
`,
  memory(redis, [group = '', index = '']) {
    const known = groupOf(redis, group);
    redis.call('UNLINK', index);
    if (!known) return 0;
    writeGroup(redis, group, Math.max(redisNowMs(redis), known.last + 1), known.last, 1);
    return 1;
  },
});
