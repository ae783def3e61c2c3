import { type EntryHead, NEGATIVE } from './entry.ts';

/**
 * `early`: fresh, and about to end. `revalidating`: past its end, good enough while a newer one is loaded. `failing`: good
 * enough only if none can be loaded. `over`: for nothing.
 */
export type Freshness = 'fresh' | 'early' | 'revalidating' | 'failing' | 'over';

export interface FreshnessRule {
  readonly swrMs: number;
  readonly staleIfErrorMs: number;
  /** Beta of XFetch. */
  readonly earlyRefresh: number;
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
}

/**
 * XFetch (Vattani, Chierichetti, Lowenstein: Optimal Probabilistic Cache Stampede Prevention, VLDB 2015): the nearer the
 * end, and the longer a load takes, the likelier one caller loads before everybody has to wait. Never in the first half of
 * a value's life: a load slower than that would be repeated with every read.
 */
export function freshnessOf(head: EntryHead, now: number, rule: FreshnessRule): Freshness {
  const { freshUntil, createdAt, costMs } = head;
  const { swrMs, staleIfErrorMs, earlyRefresh, random } = rule;
  if (now < freshUntil) {
    const isSecondHalf = now - createdAt >= freshUntil - now;
    // Of (0, 1]: the logarithm of 0 is no number of milliseconds.
    const headStartMs = isSecondHalf && earlyRefresh > 0 ? -costMs * earlyRefresh * Math.log(1 - random()) : 0;
    return now + headStartMs >= freshUntil ? 'early' : 'fresh';
  }
  // That there is no such thing is believed for no longer than it was to be.
  if (head.marks === NEGATIVE) return 'over';
  if (now < freshUntil + swrMs) return 'revalidating';
  return now < freshUntil + staleIfErrorMs ? 'failing' : 'over';
}
