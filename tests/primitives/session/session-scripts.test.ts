import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { REDIS_TIME_LUA } from '../../../lib/client/redis-time.ts';
import type { Script } from '../../../lib/client/script.ts';
import { closeScript, forgetScript, revokeScript } from '../../../lib/primitives/session/end-scripts.ts';
import { rotateScript, touchScript } from '../../../lib/primitives/session/move-scripts.ts';
import { saveScript } from '../../../lib/primitives/session/save-script.ts';
import { settleScript } from '../../../lib/primitives/session/sweeping.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { findTwin, registerTwin } from '../../../lib/store/script-twins.ts';
import type { Argument, Command, Reply, Store } from '../../../lib/store/store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { realRedis } from '../../support/every-store.ts';

const HASHES = ['h0', 'h-1', 'h_2', 'h3'] as const;
const [GROUP, INDEX, DUE] = ['g', 'index', 'due'];
const HOUR_MS = 3_600_000;

/** What is put where a session, or a group, should be. */
const DAMAGE = [
  '',
  'x',
  '1 x',
  '1 a',
  '1 a 1 2 3 4 5 6',
  '1 a 1 2 3 0 3600000 0\nnull\n1',
  '1 a 1 99999999999999 3 0 3600000 36000000\n"u"\n{"a":\n1}',
  '1 e 1 2 3 destroyed\nnull\n1',
  '1 m 60000\nh3',
  '1 m 0\nh-1',
  '1 m x\nh3',
  '1 0 0',
  '1 5 99999999999999',
] as const;

const anyHash = fc.constantFrom(...HASHES);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('save'),
      hash: anyHash,
      idle: fc.constantFrom('', 2 * HOUR_MS),
      version: fc.constantFrom('', '', 1, 2),
      begin: fc.constantFrom(0, 1, 1),
      absolute: fc.constantFrom(0, HOUR_MS),
      keep: fc.constantFrom(0, HOUR_MS),
      most: fc.constantFrom(0, 1, 2),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('close'),
      hash: anyHash,
      reason: fc.constantFrom('', 'destroyed', 'rotated'),
      keep: fc.constantFrom(0, HOUR_MS),
      always: fc.constantFrom(0, 1),
      ago: fc.constantFrom('', '', 0, 1, HOUR_MS),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('rotate'),
      hash: anyHash,
      to: anyHash,
      data: fc.constantFrom('', '"new"'),
      grace: fc.constantFrom(0, HOUR_MS),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('touch'), hash: anyHash, idle: fc.constantFrom('', 3 * HOUR_MS) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget'), hash: anyHash }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('revoke') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('settle'), hash: anyHash, score: fc.constantFrom(1, 2, 3) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('damage'),
      key: fc.constantFrom(...HASHES.map((hash) => `s:${hash}`), 'g'),
      text: fc.constantFrom(...DAMAGE),
    }),
  },
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** A script whose clock is the key `now`, which a test sets on a real Redis too. */
const CLOCK_LUA = "\nlocal function redis_now_ms() return tonumber(redis.call('GET', 'now')) end\n";
const withClock = ({ lua }: Script): string => {
  const text = lua.replace(REDIS_TIME_LUA, CLOCK_LUA);
  const twin = findTwin(lua);
  if (twin) registerTwin(text, twin);
  return text;
};

const run = (script: Script, keys: readonly string[], args: readonly Argument[]): readonly Command[] => [
  ['EVAL', withClock(script), keys.length, ...keys, ...args],
];
const keysOf = (hash: string) => [`s:${hash}`, GROUP, INDEX];

function commandsOf(one: Step): readonly Command[] {
  switch (one.do) {
    case 'save': {
      const { hash, idle, version, begin, absolute, keep, most } = one as Extract<
        Step,
        { idle: unknown; begin: unknown }
      >;
      // One that may begin is always given its idle time.
      const idleMs = begin === 1 ? idle || 4 * HOUR_MS : idle;
      return run(saveScript, keysOf(hash), [
        hash,
        '{"d":\n1}',
        idleMs,
        version,
        begin,
        '"u"',
        absolute,
        keep,
        most,
        HOUR_MS / 2,
      ]);
    }
    case 'close': {
      const { hash, reason, keep, always, ago } = one as Extract<Step, { reason: unknown }>;
      return run(closeScript, keysOf(hash), [hash, reason, HOUR_MS, keep, always, ago]);
    }
    case 'rotate': {
      const { hash, to, data, grace } = one as Extract<Step, { to: unknown }>;
      return run(rotateScript, [...keysOf(hash), `s:${to}`], [hash, to, data, grace, HOUR_MS]);
    }
    case 'touch': {
      const { hash, idle } = one as Extract<Step, { idle: unknown; do: string }>;
      return run(touchScript, keysOf(hash), [hash, idle]);
    }
    case 'forget':
      return run(forgetScript, [`s:${(one as { hash: string }).hash}`], [HOUR_MS]);
    case 'settle': {
      const { hash, score } = one as Extract<Step, { score: unknown }>;
      return [['ZADD', DUE, score, hash], ...run(settleScript, [DUE], [2, ...HASHES, 'none'])];
    }
    case 'damage': {
      const { key, text } = one as Extract<Step, { key: unknown }>;
      return [['SET', key, text, 'PX', 2 * HOUR_MS]];
    }
    default:
      return run(revokeScript, [GROUP, INDEX], []);
  }
}

const KEYS = [...HASHES.map((hash) => `s:${hash}`), GROUP];

/** All that stands there; what a time to live went into, to the quarter of an hour: two stores do not pass it alike. */
async function stateOf(store: Store): Promise<readonly Reply[]> {
  const [texts, ...others] = await store.execute([
    ['MGET', ...KEYS],
    ['ZRANGE', INDEX, 0, -1, 'WITHSCORES'],
    ['ZRANGE', DUE, 0, -1, 'WITHSCORES'],
    ...[...KEYS, INDEX].map((key): Command => ['PTTL', key]),
  ]);
  const [index = [], due = [], ...lives] = others;
  const exact = list(texts).map((text) => (String(text).startsWith('1 e ') ? coarse(text) : text));
  return [exact, index, due, ...lives.map(coarse)];
}

const list = (reply: Reply | undefined): readonly Reply[] => (Array.isArray(reply) ? reply : []);

function coarse(reply: Reply): Reply {
  if (Array.isArray(reply)) return reply.map(coarse);
  if (typeof reply === 'number') return Math.round(reply / QUARTER_MS);
  if (typeof reply !== 'string') return reply;
  return reply.replaceAll(/\d{6,}/g, (digits) => `~${Math.round((Number(digits) + QUARTER_MS / 4) / QUARTER_MS)}`);
}
const QUARTER_MS = 900_000;
/** In the middle of a quarter. */
const START_MS = Math.floor(Date.now() / QUARTER_MS) * QUARTER_MS;

describe('the scripts of sessions', () => {
  const redis = realRedis();

  it('are one function in two languages each, whatever stands there', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        await redis.store.execute([['FLUSHALL']]);
        const clock = manualClock(START_MS);
        const memory = memoryStore({ clock });
        for (const one of steps) {
          if ('hash' in one && one.hash === 'h3') clock.advance(1);
          await redis.store.execute([['SET', 'now', clock.now()]]);
          const commands = commandsOf(one);
          const [inLua, inTwin] = [await redis.store.execute(commands), await memory.execute(commands)];
          expect(inLua.map(coarse)).toEqual(inTwin.map(coarse));
          expect(await stateOf(redis.store)).toEqual(await stateOf(memory));
        }
      }),
      { numRuns: 250 },
    );
  });

  it('leave nothing without an end', async () => {
    for (const store of [redis.store, memoryStore()]) {
      await store.execute([['SET', 'now', START_MS]]);
      const save = { do: 'save', idle: '', version: '', begin: 1, absolute: 0, keep: 0, most: 2 };
      for (const hash of HASHES) await store.execute(commandsOf({ ...save, hash } as Step));
      await store.execute(commandsOf({ do: 'rotate', hash: 'h3', to: 'h0', data: '', grace: HOUR_MS } as Step));
      await store.execute(
        commandsOf({ do: 'close', hash: 'h_2', reason: 'destroyed', keep: 0, always: 1, ago: '' } as Step),
      );
      await store.execute(commandsOf({ do: 'revoke' } as Step));
      const lives = await store.execute([...KEYS.slice(0, 5)].map((key): Command => ['PTTL', key]));
      for (const life of lives) expect(Number(life)).not.toBe(-1);
    }
  });

  it.each([saveScript, closeScript, forgetScript, revokeScript, rotateScript, touchScript, settleScript])(
    'are known to the memory store by their text: $name',
    ({ lua }) => {
      expect(findTwin(lua)).toBeTypeOf('function');
    },
  );
});
