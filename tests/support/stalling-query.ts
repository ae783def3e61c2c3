import type { SqlQuery } from '../../lib/client/sql-query.ts';
import type { ManualClock } from '../../lib/testing/manual-clock.ts';

export interface StallingOptions {
  readonly clock: ManualClock;
  /** How many are answered. */
  readonly statements: number;
  /** What each of them takes. */
  readonly eachMs: number;
}

/** A database that answers some statements, slowly, and then no more; `stalled` when the first of those has come. */
export function stallingQuery(query: SqlQuery, { clock, statements, eachMs }: StallingOptions) {
  let left = statements;
  let stall = () => {};
  const stalled = new Promise<void>((resolve) => {
    stall = resolve;
  });
  const stalling: SqlQuery = async (text, params, options) => {
    if (left === 0) {
      stall();
      return new Promise<never>(() => {});
    }
    left -= 1;
    clock.advance(eachMs);
    return query(text, params, options);
  };
  return { query: stalling, stalled };
}
