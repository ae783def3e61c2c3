import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import { DeadlineError } from '../../../lib/errors.ts';
import { aroundScript } from '../../../lib/primitives/leaderboard/around.ts';
import { createLeaderboard } from '../../../lib/primitives/leaderboard/leaderboard.ts';
import type { LeaderboardOptions } from '../../../lib/primitives/leaderboard/leaderboard-options.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Command, Store } from '../../../lib/store/store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { onEveryKv } from '../../support/every-kv.ts';
import { realRedis } from '../../support/every-store.ts';
import { AWAY } from '../../support/scripted-client.ts';
import { watchedStore } from '../../support/watched-store.ts';

const DAY_MS = 86_400_000;

onEveryKv('a leaderboard', (makeKv) => {
  const filled = async (options: Partial<LeaderboardOptions> = {}) => {
    const kv = makeKv();
    const board = createLeaderboard({ kv, name: 'b', ...options });
    for (const [member, score] of Object.entries({ ann: 10, bob: 30, cid: 20, dan: 20, eve: -1.5 })) {
      await board.set(member, score);
    }
    return { kv, board };
  };

  it('ranks the highest score first, and of equal ones the greater member', async () => {
    const { board } = await filled();
    expect(await board.top()).toEqual({
      status: 'fresh',
      standings: [
        { member: 'bob', score: 30, rank: 1 },
        { member: 'dan', score: 20, rank: 2 },
        { member: 'cid', score: 20, rank: 3 },
        { member: 'ann', score: 10, rank: 4 },
        { member: 'eve', score: -1.5, rank: 5 },
      ],
    });
    expect(await board.top(1)).toMatchObject({ standings: [{ member: 'bob' }] });
  });

  it('ranks the lowest score first where that is wanted, and of equal ones the lesser member', async () => {
    const { board } = await filled({ first: 'lowest' });
    const top = await board.top(4);
    expect(top.status === 'fresh' && top.standings.map(({ member }) => member)).toEqual(['eve', 'ann', 'cid', 'dan']);
    expect(await board.rank('dan')).toMatchObject({ standing: { rank: 4, score: 20 } });
  });

  it('tells rank and score of a member, and of how many', async () => {
    const { board } = await filled();
    expect(await board.rank('cid')).toEqual({
      ...{ status: 'fresh', standing: { member: 'cid', score: 20, rank: 3 }, size: 5 },
    });
    expect(await board.rank('nobody')).toEqual({ status: 'fresh', standing: undefined, size: 5 });
    expect([await board.score('eve'), await board.score('nobody'), await board.size()]).toEqual([
      { status: 'fresh', score: -1.5 },
      { status: 'fresh', score: undefined },
      { status: 'fresh', size: 5 },
    ]);
  });

  it('shows a member and its neighbours on both sides, as far as there are any', async () => {
    const { board } = await filled();
    const shown = async (member: string, count?: number) => {
      const answer = await board.around(member, count);
      return answer.status === 'fresh' && answer.standings.map(({ member: name, rank }) => `${rank} ${name}`);
    };
    expect(await shown('cid', 1)).toEqual(['2 dan', '3 cid', '4 ann']);
    expect(await shown('bob', 1)).toEqual(['1 bob', '2 dan']);
    expect(await shown('eve', 2)).toEqual(['3 cid', '4 ann', '5 eve']);
    expect(await shown('cid', 0)).toEqual(['3 cid']);
    expect(await shown('cid')).toHaveLength(5);
    expect(await board.around('nobody')).toEqual({ status: 'fresh', standings: [], size: 5 });
  });

  it('replaces a score, or keeps the better one', async () => {
    const { board } = await filled();
    expect(await board.set('ann', 10)).toEqual({ status: 'set', changed: false });
    expect(await board.set('ann', 5)).toEqual({ status: 'set', changed: true });
    expect(await board.set('ann', 4, { ifBetter: true })).toEqual({ status: 'set', changed: false });
    expect(await board.set('ann', 6, { ifBetter: true })).toEqual({ status: 'set', changed: true });
    expect(await board.set('new', 1, { ifBetter: true })).toEqual({ status: 'set', changed: true });
    expect(await board.score('ann')).toMatchObject({ score: 6 });
    const lowest = createLeaderboard({ kv: makeKv(), name: 'laps', first: 'lowest' });
    await lowest.set('ann', 60);
    await lowest.set('ann', 70, { ifBetter: true });
    expect(await lowest.score('ann')).toMatchObject({ score: 60 });
    await lowest.set('ann', 50, { ifBetter: true });
    expect(await lowest.score('ann')).toMatchObject({ score: 50 });
  });

  it('adds to scores, all that is added at the same time', async () => {
    const { board } = await filled();
    await Promise.all(Array.from({ length: 50 }, () => board.increment('ann')));
    expect(await board.increment('ann', -0.5)).toEqual({ status: 'incremented', score: 59.5 });
    expect(await board.increment('new', 2)).toEqual({ status: 'incremented', score: 2 });
    await board.increment('new', 1.7e308);
    expect(await board.increment('new', 1.7e308)).toEqual({ status: 'incremented', score: Number.POSITIVE_INFINITY });
  });

  it('removes a member', async () => {
    const { board } = await filled();
    expect([await board.remove('bob'), await board.remove('bob')]).toEqual([
      { status: 'removed', existed: true },
      { status: 'removed', existed: false },
    ]);
    expect(await board.rank('dan')).toMatchObject({ standing: { rank: 1 }, size: 4 });
  });

  it('takes members of any signs, and boards of any name', async () => {
    const kv = makeKv();
    const members = ['a b', 'é😀', '"', '\u0000', '-inf', 'x'.repeat(256)];
    for (const name of ['a:b', '{}', 'x'.repeat(300)]) {
      const board = createLeaderboard({ kv, name });
      for (const [score, member] of members.entries()) await board.set(member, score);
      const top = await board.top();
      expect(top.status === 'fresh' && top.standings.map(({ member }) => member)).toEqual(members.toReversed());
      expect(await board.rank('é😀')).toMatchObject({ standing: { rank: 5 } });
    }
  });

  it('is kept for good, or as long as is wanted after its last change', async () => {
    const { kv } = await filled();
    expect(await kv.command(['PTTL', 'leaderboard:{b}'])).toBe(-1);
    const board = createLeaderboard({ kv, name: 'short', ttlMs: 50_000 });
    await board.increment('ann');
    await kv.command(['PEXPIRE', 'leaderboard:{short}', 10_000]);
    await board.set('ann', 1);
    expect(Number(await kv.command(['PTTL', 'leaderboard:{short}']))).toBeGreaterThan(40_000);
  });
});

const rig = (options: Partial<LeaderboardOptions> = {}) => {
  const clock = manualClock(Date.parse('2026-11-21T23:59:59.999Z'));
  const store = watchedStore(memoryStore({ clock }));
  const kv = createKv({ store, clock });
  const board = createLeaderboard({ kv, name: 'b', ...options });
  return { clock, store, kv, board };
};

describe('a leaderboard', () => {
  it('takes one request for each call', async () => {
    const { board, store } = rig({ period: 'day' });
    await board.rank('so that the script is known');
    const before = store.requests.length;
    await board.set('a', 1);
    await board.increment('a');
    await board.top();
    await board.around('a');
    await board.rank('a');
    await board.score('a');
    await board.size();
    await board.remove('a');
    expect(store.requests.slice(before).map((commands) => commands.map(([name]) => name).join(' '))).toEqual([
      ...['ZADD PEXPIRE', 'ZINCRBY PEXPIRE', 'ZREVRANGE', 'EVALSHA', 'EVALSHA', 'ZSCORE', 'ZCARD', 'ZREM'],
    ]);
  });

  it('is another one each day, and others are there to be asked', async () => {
    const { board, clock, kv } = rig({ period: 'day' });
    await board.set('a', 1);
    clock.advance(1);
    expect(await board.score('a')).toMatchObject({ score: undefined });
    await board.set('a', 2);
    expect(await board.at(clock.now() - 1).score('a')).toMatchObject({ score: 1 });
    expect(await board.at(clock.now()).score('a')).toMatchObject({ score: 2 });
    expect(((await kv.command(['KEYS', '*'])) as string[]).sort()).toEqual([
      'leaderboard:{b:2026-11-21}',
      'leaderboard:{b:2026-11-22}',
    ]);
    expect(await kv.command(['PTTL', 'leaderboard:{b:2026-11-22}'])).toBe(35 * DAY_MS);
  });

  it('is another one each week, which begins on Monday', async () => {
    const { board, clock } = rig({ period: 'week' });
    await board.set('a', 1);
    clock.advance(1);
    expect(await board.score('a')).toMatchObject({ score: 1 });
    clock.advance(DAY_MS);
    expect(await board.score('a')).toMatchObject({ score: undefined });
    expect(await board.at(clock.now() - 1).score('a')).toMatchObject({ score: 1 });
  });

  it('is the same at any time without a period', async () => {
    const { board } = rig();
    await board.set('a', 1);
    expect(await board.at(0).score('a')).toMatchObject({ score: 1 });
  });

  it.each(['', 'x'.repeat(257), '\ud800', 5 as never])('has no member %j', async (member) => {
    const { board, store } = rig();
    const calls = [board.set(member, 1), board.increment(member), board.remove(member), board.around(member)];
    for (const call of [...calls, board.rank(member), board.score(member)]) {
      await expect(call).rejects.toMatchObject({ code: 'CONFIG', setting: 'member' });
    }
    expect(store.requests).toEqual([]);
  });

  it('answers within bounds, and takes numbers only', async () => {
    const { board } = rig({ period: 'day' });
    const refused = (setting: string) => expect.objectContaining({ code: 'CONFIG', setting });
    for (const count of [0, 1_001, 1.5]) await expect(board.top(count)).rejects.toEqual(refused('count'));
    for (const count of [-1, 501]) await expect(board.around('a', count)).rejects.toEqual(refused('count'));
    await expect(board.set('a', Number.NaN)).rejects.toEqual(refused('score'));
    await expect(board.increment('a', Number.POSITIVE_INFINITY)).rejects.toEqual(refused('by'));
    for (const at of [-1, Number.NaN, 1e15]) expect(() => board.at(at)).toThrow(refused('at'));
    expect(await board.top(1_000)).toMatchObject({ status: 'fresh' });
    expect(await board.around('a', 500)).toMatchObject({ status: 'fresh' });
  });

  it.each<[string, Partial<LeaderboardOptions>]>([
    ['first', { first: 'best' as never }],
    ['period', { period: 'month' as never }],
    ['ttlMs', { ttlMs: 999 }],
    ['maxStaleMs', { maxStaleMs: -1 }],
    ['maxRemembered', { maxRemembered: 0.5 }],
  ])('is not made with a wrong %s', (setting, wrong) => {
    expect(() => rig(wrong)).toThrow(expect.objectContaining({ code: 'CONFIG', setting }));
  });

  it('throws what says anything else than that Redis is away', async () => {
    const { board, kv } = rig();
    await kv.command(['SET', 'leaderboard:{b}', 'x']);
    const calls = [board.set('a', 1), board.increment('a'), board.remove('a'), board.top(), board.rank('a')];
    for (const call of calls) await expect(call).rejects.toMatchObject({ replyCode: 'WRONGTYPE' });
  });
});

describe('a leaderboard while Redis is away', () => {
  const unavailable = { status: 'unavailable', retryAfterMs: 1_000, mayHaveRun: false };

  it('answers what this process was told last, with its age, as long as that may be', async () => {
    const { board, store, clock } = rig({ maxStaleMs: 10_000 });
    await board.set('a', 5);
    const asked = () => Promise.all([board.top(), board.around('a'), board.rank('a'), board.score('a'), board.size()]);
    const fresh = await asked();
    clock.advance(10_000);
    store.takeAway(AWAY);
    expect(await asked()).toEqual(fresh.map((answer) => ({ ...answer, status: 'stale', ageMs: 10_000 })));
    expect(fresh[2]).toMatchObject({ standing: { rank: 1 } });
    clock.advance(1);
    expect(await asked()).toEqual(fresh.map(() => unavailable));
  });

  it('answers by the latest question, also where its answer passed that to an earlier one', async () => {
    const { board, store, clock } = rig();
    await board.set('a', 1);
    await board.rank('a');
    const deliveries: (() => void)[] = [];
    const slow: Store = {
      ...store,
      async execute(commands, options) {
        const replies = await store.execute(commands, options);
        await new Promise<void>((resolve) => deliveries.push(resolve));
        return replies;
      },
    };
    const slowKv = createKv({ store: slow, clock, coalesce: false });
    const other = createLeaderboard({ kv: slowKv, name: 'b' });
    const early = other.rank('a');
    await expect.poll(() => deliveries.length).toBe(1);
    await board.set('a', 2);
    clock.advance(5);
    const late = other.rank('a');
    await expect.poll(() => deliveries.length).toBe(2);
    for (const deliver of deliveries.toReversed()) {
      deliver();
      await Promise.race([early, late]);
    }
    await Promise.all([early, late]);
    slowKv.circuit.force('FORCED_OPEN');
    expect(await other.rank('a')).toMatchObject({ status: 'stale', standing: { score: 2 }, ageMs: 0 });
  });

  it('has nothing to say of what it was never asked, or another board', async () => {
    const { board, store, clock } = rig({ period: 'day' });
    await board.top(10);
    store.takeAway(AWAY);
    expect(await board.top(11)).toEqual(unavailable);
    clock.advance(1);
    expect(await board.top(10)).toEqual(unavailable);
    expect(await board.at(clock.now() - 1).top(10)).toMatchObject({ status: 'stale' });
  });

  it('remembers so many standings, the latest used', async () => {
    const { board, store } = rig({ maxRemembered: 5 });
    for (const member of ['a', 'b', 'c']) await board.set(member, 1);
    await board.top(3);
    await board.score('a');
    await board.top(2);
    store.takeAway(AWAY);
    expect([(await board.top(3)).status, (await board.score('a')).status, (await board.top(2)).status]).toEqual([
      ...['unavailable', 'stale', 'stale'],
    ]);
  });

  it('answers nothing old where that is not wanted', async () => {
    const { board, store } = rig({ maxStaleMs: 0 });
    await board.size();
    store.takeAway(AWAY);
    expect(await board.size()).toEqual(unavailable);
  });

  it('writes nothing, sends nothing twice, and says whether it may have been written', async () => {
    const { board, store } = rig();
    store.takeAway(AWAY);
    expect([await board.set('a', 1), await board.increment('a'), await board.remove('a')]).toEqual([
      ...[unavailable, unavailable, unavailable],
    ]);
    store.takeAway(new DeadlineError(1_000, true));
    expect(await board.increment('a')).toEqual({ ...unavailable, mayHaveRun: true });
    expect(store.requests).toHaveLength(4);
    store.giveBack();
    expect(await board.score('a')).toMatchObject({ score: undefined });
  });
});

describe('the script that looks around', () => {
  const redis = realRedis();
  const member = fc.constantFrom('a', 'b', 'c', 'd', 'é', '😀', '\uffff');

  it('answers in Lua on a real Redis what its twin does', async () => {
    const scores = fc.array(fc.tuple(fc.constantFrom(-1, 0, 1.5, 1e300), member), { maxLength: 12 });
    const question = fc.tuple(member, fc.constantFrom(0, 1, 2, 500), fc.constantFrom(0, 1));
    await fc.assert(
      fc.asyncProperty(scores, fc.array(question, { minLength: 1, maxLength: 8 }), async (board, questions) => {
        const commands: readonly Command[] = [
          ['DEL', 'k'],
          ...board.map(([score, name]): Command => ['ZADD', 'k', score, name]),
          ...questions.map((one): Command => ['EVAL', aroundScript.lua, 1, 'k', ...one]),
        ];
        const [, ...fromRedis] = await redis.store.execute(commands);
        const [, ...fromMemory] = await memoryStore().execute(commands);
        expect(fromRedis).toEqual(fromMemory);
      }),
      { numRuns: 150 },
    );
  });
});
