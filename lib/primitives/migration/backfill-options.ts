/** Keys to copy: an iterator over a table, a cursor, an export. */
export type KeySource = AsyncIterable<string> | Iterable<string>;

/** How a walk over the old side goes on. Wrong settings throw a ConfigError. */
export interface BackfillOptions {
  /** At most so many records a second. @default 1_000 */
  readonly perSecond?: number | undefined;
  /** Records looked at together. @default 100 */
  readonly batch?: number | undefined;
  /** Ends it between two batches. @default none */
  readonly signal?: AbortSignal | undefined;
  /**
   * Whether these are all keys that there are: then reads may move once it is done. @default true
   */
  readonly complete?: boolean | undefined;
}

/** What became of it. Of `failed` keys nobody knows on which side they are right; run it again. */
export type BackfillResult =
  | {
      readonly status: 'done' | 'stopped';
      /** Keys that were looked at. */
      readonly keys: number;
      /** Keys that the other side was given, or was told to delete. */
      readonly copied: number;
      /** Keys under which the other side has something else: for a reconciliation. Always 0 for that. */
      readonly different: number;
      readonly failed: number;
      /** Whether the side that was behind is so no longer: reads may move. */
      readonly complete: boolean;
    }
  /** Some process may still act on the mode before. */
  | { readonly status: 'too-early'; readonly retryAfterMs: number }
  /** It runs in the dual modes only. */
  | { readonly status: 'not-dual' };
