/** What a loader may say beside a plain value. */
export type Loaded<T> =
  /** There is no such thing: kept for `negativeTtlMs`. */
  | { readonly kind: 'not-found' }
  /** A value for those who wait, and for nobody else. */
  | { readonly kind: 'skip'; readonly value: T }
  /** A value with a life, or tags, of its own. */
  | {
      readonly kind: 'value';
      readonly value: T;
      readonly ttlMs?: number | undefined;
      readonly tags?: readonly string[] | undefined;
    };

const MARK: unique symbol = Symbol.for('breakwater.loaded.1');

/** Told from values by a mark that no JSON has. */
export interface Marked<T> {
  readonly [MARK]: Loaded<T>;
}

/** There is no such thing. It is remembered for the cache's `negativeTtlMs`. */
export function notFound(): Marked<never> {
  return { [MARK]: { kind: 'not-found' } };
}

/** Hands out `value` to those who wait for it, and stores nothing. */
export function skip<T>(value: T): Marked<T> {
  return { [MARK]: { kind: 'skip', value } };
}

/**
 * A value that says itself how long it is good for, or what it depends on. A tag that only the loader names is safe too:
 * what was loaded while any tag of the cache was invalidated is handed out, and not stored.
 */
export function loaded<T>(
  value: T,
  options: { readonly ttlMs?: number | undefined; readonly tags?: readonly string[] | undefined } = {},
): Marked<T> {
  return { [MARK]: { kind: 'value', value, ttlMs: options.ttlMs, tags: options.tags } };
}

export function readLoaded<T>(answer: T | Marked<T>): Loaded<T> {
  const isMarked = typeof answer === 'object' && answer !== null && MARK in answer;
  return isMarked ? answer[MARK] : { kind: 'value', value: answer };
}
