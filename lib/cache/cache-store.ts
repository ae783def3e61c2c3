import type { Result } from '../client/call.ts';
import { randomBase62 } from '../client/crypto.ts';
import type { KvClient } from '../client/kv-client.ts';
import { retryAfterOf } from '../client/retry-after.ts';
import { runScriptWith } from '../client/script.ts';
import type { Instant } from '../clock.ts';
import { isKvError, isUnavailable } from '../errors.ts';
import type { Command } from '../store/store.ts';
import type { CacheNames } from './cache-names.ts';
import { type Entry, MAX_HEAD_LENGTH, NEGATIVE, readEntry, TOMBSTONE, tombstone, writeEntry } from './entry.ts';
import { entryWrite, idOf, UNREADABLE_ID } from './entry-write.ts';
import type { Asked, Stamps } from './invalidation/stamps.ts';
import type { Packer } from './payload/packer.ts';

/** What Redis said of a key. */
export type Reading<T> =
  /** It stands under the stamps as they are. */
  | {
      readonly kind: 'entry';
      readonly entry: Entry;
      /** Both `undefined` where there is no such thing. */
      readonly text: string | undefined;
      readonly value: T | undefined;
      readonly askedAt: Instant;
    }
  /** `id` is that of what is there and is none: a tombstone, something invalidated or unreadable; `''` for nothing. */
  | { readonly kind: 'none'; readonly id: string; readonly askedAt: Instant }
  | { readonly kind: 'away'; readonly retryAfterMs: number };

export interface ReadingOptions {
  readonly signal?: AbortSignal | undefined;
  /** Claims the next load for so long. */
  readonly claimMs?: number | undefined;
}

export interface CacheStore<T> {
  /**
   * One request; a second one for tags that neither the caller named nor this process knows. `isClaimed`: whether it was
   * asked to claim, and nobody else had.
   */
  read(
    key: string,
    parts: readonly string[],
    options?: ReadingOptions,
  ): Promise<{ readonly reading: Reading<T>; readonly isClaimed: boolean }>;
  /** Writes where the id is still `expected`, and ends the claim. @throws KvError */
  replace(key: string, entry: Entry, expected: string, lifeMs: number): Promise<boolean>;
  /** Gives back a claim that no write has ended, `inMs` from now. Redis away: it ends by itself. */
  unclaim(key: string, inMs: number): Promise<void>;
  /** What writes whatever is there. */
  put(key: string, entry: Entry, lifeMs: number): Promise<Command>;
  /** Makes what deletes, and keeps those away who began to load before; each one keeps the ones away who found another. */
  burial(key: string, forMs: number): Promise<() => Command>;
}

export interface CacheStoreOptions<T> {
  readonly kv: KvClient;
  readonly names: CacheNames;
  readonly stamps: Stamps;
  readonly packer: Packer<T>;
  readonly maxValueBytes: number;
  /** How old what is known of stamps may be. */
  readonly trustMs: number;
  readonly onUnreadable: () => void;
}

type Contents<T> = Pick<Extract<Reading<T>, { kind: 'entry' }>, 'entry' | 'text' | 'value'>;

export function createCacheStore<T>(options: CacheStoreOptions<T>): CacheStore<T> {
  const { kv, names, stamps, packer, maxValueBytes, trustMs, onUnreadable } = options;
  const { clock } = kv;

  const unreadable = (problem: string): undefined => {
    onUnreadable();
    kv.notify({ type: 'unreadable', at: clock.now(), feature: 'cache', problem });
  };

  /** What can be used of it; reports what cannot. */
  const readContents = async (found: string): Promise<Contents<T> | undefined> => {
    if (found.length > maxValueBytes + MAX_HEAD_LENGTH) return unreadable('larger than maxValueBytes');
    const entry = readEntry(found);
    if (!entry) return unreadable('damaged, or of another kind or version');
    if (entry.marks === TOMBSTONE) return undefined;
    if (entry.marks === NEGATIVE) return { entry, text: undefined, value: undefined };
    const unpacked = await packer.unpack(entry.marks, entry.wire);
    if ('problem' in unpacked) return unreadable(unpacked.problem);
    const decoded = packer.decode(unpacked.text);
    return 'problem' in decoded ? unreadable(decoded.problem) : { entry, text: unpacked.text, value: decoded.value };
  };

  /** Asks for stamps that came up only with the entry. */
  const learnRest = async (entry: Entry, askedAt: Asked, signal: AbortSignal | undefined): Promise<void> => {
    const parts = stamps.unknownTo(entry, askedAt, trustMs);
    if (parts.length === 0) return;
    const laterAt = stamps.asking();
    stamps.learn(parts, await kv.execute(stamps.query(parts), { signal }), laterAt);
  };

  const eachAlone = async (commands: readonly Command[], signal: AbortSignal | undefined): Promise<readonly Result[]> =>
    (await Promise.all(commands.map((command) => kv.execute([command], { signal })))).flat();

  return {
    async read(key, parts, { signal, claimMs } = {}) {
      const name = await names.entry(key);
      const commands: Command[] = [['GET', name], ...stamps.query(parts)];
      if (claimMs !== undefined) commands.push(['SET', await names.claim(key), '1', 'NX', 'PX', claimMs]);
      const askedAt = stamps.asking();
      try {
        // Alone each can be one with the same question of another caller; together they leave in one request all the same.
        // That one may have been answered before something ended elsewhere: not for who wants to know at once.
        // A probe is one request: with two questions the second would be refused.
        const isShared = claimMs === undefined && trustMs > 0 && kv.circuit.state().state === 'CLOSED';
        const results = isShared ? await eachAlone(commands, signal) : await kv.execute(commands, { signal });
        const [found, ...rest] = results;
        const claim = claimMs === undefined ? undefined : rest.pop();
        const isClaimed = claim === 'OK';
        const none = (id: string) => ({ reading: { kind: 'none', id, askedAt } as const, isClaimed });
        const isKnown = stamps.learn(parts, rest, askedAt);
        if (found instanceof Error || !isKnown) {
          unreadable('something of another kind stands under a name of the cache');
          return none(UNREADABLE_ID);
        }
        if (typeof found !== 'string') return none('');
        const read = await readContents(found);
        if (!read) return none(idOf(found));
        await learnRest(read.entry, askedAt, signal);
        if (!stamps.stands(read.entry, askedAt)) return none(read.entry.id);
        return { reading: { kind: 'entry', ...read, askedAt }, isClaimed };
      } catch (error) {
        if (!isUnavailable(error)) throw error;
        return { reading: { kind: 'away', retryAfterMs: retryAfterOf(error) }, isClaimed: false };
      }
    },

    async replace(key, entry, expected, lifeMs) {
      const [name, claim] = [await names.entry(key), await names.claim(key)];
      const call = { script: entryWrite, keys: [name], args: [expected, writeEntry(entry), lifeMs] };
      const [written] = await runScriptWith(kv, call, [['DEL', claim]]);
      if (written instanceof Error) throw written;
      return written === 1;
    },

    async unclaim(key, inMs) {
      try {
        await kv.execute([['PEXPIRE', await names.claim(key), inMs]]);
      } catch (error) {
        if (!isKvError(error)) throw error;
      }
    },

    put: async (key, entry, lifeMs) => ['SET', await names.entry(key), writeEntry(entry), 'PX', lifeMs],

    async burial(key, forMs) {
      const name = await names.entry(key);
      return () => ['SET', name, writeEntry(tombstone(newEntryId(), clock.now())), 'PX', forMs];
    },
  };
}

export function newEntryId(): string {
  return randomBase62(12);
}
