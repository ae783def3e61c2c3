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
  /** The permits that an account has granted and that are not back yet, under the rule that it was last charged by. */
  taken(key: string): number;
  /** Gives back `permits` of what an account has granted. */
  giveBack(key: string, permits: number): void;
  forget(key: string): void;
  clear(): void;
  readonly size: number;
}

/** A member of a sorted set, and its score. */
type Entry = readonly [member: string, score: number];

interface StoredAccount {
  readonly text: string | undefined;
  /** In order of score, as they were added: time does not go back here. Changed in place, there may be many. */
  readonly entries: Entry[];
  expiresAt: number;
  /** By which it was last charged: a key's own plan is not known to everybody who asks for what it has used. */
  rule?: AccountRule;
}

export function createLocalAccounts(clock: Clock, maxKeys: number): LocalAccounts {
  const accounts = createLru<StoredAccount>(maxKeys);

  const find = (key: string): StoredAccount | undefined => {
    const account = accounts.get(key);
    // Redis too has a key to the end of its last millisecond.
    return account && account.expiresAt >= clock.monotonic() ? account : undefined;
  };

  const open = (key: string): StoredAccount => {
    const known = find(key);
    if (known) return known;
    const fresh: StoredAccount = { text: undefined, entries: [], expiresAt: Number.POSITIVE_INFINITY };
    accounts.set(key, fresh);
    return fresh;
  };

  const entriesOf = (key: string): Entry[] => find(key)?.entries ?? [];

  /** What the twins use of Redis, in the forms in which they use it. */
  const commands: Readonly<
    Record<string, (key: string, ...args: readonly Argument[]) => string | number | null | string[]>
  > = {
    GET: (key) => find(key)?.text ?? null,
    SET(key, text, _unit, ttlMs) {
      accounts.set(key, { text: String(text), entries: [], expiresAt: clock.monotonic() + Number(ttlMs) });
      return 'OK';
    },
    DEL(key) {
      accounts.delete(key);
      return 1;
    },
    PEXPIRE(key, ttlMs) {
      open(key).expiresAt = clock.monotonic() + Number(ttlMs);
      return 1;
    },
    ZCARD: (key) => entriesOf(key).length,
    ZCOUNT(key, from, to) {
      const [start, end] = between(entriesOf(key), from, to);
      return end - start;
    },
    ZRANGEBYSCORE(key, from, to, _withScores, _limit, offset) {
      const entries = entriesOf(key);
      const [start, end] = between(entries, from, to);
      const at = start + Number(offset);
      const found = at < end ? entries[at] : undefined;
      return found ? [found[0], String(found[1])] : [];
    },
    ZADD(key, score, member) {
      open(key).entries.push([String(member), Number(score)]);
      return 1;
    },
    ZREM(key, member) {
      const entries = entriesOf(key);
      const at = entries.findIndex(([name]) => name === member);
      return at < 0 ? 0 : entries.splice(at, 1).length;
    },
    ZREMRANGEBYSCORE(key, from, to) {
      const entries = entriesOf(key);
      const [start, end] = between(entries, from, to);
      return entries.splice(start, end - start).length;
    },
    ZPOPMAX(key, count) {
      const entries = entriesOf(key);
      return entries.splice(Math.max(0, entries.length - Number(count))).length;
    },
  };

  const redis: ScriptContext = {
    call(name, key = '', ...args) {
      const run = commands[name];
      if (!run) throw new Error('a command that no account uses');
      return run(String(key), ...args);
    },
  };

  // Monotonic time: a wall clock set back must not refuse everybody until it has caught up.
  const run: LocalAccounts['charge'] = (call, keys, rules) =>
    charge(redis, Math.floor(clock.monotonic() * 1_000), call, keys, rules);

  const chargeNow: LocalAccounts['charge'] = (call, keys, rules) => {
    const reply = run(call, keys, rules);
    if (call.mode === 'peek' || reply[0] !== 1) return reply;
    keys.forEach((key, index) => {
      const account = find(key);
      const rule = rules[index];
      if (account && rule) account.rule = rule;
    });
    return reply;
  };

  const taken: LocalAccounts['taken'] = (key) => {
    const rule = accounts.size > 0 ? find(key)?.rule : undefined;
    // Whose slots those were Redis could not be told; they end by themselves.
    if (!rule || rule.kind === 'c') return 0;
    const [, , left = rule.capacity] = run({ mode: 'peek', cost: 0, need: 0, id: '' }, [key], [rule]);
    return rule.capacity - left;
  };

  return {
    charge: chargeNow,
    taken,
    giveBack(key, permits) {
      const rule = find(key)?.rule;
      const counted = taken(key);
      if (!rule || counted === 0) return;
      const rest = counted - permits;
      accounts.delete(key);
      if (rest > 0) chargeNow({ mode: 'take', cost: rest, need: rest, id: '' }, [key], [rule]);
    },
    forget: accounts.delete,
    clear: accounts.clear,
    get size() {
      return accounts.size;
    },
  };
}

/** Where the entries between two scores begin and end. The scores are as Redis writes them: `-inf`, `(5`, `5`. */
function between(
  entries: readonly Entry[],
  from: Argument | undefined,
  to: Argument | undefined,
): readonly [start: number, end: number] {
  const [low, isLowOpen] = boundOf(from);
  const [high, isHighOpen] = boundOf(to);
  const start = firstIndex(entries, (score) => (isLowOpen ? score > low : score >= low));
  const end = firstIndex(entries, (score) => (isHighOpen ? score >= high : score > high));
  return [start, Math.max(start, end)];
}

/** By halves: of the first entry whose score `isBeyond`, as all after it are. */
function firstIndex(entries: readonly Entry[], isBeyond: (score: number) => boolean): number {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const entry = entries[middle];
    if (entry && isBeyond(entry[1])) high = middle;
    else low = middle + 1;
  }
  return low;
}

function boundOf(text: Argument | undefined): readonly [value: number, isOpen: boolean] {
  const word = String(text);
  const bare = word.replace('(', '');
  return [bare === '-inf' ? -Infinity : bare === '+inf' ? Infinity : Number(bare), word !== bare];
}
