import { describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import type { Script } from '../../../lib/client/script.ts';
import { createSessions, type Sessions } from '../../../lib/primitives/session/index.ts';
import { rotateScript, touchScript } from '../../../lib/primitives/session/move-scripts.ts';
import { saveScript } from '../../../lib/primitives/session/save-script.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { findTwin, registerTwin, type ScriptContext, type ScriptTwin } from '../../../lib/store/script-twins.ts';
import type { Command, Reply, Store } from '../../../lib/store/store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { type Begun, begun, CART, type Cart, dataOf, sessionRig } from '../../support/session-rig.ts';

type Work = (sessions: Sessions<Cart>, begun: Begun) => Promise<unknown>;

type Named = readonly [what: string, work: Work];

/** What may be under way when a session is ended. */
const WRITES = [
  ['a save', (sessions, { token }) => sessions.save(token, { items: ['late'] })],
  ['a save of what was read', (sessions, { session }) => sessions.save(session, { items: ['late'] }, { ifVersion: 1 })],
  ['a read that touches', (sessions, { token }) => sessions.read(token)],
  ['a rotation', (sessions, { session }) => sessions.rotate(session)],
  ['a rotation with grace', (sessions, { session }) => sessions.rotate(session, { graceMs: 30_000 })],
  ['a login', (sessions, { session }) => sessions.rotate(session, { userId: 'bob' })],
  ['another end', (sessions, { token }) => sessions.destroy(token)],
] as const satisfies readonly Named[];

const ENDS = [
  ['is destroyed', (sessions, { token }) => sessions.destroy(token)],
  ['is revoked', (sessions) => sessions.revokeUser('ada')],
] as const satisfies readonly Named[];

/** A store of two callers, whose requests are let through one at a time: `turns` says whose is next. */
function turnstile(store: Store, turns: readonly number[]) {
  const waiting: [(() => void)[], (() => void)[]] = [[], []];
  let isOpen = true;
  return {
    hold: () => {
      isOpen = false;
    },
    of: (caller: 0 | 1): Store => ({
      ...store,
      async execute(commands: readonly Command[], options): Promise<readonly Reply[]> {
        if (!isOpen) await new Promise<void>((resolve) => waiting[caller].push(resolve));
        return store.execute(commands, options);
      },
    }),
    /** Lets the requests of both through, one by one, until their work is done. */
    async release<A, B>(first: Promise<A>, second: Promise<B>): Promise<readonly [A, B]> {
      const rest = [...turns];
      const isDone = [false, false];
      [first, second].forEach((work, caller) => {
        const done = () => {
          isDone[caller] = true;
        };
        work.then(done, done);
      });
      while (!isDone.every(Boolean)) {
        // Both are to have asked before the next is let through. WebCrypto is not of microtasks only.
        await turnOfEvents();
        if (waiting.some((requests, caller) => requests.length === 0 && !isDone[caller])) continue;
        const [next, other] = rest.shift() === 1 ? [waiting[1], waiting[0]] : waiting;
        (next.shift() ?? other.shift())?.();
      }
      isOpen = true;
      return [await first, await second];
    },
  };
}

const turnOfEvents = () => new Promise((resolve) => setImmediate(resolve));

/** All orders in which the requests of two callers can meet, as far as they have so many. */
const ORDERS: readonly (readonly number[])[] = [0, 1, 2, 3, 4, 5, 6, 7].map((bits) => [
  bits & 1,
  (bits >> 1) & 1,
  bits >> 2,
]);

/** Two processes on one Redis, in memory, and a turnstile between. */
function twoProcesses(order: readonly number[]) {
  const clock = manualClock();
  const gate = turnstile(memoryStore({ clock }), order);
  const open = (caller: 0 | 1) =>
    createSessions<Cart>({ kv: createKv({ store: gate.of(caller), clock }), idleMs: 60_000, tombstoneMs: 60_000 });
  return { clock, gate, first: open(0), second: open(1) };
}

/** Plays a write and an end in every order; whatever came first, nothing of the session may be on at the end. */
async function survivors(write: Work, end: Work): Promise<readonly string[]> {
  const found: string[] = [];
  for (const order of ORDERS) {
    const { clock, gate, first, second } = twoProcesses(order);
    // The scripts are known.
    await write(first, await begun(first, 'carl'));
    await end(second, await begun(first, 'carl'));
    const start = await begun(first);
    // A read is about to touch.
    clock.advance(31_000);
    gate.hold();
    const [written] = await gate.release(write(first, start).then(settledIn(first)), end(second, start));
    for (const token of [start.token, ...tokensIn(written)]) {
      if ((await dataOf(second, token)) === 'none') continue;
      found.push(`${order.join()}: ${token === start.token ? 'the old token' : 'the new token'}`);
    }
  }
  return found;
}

const settledIn =
  (sessions: Sessions<Cart>) =>
  async (answer: unknown): Promise<unknown> => {
    await sessions.settled();
    return answer;
  };

function tokensIn(answer: unknown): readonly string[] {
  const token = typeof answer === 'object' && answer !== null && 'token' in answer ? answer.token : undefined;
  return typeof token === 'string' ? [token] : [];
}

describe.each<Named>(ENDS)('a session that %s', (_end, end) => {
  it.each<Named>(WRITES)('is over for good, in whatever order that meets %s', async (what, write) => {
    const alive = await survivors(write, end);
    // Who logs in elsewhere has another session, of another user: the old one being ended does not end it.
    expect(what === 'a login' ? alive.filter((one) => one.includes('old')) : alive).toEqual([]);
  });
});

describe('these races', () => {
  const [[, save], , [, read], [, rotate]] = WRITES;
  const [[, destroy], [, revoke]] = ENDS;

  /** As if it was on, issued in the far future. */
  const ON = '1 a 2 9999999999999 1 0 60000 0\n"ada"\n{"items":["late"]}';
  const write = (redis: ScriptContext, key: string): readonly Reply[] => {
    redis.call('SET', key, ON, 'PX', 60_000);
    return ['saved', '"ada"', '2', '1', '0', '60000'];
  };
  /** A save that is wrong; what begins is begun as it should be. */
  const wrongSave =
    (wrong: ScriptTwin) =>
    (sound: ScriptTwin): ScriptTwin =>
    (redis, keys, args) =>
      args[4] === '1' ? sound(redis, keys, args) : wrong(redis, keys, args);

  it.each<readonly [string, Script, Work, Work, (sound: ScriptTwin) => ScriptTwin]>([
    ['a save that is a plain SET', saveScript, save, destroy, wrongSave((redis, [key = '']) => write(redis, key))],
    [
      'a save that looks only whether something is there',
      saveScript,
      save,
      destroy,
      wrongSave((redis, [key = '']) => (redis.call('EXISTS', key) === 1 ? write(redis, key) : ['none'])),
    ],
    [
      'a save that looks for a tombstone only, not whether the user was revoked',
      saveScript,
      save,
      revoke,
      wrongSave((redis, [key = '']) => (redis.call('GET', key) === '1 x' ? ['ended'] : write(redis, key))),
    ],
    [
      'a touch that writes what it has read',
      touchScript,
      read,
      destroy,
      () =>
        (redis, [key = '']) => {
          write(redis, key);
          return 1;
        },
    ],
    [
      'a rotation that does not ask whether the session is on',
      rotateScript,
      rotate,
      destroy,
      () =>
        (redis, [, , , key = '']) => [...write(redis, key), '{"items":[]}'],
    ],
    [
      'a rotation whose old id does not lead to the new one',
      rotateScript,
      rotate,
      destroy,
      (sound) => (redis, keys, args) => {
        const reply = sound(redis, keys, args);
        redis.call('SET', keys[0] ?? '', '1 x', 'PX', 60_000);
        return reply;
      },
    ],
  ])('would notice %s', async (_what, { lua }, work, end, plant) => {
    const sound = findTwin(lua);
    if (!sound) throw new Error('there is no twin');
    registerTwin(lua, plant(sound));
    try {
      expect(await survivors(work, end)).not.toEqual([]);
    } finally {
      registerTwin(lua, sound);
    }
  });
});

describe('what is begun', () => {
  it('before a revocation comes to Redis is over with it, and what comes after is on', async () => {
    for (const order of ORDERS) {
      const { gate, first, second } = twoProcesses(order);
      await begun(first);
      await second.revokeUser('ada');
      gate.hold();
      const [created] = await gate.release(begun(first), second.revokeUser('ada'));
      expect(await dataOf(first, created.token)).toEqual(order[0] === 0 ? 'none' : CART);
    }
  });

  it('by many at once is of each his own, and all of it ends with one revocation', async () => {
    const { sessions } = sessionRig({ maxPerUser: 0 });
    const all = await Promise.all(Array.from({ length: 50 }, () => begun(sessions)));
    expect(new Set(all.map(({ token }) => token)).size).toBe(50);
    await sessions.revokeUser('ada');
    expect(new Set(await Promise.all(all.map(({ token }) => dataOf(sessions, token))))).toEqual(new Set(['none']));
  });
});
