import { type Column, tabulate } from '../table.ts';
import type { Load } from './load.ts';

/** What came of one measure; `null` where no call was answered. */
export interface Row {
  readonly name: string;
  readonly requests: number;
  readonly failures: number;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
  readonly maxMs: number | null;
  readonly perSecond: number | null;
}

export function rowOf(name: string, { tookMs, failures, elapsedMs }: Load): Row {
  const quantile = (share: number): number | null => rounded(tookMs[Math.ceil(share * tookMs.length) - 1]);
  return {
    ...{ name, requests: tookMs.length, failures },
    ...{ p50Ms: quantile(0.5), p95Ms: quantile(0.95), p99Ms: quantile(0.99), maxMs: quantile(1) },
    perSecond: tookMs.length > 0 && elapsedMs > 0 ? Math.round((tookMs.length * 1_000) / elapsedMs) : null,
  };
}

export function reportLines(rows: readonly Row[]): readonly string[] {
  return tabulate(COLUMNS, rows);
}

const COLUMNS: readonly Column<Row>[] = [
  ['WHAT', ({ name }) => name],
  ['REQUESTS', ({ requests }) => requests],
  ['FAILED', ({ failures }) => failures],
  ['P50 MS', ({ p50Ms }) => msText(p50Ms)],
  ['P95 MS', ({ p95Ms }) => msText(p95Ms)],
  ['P99 MS', ({ p99Ms }) => msText(p99Ms)],
  ['MAX MS', ({ maxMs }) => msText(maxMs)],
  ['PER SECOND', ({ perSecond }) => perSecond ?? '-'],
];

function msText(ms: number | null): string {
  return ms === null ? '-' : ms.toFixed(2);
}

/** To hundredths: clocks say no more. */
function rounded(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms * 100) / 100;
}
