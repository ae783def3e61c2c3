import type { Value } from '../../client/call.ts';
import type { KvClient } from '../../client/kv-client.ts';
import { REDIS_TIME_LUA, redisNowMs } from '../../client/redis-time.ts';
import { defineScript, type Script, type ScriptCall } from '../../client/script.ts';
import { ConfigError, StoreError } from '../../errors.ts';
import type { ScriptContext } from '../../store/script-twins.ts';
import type { MigrationNames } from './migration-names.ts';
import { type MigrationMode, newShareOf, parseMode, rankOf, type SideName } from './mode.ts';

export type MigrationKind = 'records' | 'counters';

/** Where a migration stands, as Redis keeps it. */
export interface Standing {
  readonly mode: MigrationMode;
  /** One more with every change of the mode. */
  readonly revision: number;
  /** Of the change that both sides have been written since. */
  readonly period: number;
  /** Since when it is in this mode, in Unix milliseconds of Redis. */
  readonly sinceAt: number;
  /** The side that lacks what was written while it alone was not: until a backfill or reconciliation has ended. */
  readonly behind: SideName | undefined;
  /** How long after a change some process may still act on the mode before, in milliseconds. */
  readonly dwellMs: number;
}

/** What is told to Redis where it knows nothing of the migration, and what it answers. */
export interface Looked {
  readonly standing: Standing;
  /** What the clock of Redis says, in Unix milliseconds. */
  readonly nowAt: number;
}

/**
 * Reads where a migration stands; where Redis knows nothing, that is written which the process knows. KEYS: the home.
 * ARGV: mode, rank, share, revision, period, behind, kind, dwellMs. Answers the fields and what time it is, as texts. A change
 * that lies ahead was made before the clock was set back: it counts as made now.
 */
export const standingLook: Script = defineScript({
  name: 'migration-look',
  lua: `${REDIS_TIME_LUA}
local home = KEYS[1]
local clock = redis_now_ms()
local now = string.format('%.0f', clock)
if redis.call('EXISTS', home) == 0 then
  redis.call('HSET', home, 'mode', ARGV[1], 'rank', ARGV[2], 'share', ARGV[3], 'revision', ARGV[4], 'period', ARGV[5],
    'behind', ARGV[6], 'kind', ARGV[7], 'since', now, 'previous', ARGV[1], 'dwellMs', ARGV[8])
end
if tonumber(redis.call('HGET', home, 'dwellMs') or '0') < tonumber(ARGV[8]) then
  redis.call('HSET', home, 'dwellMs', ARGV[8])
end
if tonumber(redis.call('HGET', home, 'since') or '0') > clock then redis.call('HSET', home, 'since', now) end
return {redis.call('HMGET', home, 'mode', 'revision', 'period', 'since', 'behind', 'dwellMs', 'kind'), now}
`,
  memory(redis, [home = ''], argv) {
    const [mode = '', rank = '', share = '', revision = '', period = '', behind = '', kind = '', dwellMs = ''] = argv;
    const now = String(redisNowMs(redis));
    if (redis.call('EXISTS', home) === 0) {
      redis.call(
        'HSET',
        ...[home, 'mode', mode, 'rank', rank, 'share', share, 'revision', revision, 'period', period],
        ...['behind', behind, 'kind', kind, 'since', now, 'previous', mode, 'dwellMs', dwellMs],
      );
    }
    if (numberAt(redis, home, 'dwellMs') < Number(dwellMs)) redis.call('HSET', home, 'dwellMs', dwellMs);
    if (numberAt(redis, home, 'since') > Number(now)) redis.call('HSET', home, 'since', now);
    const fields = redis.call('HMGET', home, 'mode', 'revision', 'period', 'since', 'behind', 'dwellMs', 'kind');
    return [fields, now];
  },
});

/** A number in a hash; 0 where there is none. */
export function numberAt(redis: ScriptContext, key: string, field: string): number {
  return Number(redis.call('HGET', key, field) ?? 0);
}

/** @param known what to tell Redis where it knows nothing */
export function lookCall(names: MigrationNames, known: Standing, kind: MigrationKind): ScriptCall {
  const { mode, revision, period, behind = '', dwellMs } = known;
  return {
    script: standingLook,
    keys: [names.home],
    args: [mode, rankOf(mode), newShareOf(mode), revision, period, behind, kind, dwellMs],
  };
}

/** @throws ConfigError when the name is that of something else; StoreError when Redis holds something else */
export function lookedFrom(value: Value | Error | undefined, kind: MigrationKind | undefined): Looked {
  if (value instanceof Error) throw value;
  const [fields, now] = Array.isArray(value) ? value : [];
  const standing = standingFrom(fields, kind);
  if (!standing) throw new StoreError('protocol', 'The mode of a migration cannot be read', { mayHaveRun: false });
  return { standing, nowAt: Number(now) };
}

/** Where a migration stands, whatever it is of; `undefined` for one that nobody has begun. One request. @throws as `command` */
export async function readStanding(
  kv: KvClient,
  names: MigrationNames,
): Promise<(Standing & { readonly kind: MigrationKind }) | undefined> {
  const fields = await kv.command([
    ...(['HMGET', names.home, 'mode', 'revision', 'period', 'since', 'behind', 'dwellMs', 'kind'] as const),
  ]);
  const kind = Array.isArray(fields) ? fields[6] : null;
  const standing = standingFrom(fields, undefined);
  return standing && { ...standing, kind: kind === 'counters' ? kind : 'records' };
}

function standingFrom(fields: unknown, kind: MigrationKind | undefined): Standing | undefined {
  const texts = (Array.isArray(fields) ? fields : []).map((field) => (typeof field === 'string' ? field : ''));
  const [text = '', revision, period, since, behind, dwellMs, ofKind] = texts;
  if (kind !== undefined && ofKind !== '' && ofKind !== kind) {
    throw new ConfigError('name', 'is that of a migration of another kind');
  }
  const mode = parseMode(text);
  if (mode === undefined) return undefined;
  return {
    mode,
    revision: Number(revision),
    period: Number(period),
    sinceAt: Number(since),
    behind: behind === 'old' || behind === 'new' ? behind : undefined,
    dwellMs: Number(dwellMs),
  };
}
