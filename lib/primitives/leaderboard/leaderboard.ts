import type { CallOptions } from '../../client/call.ts';
import { KV_PREFIXES } from '../../client/redis-keys.ts';
import { runScript } from '../../client/script.ts';
import { wholeNumber } from '../../client/whole-number.ts';
import { ConfigError } from '../../errors.ts';
import type { Command } from '../../store/store.ts';
import { entityName } from '../names.ts';
import { unlessAway } from '../unavailable.ts';
import { aroundScript } from './around.ts';
import {
  type Leaderboard,
  type LeaderboardOptions,
  resolveLeaderboardOptions,
  type Standing,
} from './leaderboard-options.ts';
import { periodAt } from './periods.ts';
import { createRemembered } from './remembered.ts';

const MAX_TOP = 1_000;
const MAX_AROUND = 500;
const MAX_MEMBER_LENGTH = 256;

/**
 * A board of members by score, one for good or one for each day or week.
 *
 * @throws ConfigError naming the option
 * @example
 * ```ts
 * const board = createLeaderboard({ kv, name: 'race', first: 'lowest', period: 'week' });
 * await board.set(userId, lapMs, { ifBetter: true });
 * const { status } = await board.top(10);
 * ```
 */
export function createLeaderboard(options: LeaderboardOptions): Leaderboard {
  const { kv, name, first, period, ttlMs, maxStaleMs, maxRemembered } = resolveLeaderboardOptions(options);
  const remembered = createRemembered(kv.clock, maxStaleMs, maxRemembered);
  const highest = first === 'highest';

  const boardOf = (periodName: () => string | undefined): Leaderboard => {
    const keyOf = async (): Promise<string> => {
      const current = periodName();
      return entityName(kv, KV_PREFIXES.LEADERBOARD, name, ...(current === undefined ? [] : [current]));
    };

    /** The answer to a write, which leaves the board its time to live. */
    const write = async (command: (key: string) => Command, callOptions?: CallOptions): Promise<unknown> => {
      const key = await keyOf();
      const lifetime: readonly Command[] = ttlMs === undefined ? [] : [['PEXPIRE', key, ttlMs]];
      const [result] = await kv.execute([command(key), ...lifetime], callOptions);
      if (result instanceof Error) throw result;
      return result;
    };

    /** By script, so that all of it is of one moment. */
    const near = async (key: string, member: string, count: number, callOptions?: CallOptions) => {
      const args = [member, count, highest ? 1 : 0];
      const reply = await runScript(kv, { script: aroundScript, keys: [key], args }, callOptions);
      const [size, from, pairs]: readonly unknown[] = Array.isArray(reply) ? reply : [];
      return { size: Number(size), standings: standingsOf(pairs, Number(from)) };
    };

    const read = async <Answer extends object>(
      question: string,
      ask: (key: string) => Promise<Answer>,
      weigh: (answer: Answer) => number = () => 1,
    ) => {
      const key = await keyOf();
      return remembered({ id: `${key} ${question}`, ask: () => ask(key), weigh });
    };

    return {
      async set(member, score, { ifBetter = false, ...callOptions } = {}) {
        checkMember(member);
        checkScore('score', score);
        const condition = ifBetter ? [highest ? 'GT' : 'LT'] : [];
        return unlessAway(async () => {
          const changed = await write((key) => ['ZADD', key, ...condition, 'CH', score, member], callOptions);
          return { status: 'set' as const, changed: changed === 1 };
        });
      },
      async increment(member, by = 1, callOptions) {
        checkMember(member);
        checkScore('by', by);
        return unlessAway(async () => {
          const reply = await write((key) => ['ZINCRBY', key, by, member], callOptions);
          return { status: 'incremented' as const, score: scoreOf(reply) };
        });
      },
      async remove(member, callOptions) {
        checkMember(member);
        return unlessAway(async () => {
          const removed = await kv.command(['ZREM', await keyOf(), member], callOptions);
          return { status: 'removed' as const, existed: removed === 1 };
        });
      },
      async top(count = 10, callOptions) {
        wholeNumber('count', count, 1, MAX_TOP);
        const ask = async (key: string) => {
          const command: Command = [highest ? 'ZREVRANGE' : 'ZRANGE', key, 0, count - 1, 'WITHSCORES'];
          return { standings: standingsOf(await kv.command(command, callOptions), 0) };
        };
        return read(`top ${count}`, ask, ({ standings }) => 1 + standings.length);
      },
      async around(member, count = 5, callOptions) {
        checkMember(member);
        wholeNumber('count', count, 0, MAX_AROUND);
        const ask = (key: string) => near(key, member, count, callOptions);
        return read(`around ${count} ${member}`, ask, ({ standings }) => 1 + standings.length);
      },
      async rank(member, callOptions) {
        checkMember(member);
        return read(`rank ${member}`, async (key) => {
          const { size, standings } = await near(key, member, 0, callOptions);
          return { standing: standings[0], size };
        });
      },
      async score(member, callOptions) {
        checkMember(member);
        return read(`score ${member}`, async (key) => {
          const reply = await kv.command(['ZSCORE', key, member], callOptions);
          return { score: reply === null ? undefined : scoreOf(reply) };
        });
      },
      async size(callOptions) {
        return read('size', async (key) => ({ size: Number(await kv.command(['ZCARD', key], callOptions)) }));
      },
      at(at) {
        if (period === undefined) return boardOf(() => undefined);
        const named = periodAt(period, at);
        return boardOf(() => named);
      },
    };
  };

  return boardOf(() => (period === undefined ? undefined : periodAt(period, kv.clock.now())));
}

function checkMember(member: string): void {
  const isMember = typeof member === 'string' && member.length >= 1 && member.length <= MAX_MEMBER_LENGTH;
  // Half a pair would come back as something else.
  if (isMember && !/\p{Cs}/u.test(member)) return;
  throw new ConfigError('member', `must be a text of 1 to ${MAX_MEMBER_LENGTH} characters`);
}

function checkScore(option: string, score: number): void {
  if (!Number.isFinite(score)) throw new ConfigError(option, `must be a finite number, got ${score}`);
}

/** Members and scores in turn. @param from the rank of the first one, from 0 */
function standingsOf(pairs: unknown, from: number): readonly Standing[] {
  const words: readonly unknown[] = Array.isArray(pairs) ? pairs : [];
  return words.flatMap((member, index) => {
    if (index % 2 === 1) return [];
    return [{ member: String(member), score: scoreOf(words[index + 1]), rank: from + index / 2 + 1 }];
  });
}

/** As Redis writes it: increments may have gone beyond all numbers. */
function scoreOf(reply: unknown): number {
  const text = String(reply);
  return /^-?inf$/.test(text) ? Number(text.replace('inf', 'Infinity')) : Number(text);
}
