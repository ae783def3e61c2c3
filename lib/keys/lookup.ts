import type { ScriptContext } from '../store/script-twins.ts';

/** What Redis knows of a digest. `lost`: no record, and no sentinel either, so its silence proves nothing. */
export type LookupStatus = 'active' | 'revoked' | 'expired' | 'absent' | 'lost' | 'unreadable';

/**
 * Finds a key by its digest: the cache entry, else the record, which then fills the entry (NX: never over the tombstone
 * of a revocation). As a function, so that the guard can put it into a script with the limits.
 */
export const LOOKUP_LUA: string = `
local function lookup(entry_key, record_key, sentinel_key, now_ms, ttl_ms)
  local raw = redis.call('GET', entry_key)
  local cached = raw
  if not raw then
    local found = redis.call('MGET', record_key, sentinel_key)
    raw = found[1]
    if not raw then return found[2] and 'absent' or 'lost' end
  end
  local ok, entry = pcall(cjson.decode, raw)
  if not ok or type(entry) ~= 'table' or entry.v ~= 1 then return 'unreadable' end
  if entry.status ~= 'active' then return 'revoked', raw end
  local expires = type(entry.expiresAt) == 'number' and entry.expiresAt
  if expires and expires <= now_ms then return 'expired' end
  if not cached then
    if expires then ttl_ms = math.min(ttl_ms, expires - now_ms) end
    redis.call('SET', entry_key, raw, 'NX', 'PX', string.format('%.0f', math.max(1, math.floor(ttl_ms))))
  end
  return 'active', raw, entry
end
`;

export interface Lookup {
  readonly status: LookupStatus;
  /** The record as it is stored; with `active` and `revoked`. */
  readonly raw: string;
  readonly entry: Readonly<Record<string, unknown>>;
}

/** The twin of `lookup` in {@link LOOKUP_LUA}. */
export function lookup(
  redis: ScriptContext,
  [entryKey = '', recordKey = '', sentinelKey = '']: readonly string[],
  nowMs: number,
  ttlMs: number,
): Lookup {
  const cached = redis.call('GET', entryKey);
  let raw = cached;
  if (typeof raw !== 'string') {
    const [record, sentinel] = asArray(redis.call('MGET', recordKey, sentinelKey));
    if (typeof record !== 'string') return nothing(sentinel === null ? 'lost' : 'absent');
    raw = record;
  }
  const entry = decode(raw);
  if (entry?.v !== 1) return nothing('unreadable');
  if (entry.status !== 'active') return { status: 'revoked', raw, entry };
  const expiresAt = typeof entry.expiresAt === 'number' ? entry.expiresAt : undefined;
  if (expiresAt !== undefined && expiresAt <= nowMs) return nothing('expired');
  if (typeof cached !== 'string') {
    const ttl = expiresAt === undefined ? ttlMs : Math.min(ttlMs, expiresAt - nowMs);
    redis.call('SET', entryKey, raw, 'NX', 'PX', Math.max(1, Math.floor(ttl)));
  }
  return { status: 'active', raw, entry };
}

function nothing(status: LookupStatus): Lookup {
  return { status, raw: '', entry: {} };
}

function asArray(reply: unknown): readonly unknown[] {
  return Array.isArray(reply) ? reply : [];
}

function decode(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
