import type { CircuitStateName } from '../../events.ts';
import type { DurationCounts, MetricsSnapshot } from './snapshot.ts';
import type { StoreReport } from './store-report.ts';

/** One metric: what `read` makes of what was counted, a value for each combination of labels. */
export interface Family<Source> {
  /** Without the `_total` of counters. */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly read: (source: Source) => readonly Sample[];
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  /** `undefined`: nobody knows, and nothing is said. */
  readonly value: number | undefined;
  /** Behind the name of the metric: `_bucket`, `_sum` and `_count` of a histogram. */
  readonly suffix?: string;
}

const STATES: readonly CircuitStateName[] = ['CLOSED', 'OPEN', 'HALF_OPEN'];

/** Of each runtime. */
export const RUNTIME_FAMILIES: readonly Family<MetricsSnapshot>[] = [
  gauge('start_time_seconds', 'When this runtime began to count, in seconds since 1970.', ({ startedAt }) =>
    one(startedAt / 1_000),
  ),
  counter('decisions', 'Decisions of the guard.', ({ decisions: { allowed, limited, refused } }) =>
    by('outcome', { allowed, limited, refused }),
  ),
  counter('refusals', 'Refusals of the guard, by their code.', ({ decisions }) => by('code', decisions.byCode)),
  counter(
    'degraded_decisions',
    'Decisions that Redis had no part in: on a remembered key, or on limits that were counted in the process.',
    ({ decisions: { degraded, degradedKeys } }) =>
      by('part', { keys: degradedKeys, limits: Math.max(0, degraded - degradedKeys) }),
  ),
  counter('reported_decisions', 'Requests that were let in because refusals are reported only.', ({ decisions }) =>
    one(decisions.reported),
  ),
  histogram('decision_duration_seconds', 'How long decisions of the guard took.', (of) => of.decisionDuration),
  counter('limit_checks', 'Checks of limits, by policy and what came of them.', ({ policies }) =>
    Object.entries(policies).flatMap(([policy, { allowed, limited }]) => [
      { labels: { policy, result: 'allowed' }, value: allowed },
      { labels: { policy, result: 'limited' }, value: limited },
    ]),
  ),
  histogram('operation_duration_seconds', 'How long callers of the client waited.', (of) => of.operationDuration),
  counter('store_requests', 'Requests to the store, and those that the open circuit refused.', ({ requests }) => {
    const { success, failure, neutral, refused } = requests;
    return by('outcome', { success, failure, neutral, refused });
  }),
  counter('store_failures', 'Failed requests to the store, by kind.', ({ requests }) => by('kind', requests.failures)),
  counter('store_commands', 'Commands in requests to the store.', ({ requests }) => one(requests.commands)),
  counter('coalesced_reads', 'Reads that the request of another has answered.', ({ requests }) =>
    one(requests.coalesced),
  ),
  gauge('circuit_state', '1 for the state that the circuit breaker is in, 0 for the others.', ({ circuit }) =>
    STATES.map((state) => ({
      labels: { state: state.toLowerCase() },
      value: circuit.state === state ? 1 : 0,
    })),
  ),
  counter('circuit_opened', 'How often the circuit breaker has opened.', ({ circuit }) => one(circuit.totals.opened)),
  counter('circuit_open_seconds', 'How long the circuit breaker was open or half open.', ({ openMs }) =>
    one(openMs / 1_000),
  ),
  counter('cache_reads', 'Reads of caches.', ({ caches: { hits, misses, unavailable } }) =>
    by('result', { hit: hits, miss: misses, unavailable }),
  ),
  counter('lock_acquisitions', 'Attempts to acquire a lock.', ({ locks: { acquired, timeouts, unavailable } }) =>
    by('result', { acquired, timeout: timeouts, unavailable }),
  ),
  gauge('plan_commands_today', 'Commands that this runtime has sent on this UTC day.', ({ plan }) =>
    one(plan?.commandsToday),
  ),
  gauge('plan_commands_limit', 'Commands that the plan allows to all processes on a UTC day.', ({ plan }) =>
    one(plan?.commandsPerDay),
  ),
  gauge('plan_memory_limit_bytes', 'Bytes that the plan allows Redis to hold.', ({ plan }) => one(plan?.maxBytes)),
];

/** Of the store: the same, whichever process asks. */
export const STORE_FAMILIES: readonly Family<StoreReport>[] = [
  gauge('redis_up', 'Whether Redis has answered.', ({ isUp }) => one(isUp ? 1 : 0)),
  gauge('redis_memory_used_bytes', 'Bytes that the data of Redis takes.', ({ usedBytes }) => one(usedBytes)),
  gauge('redis_memory_max_bytes', 'Bytes that the data of Redis may take.', ({ maxBytes }) => one(maxBytes)),
  counter('redis_evicted_keys', 'Keys that Redis has dropped to make room.', ({ evictedKeys }) => one(evictedKeys)),
  counter('redis_received_bytes', 'Bytes that Redis has read from all its clients.', (of) => one(of.receivedBytes)),
  counter('redis_sent_bytes', 'Bytes that Redis has written to all its clients.', ({ sentBytes }) => one(sentBytes)),
];

type Read<Source> = Family<Source>['read'];

function counter<Source>(name: string, help: string, read: Read<Source>): Family<Source> {
  return { name: `breakwater_${name}`, type: 'counter', help, read };
}

function gauge<Source>(name: string, help: string, read: Read<Source>): Family<Source> {
  return { name: `breakwater_${name}`, type: 'gauge', help, read };
}

function histogram<Source>(name: string, help: string, read: (of: Source) => DurationCounts): Family<Source> {
  return { name: `breakwater_${name}`, type: 'histogram', help, read: (of) => buckets(read(of)) };
}

function one(value: number | null | undefined): readonly Sample[] {
  return [{ labels: {}, value: value ?? undefined }];
}

function by(label: string, counts: Readonly<Record<string, number>>): readonly Sample[] {
  return Object.entries(counts).map(([name, value]) => ({ labels: { [label]: name }, value }));
}

/** Each bucket holds those before it too. */
function buckets({ boundsMs, counts, sumMs }: DurationCounts): readonly Sample[] {
  let count = 0;
  const cumulative = counts.map((more, index) => {
    count += more;
    return { suffix: '_bucket', labels: { le: boundText(boundsMs[index]) }, value: count };
  });
  const sum = { suffix: '_sum', labels: {}, value: sumMs / 1_000 };
  return [...cumulative, sum, { suffix: '_count', labels: {}, value: count }];
}

/** A float even where it is whole, so that a series has one name in both formats. */
function boundText(boundMs: number | undefined): string {
  if (boundMs === undefined) return '+Inf';
  const le = boundMs / 1_000;
  return Number.isInteger(le) ? `${le}.0` : String(le);
}
