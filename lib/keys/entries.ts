import { isObject, readJson } from '../client/json.ts';
import type { KvClient } from '../client/kv-client.ts';
import { createLru } from '../client/lru.ts';
import { REDIS_TIME_LUA, redisNowMs } from '../client/redis-time.ts';
import { defineScript, runScript, type Script } from '../client/script.ts';
import { elapsedSince, type Instant } from '../clock.ts';
import { isUnavailable } from '../errors.ts';
import type { KeyNames } from './key-names.ts';
import { SEEN_MS } from './lookup.ts';
import { type DigestRecord, recordsOf } from './record.ts';
import type { Change } from './registry.ts';

/** The cache entries of keys that are on record elsewhere than in this Redis. */
export interface Entries<Config> {
  /** Puts what a change has made of a key over what is cached of it. `false` when Redis could not be told. One request. */
  publish(change: Change<Config>): Promise<boolean>;
  /** Publishes what could not be, now that Redis answers again. In nobody's way; never rejects. */
  catchUp(): Promise<unknown> | undefined;
}

export interface EntriesOptions {
  readonly kv: KvClient;
  readonly names: KeyNames;
  readonly entryTtlMs: number;
  readonly tombstoneMs: number;
}

/** Keys whose changes wait for Redis to be back. */
const MAX_UNPUBLISHED = 1_000;
const MAX_OF_ONE = 8;
const MAX_AT_ONCE = 16;

/**
 * Never over a tombstone, nor over a later generation: changes of one key may come here in another order than they were
 * made in. And nothing for longer than until it ends, however late it comes: by then the tombstone that it would meet may
 * have gone, and there may have been none. KEYS: for each digest its entry and its mark. ARGV: for each its text, life in ms, when that ends in Unix ms, or none for a tombstone,
 * and generation.
 */
const publishScript: Script = defineScript({
  name: 'key-publish',
  lua: `${REDIS_TIME_LUA}
local now_ms = redis_now_ms()
for i = 1, #KEYS / 2 do
  local text, life, ends, generation = ARGV[4 * i - 3], ARGV[4 * i - 2], ARGV[4 * i - 1], tonumber(ARGV[4 * i])
  local ok, there = pcall(cjson.decode, redis.call('GET', KEYS[2 * i - 1]) or '')
  local known = ok and type(there) == 'table' and type(there.generation) == 'number'
  local final = known and there.status == 'revoked' and ends ~= ''
  local late = ends ~= '' and tonumber(ends) <= now_ms
  if not final and not late and not (known and there.generation > generation) then
    if ends ~= '' then life = math.min(tonumber(life), tonumber(ends) - now_ms) end
    redis.call('SET', KEYS[2 * i - 1], text, 'PX', string.format('%.0f', life))
  end
  redis.call('SET', KEYS[2 * i], '1', 'PX', '${SEEN_MS}')
end
return 1
`,
  memory(redis, keys, args) {
    const nowMs = redisNowMs(redis);
    for (let at = 0; at < keys.length; at += 2) {
      const [entry = '', seen = ''] = keys.slice(at, at + 2);
      const [text = '', life = '', ends, generation] = args.slice(2 * at, 2 * at + 4);
      const there = readEntry(redis.call('GET', entry));
      const isFinal = there?.status === 'revoked' && ends !== '';
      const isLate = ends !== '' && Number(ends) <= nowMs;
      const isOvertaken = there !== undefined && there.generation > Number(generation);
      const leftMs = ends === '' ? life : Math.min(Number(life), Number(ends) - nowMs);
      if (!isFinal && !isLate && !isOvertaken) redis.call('SET', entry, text, 'PX', leftMs);
      redis.call('SET', seen, '1', 'PX', SEEN_MS);
    }
    return 1;
  },
});

/** KEYS: entries that go, unless they are tombstones. */
const forgetScript: Script = defineScript({
  name: 'key-forget',
  lua: `
for i = 1, #KEYS do
  local ok, there = pcall(cjson.decode, redis.call('GET', KEYS[i]) or '')
  if not (ok and type(there) == 'table' and there.status == 'revoked') then redis.call('DEL', KEYS[i]) end
end
return 1
`,
  memory(redis, keys) {
    for (const key of keys) if (readEntry(redis.call('GET', key))?.status !== 'revoked') redis.call('DEL', key);
    return 1;
  },
});

/** Drops what Redis has cached of keys, and no tombstone. One request. @throws when Redis is away */
export async function forgetEntries(kv: KvClient, keys: readonly string[]): Promise<void> {
  await runScript(kv, { script: forgetScript, keys, args: [] });
}

export function createEntries<Config>({ kv, names, entryTtlMs, tombstoneMs }: EntriesOptions): Entries<Config> {
  /** Counted from the change: a key that others have revoked since may have lost its tombstone when this is caught up with. */
  const lifeOf = (record: DigestRecord<Config>, at: Instant): number => {
    if (record.status === 'revoked') return tombstoneMs;
    const leftMs = record.expiresAt === null ? entryTtlMs : record.expiresAt - kv.clock.now();
    return Math.floor(Math.min(entryTtlMs - elapsedSince(at, kv.clock), leftMs));
  };
  /** By id: a later change of a key says all that an earlier one would have said, but of the digests that ended with that. */
  const unpublished = createLru<readonly Change<Config>[]>(MAX_UNPUBLISHED);

  const entries: Entries<Config> = {
    catchUp() {
      if (unpublished.size === 0) return undefined;
      const changes = unpublished.take(MAX_AT_ONCE).flatMap(([, waiting]) => waiting);
      // Those that fail again wait again.
      return Promise.allSettled(changes.map(entries.publish));
    },
    async publish(change) {
      const { previous, next, at } = change;
      const records = recordsOf(next, previous);
      const keys = records.flatMap(([digest]) => [names.entry(digest), names.seen(digest)]);
      const now = kv.clock.now();
      const args = records.flatMap(([, record]) => {
        const lifeMs = lifeOf(record, at);
        const endsAt = record.status === 'revoked' ? '' : lifeMs > 0 ? now + lifeMs : 0;
        return [JSON.stringify(record), lifeMs, endsAt, record.generation];
      });
      try {
        await runScript(kv, { script: publishScript, keys, args });
        return true;
      } catch (error) {
        if (!isUnavailable(error)) throw error;
        unpublished.set(next.id, [...(unpublished.get(next.id) ?? []), change].slice(-MAX_OF_ONE));
        return false;
      }
    },
  };
  return entries;
}

function readEntry(text: unknown): { readonly status: unknown; readonly generation: number } | undefined {
  const entry = readJson(text);
  if (!isObject(entry) || typeof entry.generation !== 'number') return undefined;
  return { status: entry.status, generation: entry.generation };
}
