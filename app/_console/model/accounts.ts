import type { BusyAccount } from '../../../lib/guard/metrics/snapshot.ts';

/** A row of the table. It keeps its place for as long as it is there. */
export interface AccountRow {
  /** The same for the same account. */
  readonly id: string;
  readonly account: BusyAccount;
  /** Milliseconds until it may go on, as of the look; `null` while it may. */
  readonly retryInMs: number | null;
}

export const MAX_ROWS = 8;
/** Whoever has not asked for so long is not busy any more. */
const QUIET_MS = 120_000;

/**
 * The rows after a look at `at`: those that were there stay where they are, what has gone makes room, and what is new
 * takes the first place that is free. A row that moves while somebody reads it is worse than one that is out of order.
 */
export function rowsAfter(
  before: readonly (AccountRow | null)[],
  busiest: readonly BusyAccount[],
  at: number,
): readonly (AccountRow | null)[] {
  const waiting = new Map(
    busiest
      .filter((account) => at - account.at < QUIET_MS)
      .slice(0, MAX_ROWS)
      .map((account) => [idOf(account), rowOf(account, at)]),
  );
  const stayed = before.map((row) => {
    const next = row === null ? undefined : waiting.get(row.id);
    if (row !== null) waiting.delete(row.id);
    return next ?? null;
  });
  const arrived = [...waiting.values()];
  const filled = stayed.map((row) => row ?? arrived.shift() ?? null);
  return trimmed([...filled, ...arrived].slice(0, MAX_ROWS));
}

/** How many known keys pass, of those that were seen since `sinceAt`; `null` where none was. */
export function passingKeys(
  rows: readonly (AccountRow | null)[],
  sinceAt: number,
): { readonly passing: number; readonly of: number } | null {
  const passes = new Map<string, boolean>();
  for (const row of rows) {
    if (row === null || row.account.at < sinceAt || !row.account.label.startsWith('key_')) continue;
    passes.set(row.account.label, (passes.get(row.account.label) ?? true) && row.retryInMs === null);
  }
  return passes.size === 0 ? null : { passing: [...passes.values()].filter(Boolean).length, of: passes.size };
}

function rowOf(account: BusyAccount, at: number): AccountRow {
  const retryInMs = account.retryAfterMs === null ? 0 : account.retryAfterMs - Math.max(0, at - account.at);
  return { id: idOf(account), account, retryInMs: retryInMs > 0 ? retryInMs : null };
}

function idOf({ label, policy }: BusyAccount): string {
  return `${label} ${policy}`;
}

function trimmed<T>(items: readonly (T | null)[]): readonly (T | null)[] {
  const last = items.findLastIndex((item) => item !== null);
  return items.slice(0, last + 1);
}
