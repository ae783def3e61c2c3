import type { Script } from '../../lib/client/script.ts';
import { elapsedSince } from '../../lib/clock.ts';
import { acquireScript, extendScript, releaseScript } from '../../lib/primitives/lock/lock-scripts.ts';
import type { remainingOf } from '../../lib/primitives/lock/validity.ts';
import { findTwin, registerTwin, type ScriptTwin } from '../../lib/store/script-twins.ts';

/** What can be wrong with locks: a script, in both of its languages, or what a holder takes for its time. */
export interface LockDefect {
  readonly script?: Script;
  readonly twin?: ScriptTwin;
  /** By plain replacement in its text. */
  readonly lua?: (text: string) => string;
  readonly remainingOf?: typeof remainingOf;
}

const held = (value: unknown) => String(value).split(':');

/** Deletes whatever lock there is. */
export const RELEASES_ANY: LockDefect = {
  script: releaseScript,
  twin: (redis, [key = '']) => redis.call('DEL', key),
  lua: (text) => text.replace('if holder() ~= ARGV[1] then return 0 end', ''),
};

/** Counts from the last fence alone, and from 0 where there is none. */
export const FENCE_WITHOUT_CLOCK: LockDefect = {
  script: acquireScript,
  twin(redis, [key = '', fenceKey = ''], [token = '', lifeMs = '']) {
    const value = redis.call('GET', key);
    if (value !== null) {
      const [holder, fence = ''] = held(value);
      return holder === token ? [1, fence] : [0, redis.call('PTTL', key)];
    }
    const fence = redis.call('INCR', fenceKey);
    redis.call('SET', key, `${token}:${fence}`, 'PX', lifeMs);
    return [1, String(fence)];
  },
  lua: (text) => text.replace('tonumber(time[1]) * 1000000 + tonumber(time[2])', '0'),
};

/** Gives a lock again to who held it once, whoever has it by now. */
export const EXTENDS_LOST: LockDefect = {
  script: extendScript,
  twin(redis, [key = ''], [token = '', lifeMs = '']) {
    redis.call('SET', key, `${token}:1`, 'PX', lifeMs);
    return 1;
  },
  lua: (text) =>
    text.replace(
      'if holder() ~= ARGV[1] then return 0 end',
      "if holder() ~= ARGV[1] then redis.call('SET', KEYS[1], ARGV[1] .. ':1') end",
    ),
};

/** Relies on a lock for all of the life that Redis was asked for. */
export const NO_DRIFT_ALLOWANCE: LockDefect = {
  remainingOf: ({ since, ttlMs }, clock) => ttlMs - elapsedSince(since, clock),
};

/** Runs `work` with a defect in the scripts of the memory store. */
export async function withDefectiveTwin<T>({ script, twin }: LockDefect, work: () => Promise<T>): Promise<T> {
  const sound = script && findTwin(script.lua);
  if (!script || !twin || !sound) return work();
  registerTwin(script.lua, twin);
  try {
    return await work();
  } finally {
    registerTwin(script.lua, sound);
  }
}
