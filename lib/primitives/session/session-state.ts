import { REDIS_TIME_LUA } from '../../client/redis-time.ts';
import type { ScriptContext } from '../../store/script-twins.ts';

/*
 * What stands under the name of a session, as text:
 *
 *   1 a <version> <issuedAt> <startedAt> <endsAt> <idleMs> <keepMs>⏎<owner>⏎<data>   is on; endsAt 0 for no absolute end
 *   1 e <version> <startedAt> <endedAt> <reason>⏎<owner>⏎<data>                      is over, and waits for the archive
 *   1 m <keepMs>⏎<hash>                                                               has gone on under another id
 *   1 x                                                                               tombstone
 *
 * Owner and data are JSON.
 *
 * How long a session has left is its time to live in Redis less keepMs, which is for the archive, and at least as long as
 * a tombstone: no clock of a process takes part.
 *
 * Under the name of its group, `1 <min> <last>`: what was issued before min is revoked, last is the latest instant at which
 * anything was issued. Instants are Unix milliseconds of the clock of Redis, of a group each once.
 */

/** Stands for a session that must not come back. */
export const TOMBSTONE = '1 x';

/** What a script finds under a name. `over`: expired or revoked, and still there for the archive. */
export type State =
  | { readonly is: 'absent' }
  | { readonly is: 'tombstone' }
  | { readonly is: 'unreadable' }
  | { readonly is: 'kept'; readonly text: string }
  /** `leads`: the old id is good for it still. To end it is always. */
  | { readonly is: 'moved'; readonly hash: string; readonly leads: boolean }
  | (Live & { readonly is: 'active' })
  | (Live & { readonly is: 'over'; readonly reason: 'expired' | 'revoked' });

/** A session that is on, or was: what stands there of it, and how long it has left. */
export interface Live {
  readonly version: number;
  readonly issued: number;
  readonly started: number;
  readonly ends: number;
  readonly idle: number;
  readonly keep: number;
  readonly left: number;
  /** JSON: whose it is. */
  readonly owner: string;
  /** JSON. */
  readonly data: string;
}

/** Lua functions that all scripts of a session begin with; their twins are below, by the same names. */
export const STATE_LUA: string = `${REDIS_TIME_LUA}
local function text_of(number) return string.format('%.0f', number) end

local function extend(key, life)
  if redis.call('PTTL', key) < life then redis.call('PEXPIRE', key, text_of(life)) end
end

local function group_of(key)
  local min, last = string.match(redis.call('GET', key) or '', '^1 (%d+) (%d+)$')
  return tonumber(min), tonumber(last)
end

local function write_group(key, min, last, life)
  local longest = math.max(life, redis.call('PTTL', key))
  redis.call('SET', key, '1 ' .. text_of(min) .. ' ' .. text_of(last), 'PX', text_of(longest))
end

local function member_of(issued, hash) return text_of(issued) .. ':' .. hash end

local function look(key, group)
  local text = redis.call('GET', key)
  if not text then return { is = 'absent' } end
  if text == '${TOMBSTONE}' then return { is = 'tombstone' } end
  if string.sub(text, 1, 4) == '1 e ' then return { is = 'kept', text = text } end
  local left = redis.call('PTTL', key)
  local kept, hash = string.match(text, '^1 m (%d+)\\n([%w_-]+)$')
  if kept then return { is = 'moved', hash = hash, leads = left > tonumber(kept) } end
  local version, issued, started, ends, idle, keep, owner, data =
    string.match(text, '^1 a (%d+) (%d+) (%d+) (%d+) (%d+) (%d+)\\n([^\\n]*)\\n(.*)$')
  if not version then return { is = 'unreadable' } end
  local found = { is = 'active', version = tonumber(version), issued = tonumber(issued), started = tonumber(started),
    ends = tonumber(ends), idle = tonumber(idle), keep = tonumber(keep), left = left - tonumber(keep), owner = owner,
    data = data }
  local min = group_of(group)
  if not min or found.issued < min then found.is, found.reason = 'over', 'revoked'
  elseif found.left <= 0 then found.is, found.reason = 'over', 'expired' end
  return found
end

local function left_of(idle, ends, now)
  if ends == 0 then return idle end
  return math.max(1, math.min(idle, ends - now))
end

local function write_session(keys, hash, session, now)
  redis.call('SET', keys.session, '1 a ' .. text_of(session.version) .. ' ' .. text_of(session.issued) .. ' '
    .. text_of(session.started) .. ' ' .. text_of(session.ends) .. ' ' .. text_of(session.idle) .. ' '
    .. text_of(session.keep) .. '\\n' .. session.owner .. '\\n' .. session.data, 'PX', text_of(session.left + session.keep))
  redis.call('ZADD', keys.index, text_of(now + session.left), member_of(session.issued, hash))
  extend(keys.index, session.left + session.keep)
  extend(keys.group, session.left + session.keep)
end

local function told(status, session)
  return { status, session.owner, text_of(session.version), text_of(session.started), text_of(session.ends),
    text_of(session.left) }
end
`;

export function extend(redis: ScriptContext, key: string, life: number): void {
  if (Number(redis.call('PTTL', key)) < life) redis.call('PEXPIRE', key, life);
}

export function groupOf(
  redis: ScriptContext,
  key: string,
): { readonly min: number; readonly last: number } | undefined {
  return readGroup(redis.call('GET', key));
}

/** What the text under the name of a group says; `undefined` for none, and for what cannot be read. */
export function readGroup(text: unknown): { readonly min: number; readonly last: number } | undefined {
  const [, min, last] = /^1 (\d+) (\d+)$/.exec(typeof text === 'string' ? text : '') ?? [];
  return min === undefined ? undefined : { min: Number(min), last: Number(last) };
}

export function writeGroup(redis: ScriptContext, key: string, min: number, last: number, life: number): void {
  redis.call('SET', key, `1 ${min} ${last}`, 'PX', Math.max(life, Number(redis.call('PTTL', key))));
}

export function memberOf(issued: number, hash: string): string {
  return `${issued}:${hash}`;
}

export function look(redis: ScriptContext, key: string, group: string): State {
  const text = redis.call('GET', key);
  return judge(text, redis.call('GET', group), Number(redis.call('PTTL', key)));
}

/** What `text` means, with `group` beside it and `ttlMs` to live: also for a reader, who asks for the three by himself. */
export function judge(text: unknown, group: unknown, ttlMs: number): State {
  if (typeof text !== 'string') return { is: 'absent' };
  if (text === TOMBSTONE) return { is: 'tombstone' };
  if (text.startsWith('1 e ')) return { is: 'kept', text };
  const [, kept, hash] = /^1 m (\d+)\n([\w-]+)$/.exec(text) ?? [];
  if (hash !== undefined) return { is: 'moved', hash, leads: ttlMs > Number(kept) };
  const [head, ...fields] = /^1 a (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)\n([^\n]*)\n/.exec(text) ?? [];
  if (head === undefined) return { is: 'unreadable' };
  const owner = fields.pop() ?? '';
  const [version = 0, issued = 0, started = 0, ends = 0, idle = 0, keep = 0] = fields.map(Number);
  const left = ttlMs - keep;
  const found = { version, issued, started, ends, idle, keep, left, owner, data: text.slice(head.length) };
  const min = readGroup(group)?.min;
  // Of a group that was lost nobody knows who was revoked.
  if (min === undefined || issued < min) return { ...found, is: 'over', reason: 'revoked' };
  return left <= 0 ? { ...found, is: 'over', reason: 'expired' } : { ...found, is: 'active' };
}

export function leftOf(idle: number, ends: number, now: number): number {
  return ends === 0 ? idle : Math.max(1, Math.min(idle, ends - now));
}

export interface SessionKeys {
  readonly session: string;
  readonly group: string;
  readonly index: string;
}

export function writeSession(redis: ScriptContext, keys: SessionKeys, hash: string, session: Live, now: number): void {
  const { version, issued, started, ends, idle, keep, left, owner, data } = session;
  const head = `1 a ${version} ${issued} ${started} ${ends} ${idle} ${keep}`;
  redis.call('SET', keys.session, `${head}\n${owner}\n${data}`, 'PX', left + keep);
  redis.call('ZADD', keys.index, now + left, memberOf(issued, hash));
  extend(redis, keys.index, left + keep);
  extend(redis, keys.group, left + keep);
}

export function told(status: string, { owner, version, started, ends, left }: Live): string[] {
  return [status, owner, String(version), String(started), String(ends), String(left)];
}
