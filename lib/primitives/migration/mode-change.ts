import type { KvClient } from '../../client/kv-client.ts';
import { REDIS_TIME_LUA, redisNowMs } from '../../client/redis-time.ts';
import { defineScript, runScript, type Script } from '../../client/script.ts';
import type { MigrationNames } from './migration-names.ts';
import { type MigrationMode, newShareOf, rankOf, type SideName } from './mode.ts';
import { numberAt } from './standing.ts';
import { pendingPrefix } from './tally.ts';

/** How a mode is changed. */
export interface ChangeOptions {
  /** Change it whatever is said against it. @default false */
  readonly force?: boolean | undefined;
}

/** What became of a change of the mode. But for `changed` nothing has changed. */
export type ModeChange =
  | { readonly status: 'changed'; readonly from: MigrationMode }
  | { readonly status: 'unchanged' }
  /** No process has ever used a migration of that name here. */
  | { readonly status: 'unknown' }
  /** There are modes between: processes that know one of these must not meet. */
  | { readonly status: 'not-adjacent'; readonly from: MigrationMode }
  /** Some process may still act on the mode before this one. */
  | { readonly status: 'too-early'; readonly retryAfterMs: number }
  /** Reads would move to a side that lacks what was written before: it wants a backfill, or a reconciliation. */
  | { readonly status: 'behind'; readonly side: SideName }
  /** Reads would move to a side that has missed the latest of so many keys. */
  | { readonly status: 'diverged'; readonly side: SideName; readonly keys: number };

/**
 * Changes the mode where that is safe, atomically and by the clock of Redis. KEYS: home, tally. ARGV: mode, rank, share, 1
 * to force it. Answers a status and what belongs to it.
 *
 * Two modes may be in force at the same time, since processes hear of a change one after the other; so a change has to wait
 * until the one before has reached everybody. Not so the way back: then there are no more than the same two.
 */
export const modeChange: Script = defineScript({
  name: 'migration-change',
  lua: `${REDIS_TIME_LUA}
local home, tally = KEYS[1], KEYS[2]
local mode, rank, share = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local from = redis.call('HGET', home, 'mode')
if not from then return {'unknown'} end
if from == mode then return {'unchanged'} end
local now = redis_now_ms()
local function at(key, field) return tonumber(redis.call('HGET', key, field) or '0') end
local from_rank, from_share = at(home, 'rank'), at(home, 'share')
if ARGV[4] ~= '1' then
  if math.abs(rank - from_rank) > 1 then return {'not-adjacent', from} end
  local left = at(home, 'since') + at(home, 'dwellMs') - now
  if left > 0 and redis.call('HGET', home, 'previous') ~= mode then
    return {'too-early', string.format('%.0f', left)}
  end
  local toward = 'old'
  if share > from_share or (share == from_share and rank > from_rank) then toward = 'new' end
  if (toward == 'new' and rank > 1) or (toward == 'old' and rank < 3) then
    if redis.call('HGET', home, 'behind') == toward then return {'behind', toward} end
    local prefix = 'pending.' .. toward .. '@' .. (redis.call('HGET', home, 'period') or '') .. '#'
    local pending, fields = 0, redis.call('HGETALL', tally)
    for index = 1, #fields, 2 do
      if string.sub(fields[index], 1, #prefix) == prefix then pending = pending + tonumber(fields[index + 1]) end
    end
    if pending > 0 then return {'diverged', toward, string.format('%.0f', pending)} end
  end
end
local revision = redis.call('HINCRBY', home, 'revision', 1)
redis.call('HSET', home, 'mode', mode, 'rank', ARGV[2], 'share', ARGV[3], 'since', string.format('%.0f', now),
  'previous', from)
local was_dual = from_rank > 0 and from_rank < 4
local is_dual = rank > 0 and rank < 4
if is_dual and not was_dual then
  local behind = 'new'
  if from_rank == 4 then behind = 'old' end
  redis.call('HSET', home, 'behind', behind, 'period', revision)
end
if not is_dual then redis.call('HSET', home, 'behind', '') end
return {'changed', from}
`,
  memory(redis, [home = '', tally = ''], [mode = '', rankText = '', shareText = '', force]) {
    const [rank, share] = [Number(rankText), Number(shareText)];
    const from = redis.call('HGET', home, 'mode');
    if (from === null) return ['unknown'];
    if (from === mode) return ['unchanged'];
    const now = redisNowMs(redis);
    const [fromRank, fromShare] = [numberAt(redis, home, 'rank'), numberAt(redis, home, 'share')];
    if (force !== '1') {
      if (Math.abs(rank - fromRank) > 1) return ['not-adjacent', from];
      const left = numberAt(redis, home, 'since') + numberAt(redis, home, 'dwellMs') - now;
      if (left > 0 && redis.call('HGET', home, 'previous') !== mode) return ['too-early', String(left)];
      const toward = share > fromShare || (share === fromShare && rank > fromRank) ? 'new' : 'old';
      if (toward === 'new' ? rank > 1 : rank < 3) {
        if (redis.call('HGET', home, 'behind') === toward) return ['behind', toward];
        const prefix = pendingPrefix(toward, String(redis.call('HGET', home, 'period') ?? ''));
        const fields = redis.call('HGETALL', tally);
        const list = Array.isArray(fields) ? fields.map(String) : [];
        const pending = list.reduce(
          (sum, field, index) => (index % 2 === 0 && field.startsWith(prefix) ? sum + Number(list[index + 1]) : sum),
          0,
        );
        if (pending > 0) return ['diverged', toward, String(pending)];
      }
    }
    const revision = Number(redis.call('HINCRBY', home, 'revision', 1));
    redis.call(
      'HSET',
      ...[home, 'mode', mode, 'rank', rankText, 'share', shareText, 'since', String(now), 'previous', String(from)],
    );
    const wasDual = fromRank > 0 && fromRank < 4;
    const isDual = rank > 0 && rank < 4;
    if (isDual && !wasDual) {
      redis.call('HSET', home, 'behind', fromRank === 4 ? 'old' : 'new', 'period', revision);
    }
    if (!isDual) redis.call('HSET', home, 'behind', '');
    return ['changed', from];
  },
});

/** One request. @throws as `command` */
export async function changeMode(
  kv: KvClient,
  names: MigrationNames,
  mode: MigrationMode,
  { force = false }: ChangeOptions = {},
): Promise<ModeChange> {
  const args = [mode, rankOf(mode), newShareOf(mode), force ? 1 : 0];
  const answer = await runScript(kv, { script: modeChange, keys: [names.home, names.tally], args });
  const [status, first, second] = Array.isArray(answer) ? answer.map(String) : [];
  switch (status) {
    case 'changed':
    case 'not-adjacent':
      return { status, from: first as MigrationMode };
    case 'too-early':
      return { status, retryAfterMs: Number(first) };
    case 'behind':
      return { status, side: first as SideName };
    case 'diverged':
      return { status, side: first as SideName, keys: Number(second) };
    default:
      return { status: status === 'unchanged' ? 'unchanged' : 'unknown' };
  }
}
