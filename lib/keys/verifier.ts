import type { CallOptions, Value } from '../client/call.ts';
import type { KvClient } from '../client/kv-client.ts';
import { defineScript, runScript, type Script } from '../client/script.ts';
import { isKvError, isUnavailable } from '../errors.ts';
import type { Digester, KeyDigest } from './digest.ts';
import type { KeyFormat } from './key-format.ts';
import type { KeyNames } from './key-names.ts';
import type { KnownKeys } from './known-keys.ts';
import { LOOKUP_LUA, lookup } from './lookup.ts';
import { type ApiKey, type DigestRecord, readDigestRecord } from './record.ts';

/** One of three: yes, no, or nobody can say. Only a definite answer is ever a no. */
export type Validation<Config = unknown> =
  | {
      readonly status: 'VALID';
      readonly key: ApiKey<Config>;
      /** Answered from an old answer because nobody could be asked. */
      readonly degraded: boolean;
    }
  | { readonly status: 'INVALID'; readonly reason: 'malformed' | 'unknown' | 'revoked' | 'expired' }
  | { readonly status: 'UNAVAILABLE'; readonly retryAfterMs: number };

export interface VerifierStats {
  hits: number;
  misses: number;
  negativeHits: number;
}

/** Tells whether a digest is that of a valid key, from Redis and from what this process knows. */
export interface Verifier<Config> {
  /** 0 requests for a key known to this process, else 1. */
  validate(key: string, options?: CallOptions): Promise<Validation<Config>>;
  /** Entry, record and sentinel: the keys that the lookup reads. */
  lookupKeys(digest: KeyDigest): readonly [string, string, string];
  /** What this process knows well enough not to ask. */
  recent(digest: KeyDigest): Validation<Config> | undefined;
  /** Makes an answer, and a memory, of what the lookup found. */
  learn(digest: KeyDigest, status: Value | undefined, raw: Value | undefined): Validation<Config>;
  /** The id of a key that this process has seen within the last `staleIfErrorMs`. No I/O. */
  idOf(digest: KeyDigest): string | undefined;
  /** The answer without Redis, for an `error` that says so; any other error is thrown. */
  without(digest: KeyDigest, error: unknown): Validation<Config>;
  readonly stats: Readonly<VerifierStats>;
}

export interface VerifierOptions<Config> {
  readonly kv: KvClient;
  readonly format: KeyFormat;
  readonly digest: Digester;
  readonly names: KeyNames;
  readonly known: KnownKeys<Config>;
  /** Life of the entries in Redis. */
  readonly entryTtlMs: number;
}

/** KEYS: entry, record, sentinel. ARGV: life of an entry in ms. */
const lookupScript: Script = defineScript({
  name: 'key-lookup',
  lua: `${LOOKUP_LUA}
local t = redis.call('TIME')
local status, raw = lookup(KEYS[1], KEYS[2], KEYS[3], tonumber(t[1]) * 1000, tonumber(ARGV[1]))
return {status, raw or ''}
`,
  memory(redis, keys, [ttlMs]) {
    const time = redis.call('TIME');
    const found = lookup(redis, keys, Number(Array.isArray(time) ? time[0] : 0) * 1000, Number(ttlMs));
    return [found.status, found.raw];
  },
});

export function createVerifier<Config>(options: VerifierOptions<Config>): Verifier<Config> {
  const { kv, format, digest: toDigest, names, known, entryTtlMs } = options;
  const stats: VerifierStats = { hits: 0, misses: 0, negativeHits: 0 };

  const judge = (record: DigestRecord<Config>, degraded: boolean): Validation<Config> => {
    if (record.status === 'revoked') return { status: 'INVALID', reason: 'revoked' };
    if (record.expiresAt !== null && record.expiresAt <= kv.clock.now())
      return { status: 'INVALID', reason: 'expired' };
    return { status: 'VALID', key: record, degraded };
  };

  const recall = (digest: KeyDigest, retryAfterMs: number): Validation<Config> => {
    const record = known.stale(digest.digest);
    return record ? judge(record, true) : { status: 'UNAVAILABLE', retryAfterMs };
  };

  const unreadable = (problem: string) =>
    kv.notify({ type: 'unreadable', at: kv.clock.now(), feature: 'keys', problem });

  const verifier: Verifier<Config> = {
    stats,
    idOf: ({ digest }) => known.stale(digest)?.id,
    lookupKeys: (digest) => [names.entry(digest), names.record(digest), names.sentinel],
    recent(digest) {
      const record = known.fresh(digest.digest);
      if (record === undefined) return undefined;
      return record === 'absent' ? { status: 'INVALID', reason: 'unknown' } : judge(record, false);
    },
    learn(digest, status, raw) {
      if (status === 'absent') {
        known.noteAbsent(digest.digest);
        return { status: 'INVALID', reason: 'unknown' };
      }
      if (status === 'expired') {
        known.forget(digest.digest);
        return { status: 'INVALID', reason: 'expired' };
      }
      const record = status === 'active' || status === 'revoked' ? readDigestRecord<Config>(raw) : undefined;
      if (record) {
        known.note(digest.digest, record);
        // What this process revoked a moment ago outlives an answer that was already under way.
        return judge(known.stale(digest.digest) ?? record, false);
      }
      if (status === 'lost') kv.notify({ type: 'keys-lost', at: kv.clock.now() });
      else unreadable('record of another kind or version');
      return recall(digest, 1_000);
    },
    without(digest, error) {
      if (isKvError(error) && error.code === 'COMMAND') unreadable(error.replyCode);
      else if (!isUnavailable(error)) throw error;
      else if (error.code === 'CIRCUIT_OPEN') return recall(digest, error.retryAfterMs);
      return recall(digest, 1_000);
    },
    async validate(key, call) {
      if (!format.accepts(key)) return { status: 'INVALID', reason: 'malformed' };
      const digest = await toDigest(key);
      const answer = verifier.recent(digest);
      if (answer) {
        if (answer.status === 'INVALID' && answer.reason === 'unknown') stats.negativeHits += 1;
        else stats.hits += 1;
        return answer;
      }
      stats.misses += 1;
      try {
        const keys = verifier.lookupKeys(digest);
        const reply = await runScript(kv, { script: lookupScript, keys, args: [entryTtlMs] }, call);
        const [status, raw] = Array.isArray(reply) ? reply : [];
        return verifier.learn(digest, status, raw);
      } catch (error) {
        return verifier.without(digest, error);
      }
    },
  };
  return verifier;
}
