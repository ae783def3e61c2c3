import { isObject } from '../../client/json.ts';
import type { MetricsSnapshot } from './snapshot.ts';

type Check = (value: unknown) => boolean;

/** Whether `value`, out of JSON, is a snapshot: whole, with nothing beside it, and no longer than one can be. */
export function isMetricsSnapshot(value: unknown): value is MetricsSnapshot {
  return isSnapshot(value);
}

const MAX_TEXT = 64;

const isText: Check = (value) => typeof value === 'string' && value.length <= MAX_TEXT;
const isCount: Check = (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0;
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const oneOf = (...values: readonly unknown[]): Check => {
  const set = new Set(values);
  return (value) => set.has(value);
};
const listOf =
  (check: Check, most: number): Check =>
  (value) =>
    Array.isArray(value) && value.length <= most && value.every(check);
const recordOf =
  (check: Check, most: number): Check =>
  (value) => {
    if (!isObject(value)) return false;
    const entries = Object.entries(value);
    return entries.length <= most && entries.every(([name, one]) => isText(name) && check(one));
  };
/** An object of these fields and no others; those of `optional` may be missing. */
const shape =
  (fields: Readonly<Record<string, Check>>, optional: Readonly<Record<string, Check>> = {}): Check =>
  (value) => {
    if (!isObject(value)) return false;
    const checks = new Map(Object.entries({ ...fields, ...optional }));
    const isKnown = Object.entries(value).every(([name, one]) => checks.get(name)?.(one) === true);
    return isKnown && Object.keys(fields).every((name) => Object.hasOwn(value, name));
  };

const isState = oneOf('CLOSED', 'OPEN', 'HALF_OPEN');
const isMode = oneOf('AUTO', 'FORCED_OPEN', 'DISABLED', 'METRICS_ONLY');
const isCircuit = shape(
  {
    ...{ state: isState, mode: isMode, epoch: isCount, consecutiveFailures: isCount, probeSuccesses: isCount },
    reopenCount: isCount,
    totals: shape({
      ...{
        successes: isCount,
        failures: isCount,
        neutral: isCount,
        ignored: isCount,
        refused: isCount,
        opened: isCount,
      },
    }),
  },
  {
    ...{ openedAt: isCount, openForMs: isCount, retryAfterMs: isCount },
    recent: recordOf(isCount, 8),
    lastFailure: shape({ kind: isText, at: isCount }),
  },
);
const isChange = shape({
  ...{ at: isCount, from: isState, to: isState, mode: isMode, reason: orNull(isText), openForMs: orNull(isCount) },
});
const isRising: Check = (bounds) =>
  Array.isArray(bounds) && bounds.every((bound, index) => index === 0 || bound > bounds[index - 1]);
const hasPlaces: Check = (value) => {
  const { boundsMs, counts } = value as { readonly boundsMs: readonly number[]; readonly counts: readonly number[] };
  return isRising(boundsMs) && counts.length === boundsMs.length + 1;
};
const areDurations = shape({ boundsMs: listOf(isCount, 32), counts: listOf(isCount, 33), sumMs: isCount });
const isDurations: Check = (value) => areDurations(value) && hasPlaces(value);
const isAccount = shape({
  ...{ label: isText, policy: isText, limit: isCount, used: orNull(isCount), retryAfterMs: orNull(isCount) },
  ...{ basis: oneOf('store', 'lease', 'local', 'policy'), at: isCount, checks: isCount },
});

const isSnapshot = shape({
  ...{ id: isText, startedAt: isCount, at: isCount, openMs: isCount },
  ...{ circuit: isCircuit, transitions: listOf(isChange, 64) },
  decisions: shape({
    ...{ allowed: isCount, limited: isCount, refused: isCount, degraded: isCount, degradedKeys: isCount },
    ...{ reported: isCount, byCode: recordOf(isCount, 64) },
  }),
  ...{ decisionDuration: isDurations, operationDuration: isDurations },
  requests: shape({
    ...{ success: isCount, failure: isCount, neutral: isCount, refused: isCount, commands: isCount },
    ...{ coalesced: isCount, failures: recordOf(isCount, 64) },
  }),
  policies: recordOf(shape({ allowed: isCount, limited: isCount }), 256),
  busiest: listOf(isAccount, 64),
  caches: shape({ hits: isCount, misses: isCount, unavailable: isCount }),
  locks: shape({ acquired: isCount, timeouts: isCount, unavailable: isCount }),
  plan: orNull(shape({ commandsToday: orNull(isCount), commandsPerDay: orNull(isCount), maxBytes: orNull(isCount) })),
});
