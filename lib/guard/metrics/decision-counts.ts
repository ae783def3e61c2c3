import { becameOf, type Measurements } from '../../client/measurements.ts';
import { createHistogram } from './histogram.ts';
import type { DecisionCounts, DurationCounts } from './snapshot.ts';

/** Counts what guards decide. */
export interface DecisionCounting {
  readonly count: Measurements['decision'];
  counts(): DecisionCounts;
  durations(): DurationCounts;
}

/** There are a dozen. */
const MAX_CODES = 32;

export function createDecisionCounts(): DecisionCounting {
  const totals = { allowed: 0, limited: 0, refused: 0, degraded: 0, degradedKeys: 0, reported: 0 };
  const byCode = new Map<string, number>();
  const durations = createHistogram();
  return {
    count(decision, durationMs) {
      durations.record(durationMs);
      const { code, degraded, reported } = decision;
      const became = becameOf(decision);
      totals[became] += 1;
      if (became !== 'refused' && degraded.length > 0) {
        totals.degraded += 1;
        if (degraded.includes('keys')) totals.degradedKeys += 1;
      }
      if (reported) totals.reported += 1;
      if (code === undefined) return;
      const count = byCode.get(code);
      if (count !== undefined || byCode.size < MAX_CODES) byCode.set(code, (count ?? 0) + 1);
    },
    counts: () => ({ ...totals, byCode: Object.fromEntries(byCode) }),
    durations: durations.counts,
  };
}
