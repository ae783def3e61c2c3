import { createLru } from '../client/lru.ts';
import type { Clock } from '../clock.ts';
import type { ScriptContext } from '../store/script-twins.ts';
import type { Argument } from '../store/store.ts';
import type { AccountRule } from './account.ts';
import { type ChargeCall, charge } from './charge.ts';

/** Accounts kept in this process while Redis is away: the script's twin over a bounded map. */
export interface LocalAccounts {
  /** As the charge script answers. */
  charge(call: ChargeCall, keys: readonly string[], rules: readonly AccountRule[]): readonly number[];
  forget(key: string): void;
  clear(): void;
  readonly size: number;
}

/** A member of a sorted set, and its score. */
type Entry = readonly [member: string, score: number];

interface Account {
  readonly text: string | undefined;
  /** In order of score. */
  readonly entries: readonly Entry[];
  readonly expiresAt: number;
}

const EMPTY: Account = { text: undefined, entries: [], expiresAt: Number.POSITIVE_INFINITY };

export function createLocalAccounts(clock: Clock, maxKeys: number): LocalAccounts {
  const accounts = createLru<Account>(maxKeys);

  const find = (key: string): Account => {
    const account = accounts.get(key);
    return account && account.expiresAt > clock.monotonic() ? account : EMPTY;
  };

  const keep = (key: string, account: Account): Account => {
    accounts.set(key, account);
    return account;
  };

  /** What the twins use of Redis, in the forms in which they use it. */
  const commands: Readonly<
    Record<string, (key: string, ...args: readonly Argument[]) => string | number | null | string[]>
  > = {
    GET: (key) => find(key).text ?? null,
    SET(key, text, _unit, ttlMs) {
      keep(key, { text: String(text), entries: [], expiresAt: clock.monotonic() + Number(ttlMs) });
      return 'OK';
    },
    DEL(key) {
      accounts.delete(key);
      return 1;
    },
    PEXPIRE(key, ttlMs) {
      keep(key, { ...find(key), expiresAt: clock.monotonic() + Number(ttlMs) });
      return 1;
    },
    ZCARD: (key) => find(key).entries.length,
    ZCOUNT: (key, from, to) => find(key).entries.filter(between(from, to)).length,
    ZRANGEBYSCORE(key, from, to, _withScores, _limit, offset) {
      const found = find(key).entries.filter(between(from, to))[Number(offset)];
      return found ? [found[0], String(found[1])] : [];
    },
    ZADD(key, score, member) {
      const account = find(key);
      // Time does not go back here, and no member comes twice: what is added is the last.
      keep(key, { ...account, entries: [...account.entries, [String(member), Number(score)]] });
      return 1;
    },
    ZREM: (key, member) => retain(key, ([name]) => name !== member),
    ZREMRANGEBYSCORE(key, from, to) {
      const isGone = between(from, to);
      return retain(key, (entry) => !isGone(entry));
    },
    ZPOPMAX(key, count) {
      const { entries } = find(key);
      const kept = new Set(entries.slice(0, Math.max(0, entries.length - Number(count))));
      return retain(key, (entry) => kept.has(entry));
    },
  };

  const retain = (key: string, isKept: (entry: Entry) => boolean): number => {
    const account = find(key);
    const entries = account.entries.filter(isKept);
    if (entries.length < account.entries.length) keep(key, { ...account, entries });
    return account.entries.length - entries.length;
  };

  const redis: ScriptContext = {
    call(name, key = '', ...args) {
      const run = commands[name];
      if (!run) throw new Error('a command that no account uses');
      return run(String(key), ...args);
    },
  };

  return {
    // Monotonic time: a wall clock set back must not refuse everybody until it has caught up.
    charge: (call, keys, rules) => charge(redis, Math.floor(clock.monotonic() * 1_000), call, keys, rules),
    forget: accounts.delete,
    clear: accounts.clear,
    get size() {
      return accounts.size;
    },
  };
}

/** A condition on scores, from two ends as Redis writes them: `-inf`, `(5`, `5`. */
function between(from: Argument | undefined, to: Argument | undefined): (entry: Entry) => boolean {
  const [low, isLowOpen] = end(from);
  const [high, isHighOpen] = end(to);
  return ([, score]) => (isLowOpen ? score > low : score >= low) && (isHighOpen ? score < high : score <= high);
}

function end(text: Argument | undefined): readonly [value: number, isOpen: boolean] {
  const word = String(text);
  const bare = word.replace('(', '');
  return [bare === '-inf' ? -Infinity : bare === '+inf' ? Infinity : Number(bare), word !== bare];
}
