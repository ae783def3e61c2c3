import { isObject, readJson } from '../client/json.ts';
import type { ScriptContext } from '../store/script-twins.ts';
import type { KeyNames } from './key-names.ts';
import { forgiveMiss, MISSES_LUA, missLockout, overBudget, recordMiss, refundBudget } from './misses.ts';
import type { Fill, Question } from './question.ts';

/**
 * What Redis knows of a digest. `lost`: no record, and no sentinel either, so its silence proves nothing. `ask`: keys are on
 * record elsewhere. `locked`: nothing is known of it, and the client has tried too many such keys. `busy`: nothing is known
 * of it, and too many such keys have been looked for elsewhere. `forgiven`: nothing was looked for, a miss was taken back.
 */
export type LookupStatus =
  | 'active'
  | 'revoked'
  | 'expired'
  | 'absent'
  | 'lost'
  | 'unreadable'
  | 'ask'
  | 'locked'
  | 'busy'
  | 'forgiven';

/** Arguments that a script has up to the last of the lookup's: a first one of its own, and eight. */
export const LOOKUP_ARGS = 9;

/** Keys that the lookup of so many digests takes. */
export function lookupKeyCount(digests: number): number {
  return 3 + 2 * digests;
}

/** How long the mark of a key that was found elsewhere stays: 30 days. */
export const SEEN_MS: number = 2_592_000_000;

/**
 * Finds a key by its digests: the cache entry, else the record, which then fills the entry (NX: never over the tombstone
 * of a revocation). As a function, so that the guard can put it into a script with the limits.
 *
 * KEYS: sentinel, the client's misses, budget of looks elsewhere; then for each digest its entry, and its record, or, where
 * keys are on record elsewhere, the mark of one that was found there.
 *
 * ARGV, where `''` stands for none:
 * 1. the script's own;
 * 2. where keys are on record: `record`, in this Redis, or `source`, elsewhere;
 * 3. number of digests;
 * 4. life of an entry, in ms;
 * 5. what the source has said, to fill an entry with; `''` where a miss is only to be taken back;
 * 6. the place of its digest, from 1; negative where looking for it was counted as a miss; `''` where the source was not asked;
 * 7. rule of the client's misses;
 * 8. rule of the budget;
 * 9. when what is filled in ends, in ms of this Redis's clock: a fill that comes too late, from a process that stood still,
 *    fills nothing, and where that clock was set back none outlives an entry.
 *
 * Answers a status and a text. The text is the record for `active` and `revoked`; the ms to wait for `locked` and `busy`;
 * for `ask` 0 for a key that has been found before, 1 for one that was counted as a miss, 2 where nothing is counted, then a
 * colon, and the time here in ms. For `active` also the record as a table, and the place of the digest that it was found by.
 */
export const LOOKUP_LUA: string = `${MISSES_LUA}
local function take_back()
  if ARGV[7] ~= '' then forgive_miss(KEYS[2]) end
  if ARGV[8] ~= '' then refund_budget(KEYS[3]) end
end
local function fill(text, place, left_ms)
  local at = 2 * math.abs(place)
  if text ~= '' and left_ms >= 1 then redis.call('SET', KEYS[at + 2], text, 'NX', 'PX', string.format('%.0f', left_ms)) end
  if text ~= '' then redis.call('SET', KEYS[at + 3], '1', 'PX', '${SEEN_MS}') end
  if place < 0 then take_back() end
end
local function missing(now_ms, count)
  local elsewhere = ARGV[2] == 'source'
  if not elsewhere and not redis.call('GET', KEYS[1]) then return 'lost' end
  if elsewhere then
    for i = 1, count do
      if redis.call('GET', KEYS[2 * i + 3]) then return 'ask', string.format('0:%.0f', now_ms) end
    end
  end
  local lockout = ARGV[7] ~= '' and miss_lockout(KEYS[2], ARGV[7], now_ms) or 0
  if lockout > 0 then return 'locked', string.format('%.0f', lockout) end
  local wait = elsewhere and ARGV[8] ~= '' and over_budget(KEYS[3], ARGV[8]) or 0
  if wait > 0 then return 'busy', string.format('%.0f', wait) end
  if ARGV[7] ~= '' then count_miss(KEYS[2], ARGV[7], now_ms) end
  if not elsewhere then return 'absent' end
  return 'ask', string.format('%.0f:%.0f', (ARGV[7] ~= '' or ARGV[8] ~= '') and 1 or 2, now_ms)
end
local function lookup(now_ms)
  local count, ttl_ms = tonumber(ARGV[3]), tonumber(ARGV[4])
  if ARGV[6] ~= '' then fill(ARGV[5], tonumber(ARGV[6]), math.floor(math.min(tonumber(ARGV[9]) - now_ms, ttl_ms))) end
  if ARGV[6] ~= '' and ARGV[5] == '' then return 'forgiven' end
  local raw, place, cached
  for i = 1, count do
    raw, place, cached = redis.call('GET', KEYS[2 * i + 2]), i, true
    if not raw and ARGV[2] == 'record' then raw, cached = redis.call('GET', KEYS[2 * i + 3]), false end
    if raw then break end
  end
  if not raw then return missing(now_ms, count) end
  local ok, entry = pcall(cjson.decode, raw)
  if not ok or type(entry) ~= 'table' or entry.v ~= 1 then return 'unreadable' end
  if entry.status ~= 'active' then return 'revoked', raw end
  local expires = type(entry.expiresAt) == 'number' and entry.expiresAt
  if expires and expires <= now_ms then return 'expired' end
  if not cached then
    if expires then ttl_ms = math.min(ttl_ms, expires - now_ms) end
    redis.call('SET', KEYS[2 * place + 2], raw, 'NX', 'PX', string.format('%.0f', math.max(1, math.floor(ttl_ms))))
  end
  return 'active', raw, entry, place
end
`;

/** Keys and arguments of the lookup, but for the script's own first argument. */
export interface LookupCall {
  readonly keys: readonly string[];
  readonly args: readonly (string | number)[];
}

export interface LookupOptions {
  readonly names: KeyNames;
  /** Where keys are on record. */
  readonly place: 'record' | 'source';
  readonly entryTtlMs: number;
  /** By which misses and looks are counted; `undefined` where they are not. */
  readonly rules: { readonly clientRule: string; readonly budgetRule: string } | undefined;
  /** What the source has said. */
  readonly fill: Fill | undefined;
}

/** A question as {@link LOOKUP_LUA} takes it. */
export function lookupCall(
  { digests, client }: Question,
  { names, place, entryTtlMs, rules, fill }: LookupOptions,
): LookupCall {
  const other = place === 'source' ? names.seen : names.record;
  return {
    keys: [
      names.sentinel,
      client === undefined ? names.budget : names.misses(client),
      names.budget,
      ...digests.flatMap((digest) => [names.entry(digest), other(digest)]),
    ],
    args: [
      place,
      digests.length,
      entryTtlMs,
      fill?.text ?? '',
      fill?.place ?? '',
      client === undefined ? '' : (rules?.clientRule ?? ''),
      rules?.budgetRule ?? '',
      fill?.endsAt ?? '',
    ],
  };
}

export interface Lookup {
  readonly status: LookupStatus;
  readonly text: string;
  readonly entry: Readonly<Record<string, unknown>>;
  /** Which digest it was found by, from 1. */
  readonly place: number;
}

/** The twin of `lookup` in {@link LOOKUP_LUA}. */
export function lookup(redis: ScriptContext, keys: readonly string[], args: readonly string[], nowMs: number): Lookup {
  const [, mode, countText, ttlText = '', filling = '', placeText, , , endsText] = args;
  const count = Number(countText);
  if (placeText !== '') {
    const leftMs = Math.min(Number(endsText) - nowMs, Number(ttlText));
    fill(redis, keys, args, filling, Number(placeText), Math.floor(leftMs));
    if (filling === '') return nothing('forgiven');
  }
  for (let place = 1; place <= count; place += 1) {
    const [entryKey = '', recordKey = ''] = keys.slice(lookupKeyCount(place - 1), lookupKeyCount(place));
    const cached = redis.call('GET', entryKey);
    const raw = cached ?? (mode === 'record' ? redis.call('GET', recordKey) : null);
    if (typeof raw !== 'string') continue;
    const entry = readJson(raw);
    if (!isObject(entry) || entry.v !== 1) return nothing('unreadable');
    if (entry.status !== 'active') return { status: 'revoked', text: raw, entry, place };
    const expiresAt = typeof entry.expiresAt === 'number' ? entry.expiresAt : undefined;
    if (expiresAt !== undefined && expiresAt <= nowMs) return nothing('expired');
    if (cached === null) {
      const ttl = expiresAt === undefined ? Number(ttlText) : Math.min(Number(ttlText), expiresAt - nowMs);
      redis.call('SET', entryKey, raw, 'NX', 'PX', Math.max(1, Math.floor(ttl)));
    }
    return { status: 'active', text: raw, entry, place };
  }
  return missing(redis, keys, args, nowMs);
}

function fill(
  redis: ScriptContext,
  keys: readonly string[],
  args: readonly string[],
  text: string,
  place: number,
  leftMs: number,
): void {
  const at = 1 + 2 * Math.abs(place);
  const [entryKey = '', seenKey = ''] = keys.slice(at, at + 2);
  if (text !== '' && leftMs >= 1) redis.call('SET', entryKey, text, 'NX', 'PX', leftMs);
  if (text !== '') redis.call('SET', seenKey, '1', 'PX', SEEN_MS);
  if (place < 0) takeBack(redis, keys, args);
}

/** The twin of `take_back` in {@link LOOKUP_LUA}: what was counted as a miss was none. */
export function takeBack(redis: ScriptContext, keys: readonly string[], args: readonly string[]): void {
  const [, misses = '', budget = ''] = keys;
  const [, , , , , , clientRule, budgetRule] = args;
  if (clientRule !== '') forgiveMiss(redis, misses);
  if (budgetRule !== '') refundBudget(redis, budget);
}

function missing(
  redis: ScriptContext,
  keys: readonly string[],
  [, mode, countText, , , , clientRule = '', budgetRule = '']: readonly string[],
  nowMs: number,
): Lookup {
  const [sentinel = '', misses = '', budget = ''] = keys;
  const elsewhere = mode === 'source';
  if (!elsewhere && redis.call('GET', sentinel) === null) return nothing('lost');
  if (elsewhere) {
    for (let at = 4; at < lookupKeyCount(Number(countText)); at += 2) {
      if (redis.call('GET', keys[at] ?? '') !== null) return nothing('ask', `0:${nowMs}`);
    }
  }
  const lockoutMs = clientRule === '' ? 0 : missLockout(redis, misses, clientRule, nowMs);
  if (lockoutMs > 0) return nothing('locked', String(lockoutMs));
  const waitMs = elsewhere && budgetRule !== '' ? overBudget(redis, budget, budgetRule) : 0;
  if (waitMs > 0) return nothing('busy', String(waitMs));
  if (clientRule !== '') recordMiss(redis, misses, clientRule, nowMs);
  if (!elsewhere) return nothing('absent');
  return nothing('ask', `${clientRule === '' && budgetRule === '' ? 2 : 1}:${nowMs}`);
}

function nothing(status: LookupStatus, text = ''): Lookup {
  return { status, text, entry: {}, place: 0 };
}
