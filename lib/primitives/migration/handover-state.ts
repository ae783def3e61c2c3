import type { Value } from '../../client/call.ts';
import type { KvClient } from '../../client/kv-client.ts';
import { REDIS_TIME_LUA, redisNowMs } from '../../client/redis-time.ts';
import { defineScript, runScript, type Script, type ScriptCall } from '../../client/script.ts';
import { ConfigError, StoreError } from '../../errors.ts';
import type { MigrationNames } from './migration-names.ts';
import type { SideName } from './mode.ts';
import { numberAt } from './standing.ts';

/** Which side has the authority, by the clock of Redis. */
export interface HandoverState {
  /** The side that grants from `opensAt` on. */
  readonly side: SideName;
  /** One more with each handover. */
  readonly epoch: number;
  /** When the side may grant: when all that the other has granted has ended. Unix milliseconds of Redis; 0 for always. */
  readonly opensAt: number;
  /** When it was handed over, in Unix milliseconds of Redis; 0 for never. */
  readonly sinceAt: number;
  /** Until then: the side that has granted what may still be held, and its epoch. */
  readonly heldSide: SideName;
  readonly heldEpoch: number;
}

export interface LookedHandover {
  readonly state: HandoverState;
  /** What the clock of Redis says, in Unix milliseconds. */
  readonly nowAt: number;
}

/**
 * Reads which side has the authority; where Redis knows nothing, that is written which the process knows. KEYS: the home.
 * ARGV: side, epoch, opensAt, sinceAt, heldSide, heldEpoch, waitMs: how long a handover has to wait, of which the longest counts.
 * What would open later than that was handed over before the clock was set back: it waits once more.
 */
export const handoverLook: Script = defineScript({
  name: 'migration-handover-look',
  lua: `${REDIS_TIME_LUA}
local home = KEYS[1]
if redis.call('EXISTS', home) == 0 then
  redis.call('HSET', home, 'kind', 'handover', 'side', ARGV[1], 'epoch', ARGV[2], 'opensAt', ARGV[3], 'since', ARGV[4],
    'heldSide', ARGV[5], 'heldEpoch', ARGV[6], 'waitMs', ARGV[7])
end
if tonumber(redis.call('HGET', home, 'waitMs') or '0') < tonumber(ARGV[7]) then
  redis.call('HSET', home, 'waitMs', ARGV[7])
end
local now = redis_now_ms()
local latest = now + tonumber(redis.call('HGET', home, 'waitMs') or '0')
if tonumber(redis.call('HGET', home, 'opensAt') or '0') > latest then
  redis.call('HSET', home, 'opensAt', string.format('%.0f', latest))
end
local state = redis.call('HMGET', home, 'kind', 'side', 'epoch', 'opensAt', 'since', 'heldSide', 'heldEpoch')
return {state, string.format('%.0f', now)}
`,
  memory(redis, [home = ''], argv) {
    const [side = '', epoch = '', opensAt = '', since = '', heldSide = '', heldEpoch = '', waitMs = ''] = argv;
    if (redis.call('EXISTS', home) === 0) {
      redis.call(
        'HSET',
        ...[home, 'kind', 'handover', 'side', side, 'epoch', epoch, 'opensAt', opensAt, 'since', since],
        ...['heldSide', heldSide, 'heldEpoch', heldEpoch, 'waitMs', waitMs],
      );
    }
    if (numberAt(redis, home, 'waitMs') < Number(waitMs)) redis.call('HSET', home, 'waitMs', waitMs);
    const now = redisNowMs(redis);
    const latest = now + numberAt(redis, home, 'waitMs');
    if (numberAt(redis, home, 'opensAt') > latest) redis.call('HSET', home, 'opensAt', String(latest));
    const state = redis.call('HMGET', home, 'kind', 'side', 'epoch', 'opensAt', 'since', 'heldSide', 'heldEpoch');
    return [state, String(now)];
  },
});

/** As {@link handoverLook}, but writes nothing. Answers nil for what is no handover. KEYS: the home. */
export const handoverRead: Script = defineScript({
  name: 'migration-handover-read',
  lua: `${REDIS_TIME_LUA}
if redis.call('HGET', KEYS[1], 'kind') ~= 'handover' then return false end
local state = redis.call('HMGET', KEYS[1], 'kind', 'side', 'epoch', 'opensAt', 'since', 'heldSide', 'heldEpoch')
return {state, string.format('%.0f', redis_now_ms())}
`,
  memory(redis, [home = '']) {
    if (redis.call('HGET', home, 'kind') !== 'handover') return null;
    const state = redis.call('HMGET', home, 'kind', 'side', 'epoch', 'opensAt', 'since', 'heldSide', 'heldEpoch');
    return [state, String(redisNowMs(redis))];
  },
});

/**
 * Hands the authority over. The side that loses it grants nothing more once every process has heard, and the other nothing
 * before all that was granted has ended: also on the way back, and also where the last handover still waits. KEYS: the
 * home. ARGV: the side. Answers a status, and how long it waits.
 */
export const handoverChange: Script = defineScript({
  name: 'migration-handover-change',
  lua: `${REDIS_TIME_LUA}
local home = KEYS[1]
local kind = redis.call('HGET', home, 'kind')
if kind ~= 'handover' then return {'unknown'} end
local side = redis.call('HGET', home, 'side')
if side == ARGV[1] then return {'unchanged'} end
local now = redis_now_ms()
local wait = tonumber(redis.call('HGET', home, 'waitMs') or '0')
if now >= tonumber(redis.call('HGET', home, 'opensAt') or '0') then
  redis.call('HSET', home, 'heldSide', side, 'heldEpoch', redis.call('HGET', home, 'epoch'))
end
redis.call('HINCRBY', home, 'epoch', 1)
redis.call('HSET', home, 'side', ARGV[1], 'opensAt', string.format('%.0f', now + wait), 'since', string.format('%.0f', now))
return {'changed', string.format('%.0f', wait)}
`,
  memory(redis, [home = ''], [next = '']) {
    if (redis.call('HGET', home, 'kind') !== 'handover') return ['unknown'];
    const side = redis.call('HGET', home, 'side');
    if (side === next) return ['unchanged'];
    const now = redisNowMs(redis);
    const wait = numberAt(redis, home, 'waitMs');
    if (now >= numberAt(redis, home, 'opensAt')) {
      redis.call('HSET', home, 'heldSide', String(side), 'heldEpoch', numberAt(redis, home, 'epoch'));
    }
    redis.call('HINCRBY', home, 'epoch', 1);
    redis.call('HSET', home, 'side', next, 'opensAt', String(now + wait), 'since', String(now));
    return ['changed', String(wait)];
  },
});

/** What became of a handover. */
export type HandoverChange =
  /** Nobody grants anything for so long, at the most. */
  | { readonly status: 'changed'; readonly waitMs: number }
  | { readonly status: 'unchanged' }
  /** No process has ever used a handover of that name here. */
  | { readonly status: 'unknown' };

export function handoverLookCall(names: MigrationNames, known: HandoverState, waitMs: number): ScriptCall {
  const { side, epoch, opensAt, sinceAt, heldSide, heldEpoch } = known;
  return {
    script: handoverLook,
    keys: [names.home],
    args: [side, epoch, opensAt, sinceAt, heldSide, heldEpoch, waitMs],
  };
}

/** @throws ConfigError when the name is that of something else; StoreError when Redis holds something else */
export function lookedHandover(value: Value | Error | undefined): LookedHandover {
  if (value instanceof Error) throw value;
  const [fields, now] = Array.isArray(value) ? value : [];
  const [kind, side, epoch, opensAt, since, heldSide, heldEpoch] = Array.isArray(fields) ? fields : [];
  if (kind !== 'handover') throw new ConfigError('name', 'is that of a migration of another kind');
  if (side !== 'old' && side !== 'new') {
    throw new StoreError('protocol', 'The side of a handover cannot be read', { mayHaveRun: false });
  }
  const state: HandoverState = {
    side,
    epoch: Number(epoch),
    opensAt: Number(opensAt),
    sinceAt: Number(since),
    heldSide: heldSide === 'new' ? 'new' : 'old',
    heldEpoch: Number(heldEpoch),
  };
  return { state, nowAt: Number(now) };
}

/** Where a handover stands; `undefined` where that name is of none. Changes nothing. One request. @throws as `command` */
export async function readHandover(kv: KvClient, { home }: MigrationNames): Promise<LookedHandover | undefined> {
  const answer = await runScript(kv, { script: handoverRead, keys: [home], args: [] });
  return Array.isArray(answer) ? lookedHandover(answer) : undefined;
}

/** One request. @throws as `command` */
export async function changeHandover(kv: KvClient, names: MigrationNames, side: SideName): Promise<HandoverChange> {
  const answer = await runScript(kv, { script: handoverChange, keys: [names.home], args: [side] });
  const [status, waitMs] = Array.isArray(answer) ? answer.map(String) : [];
  if (status === 'changed') return { status, waitMs: Number(waitMs) };
  return { status: status === 'unchanged' ? 'unchanged' : 'unknown' };
}
