import type { KeyDigest } from '../../lib/keys/digest.ts';
import { type ApiKeySource, type ApiKeyStore, isKeyStore } from '../../lib/keys/source/source.ts';

/** A source that can be taken away, held up, and counted. */
export interface WatchedSource {
  readonly source: ApiKeySource<unknown>;
  /** Looks so far. */
  readonly looks: readonly KeyDigest[];
  /** From now on it fails, in everything. */
  takeAway(error?: unknown): void;
  giveBack(): void;
  /** From now on looks are answered with what was found when they began, once they are released. */
  hold(): Hold;
}

export interface Hold {
  /** Looks that have found something, or nothing, and nobody has heard of it. */
  readonly waiting: number;
  release(): void;
}

/** `inner`, watched; keys can be issued in it if they can be in that. */
export function watchedSource(inner: ApiKeySource<unknown>): WatchedSource {
  const looks: KeyDigest[] = [];
  let away: { readonly error: unknown } | undefined;
  let gate: Promise<void> | undefined;
  let waiting = 0;

  const unlessAway = async <T>(work: () => Promise<T>): Promise<T> => {
    if (away) throw away.error;
    return work();
  };

  const look = async <Found>(digest: KeyDigest, find: () => Promise<Found>): Promise<Found> => {
    looks.push(digest);
    const found = await unlessAway(find);
    waiting += 1;
    await gate;
    waiting -= 1;
    return found;
  };

  const managed = (store: ApiKeyStore<unknown>): ApiKeyStore<unknown> => ({
    findByDigest: (digest, options) => look(digest, () => store.findByDigest(digest, options)),
    get: (id) => unlessAway(() => store.get(id)),
    insert: (record) => unlessAway(() => store.insert(record)),
    replace: (next, previous) => unlessAway(() => store.replace(next, previous)),
    list: (page) => unlessAway(() => store.list(page)),
  });

  return {
    looks,
    source: isKeyStore(inner)
      ? managed(inner)
      : { findByDigest: (digest, options) => look(digest, () => inner.findByDigest(digest, options)) },
    takeAway(error = new Error('the database is gone')) {
      away = { error };
    },
    giveBack() {
      away = undefined;
    },
    hold() {
      let open: (() => void) | undefined;
      gate = new Promise<void>((resolve) => {
        open = resolve;
      });
      return {
        get waiting() {
          return waiting;
        },
        release() {
          gate = undefined;
          open?.();
        },
      };
    },
  };
}
