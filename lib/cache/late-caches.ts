import { logMisconfiguration } from '../log.ts';
import type { Cache } from './cache-options.ts';
import type { RecordCache } from './records/record-cache.ts';
import type { SemanticCache } from './semantic/semantic-cache.ts';

/** A cache that is made at first use: what cannot be made is said then, and not where a module is imported. */
export function lateCache<T>(namespace: string, make: () => Cache<T>): Cache<T> {
  const cache = once(() => {
    try {
      return make();
    } catch (error) {
      // Who goes on without a cache would not hear of it.
      logMisconfiguration(error);
      throw error;
    }
  });
  return {
    namespace,
    get: async (key, options) => cache().get(key, options),
    getOrFetch: async (key, load, options) => cache().getOrFetch(key, load, options),
    set: async (key, value, options) => cache().set(key, value, options),
    delete: async (key) => cache().delete(key),
    has: async (key, options) => cache().has(key, options),
    wrap:
      (work, options) =>
      async (...args) =>
        cache().wrap(work, options)(...args),
    invalidateTags: async (tags) => cache().invalidateTags(tags),
    clear: async () => cache().clear(),
    stats: () => cache().stats(),
    settled: async () => cache().settled(),
  };
}

/** As {@link lateCache}. */
export function lateRecordCache<R>(namespace: string, make: () => RecordCache<R>): RecordCache<R> {
  const cache = once(make);
  return {
    namespace,
    get: async (id) => cache().get(id),
    getMany: async (ids) => cache().getMany(ids),
    update: async (id, record) => cache().update(id, record),
    invalidate: async (id) => cache().invalidate(id),
    clear: async () => cache().clear(),
    stats: () => cache().stats(),
    settled: async () => cache().settled(),
  };
}

/** As {@link lateCache}. */
export function lateSemanticCache<T>(make: () => SemanticCache<T>): SemanticCache<T> {
  const cache = once(make);
  return {
    get: async (prompt) => cache().get(prompt),
    getOrGenerate: async (prompt, generate) => cache().getOrGenerate(prompt, generate),
    set: async (prompt, generated) => cache().set(prompt, generated),
    delete: async (prompt) => cache().delete(prompt),
    clear: async (tenant) => cache().clear(tenant),
    stats: async () => cache().stats(),
    hitsOf: async (prompt) => cache().hitsOf(prompt),
    settled: async () => cache().settled(),
  };
}

/** Tries again until it has been made. */
function once<A>(make: () => A): () => A {
  let made: { readonly cache: A } | undefined;
  return () => {
    made ??= { cache: make() };
    return made.cache;
  };
}
