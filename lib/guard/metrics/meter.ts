import { randomBase62 } from '../../client/crypto.ts';
import type { KvClient } from '../../client/kv-client.ts';
import type { LimitOutcome } from '../../client/measurements.ts';
import { createPlanMeter, type PlanSettings } from '../../client/plan-meter.ts';
import type { RequestOutcome, Telemetry } from '../../client/telemetry.ts';
import { type Clock, systemClock } from '../../clock.ts';
import type { FailureKind } from '../../events.ts';
import { createBusyAccounts } from './busy-accounts.ts';
import { createCircuitHistory } from './circuit-history.ts';
import { createDecisionCounts } from './decision-counts.ts';
import { createHistogram } from './histogram.ts';
import type { MetricsSnapshot, PolicyCounts } from './snapshot.ts';

/** Telemetry that counts in this process, for {@link MetricsSnapshot}. */
export interface Meter extends Telemetry {
  /** All that was counted since the meter was made. No I/O. @param kv the client that was given this meter */
  snapshot(kv: Pick<KvClient, 'circuit'>): MetricsSnapshot;
}

/** What a meter has to know beside what it counts. */
export interface MeterOptions {
  /** As for the client, so that a snapshot says how much of it is used. @default none */
  readonly plan?: PlanSettings | undefined;
  readonly clock?: Clock | undefined;
}

/** Where checks of further policies are counted. No policy can be called so. */
export const OTHER_POLICIES = '_other';
/** More than anybody has; a process whose policies have made-up names must not grow for it. */
const MAX_POLICIES = 200;
const MAX_NAME = 64;

/**
 * Counts what clients, guards, caches and locks do. For one client, and everything on it; what several tell is added up.
 * Memory is fixed, and no object is made for a call; see docs/metrics.md for what it costs.
 *
 * @throws ConfigError for a plan that cannot be
 * @example
 * ```ts
 * const meter = createMeter();
 * const kv = createKv({ store, telemetry: meter });
 * const text = prometheusText([{ runtime: 'server', snapshot: meter.snapshot(kv) }]);
 * ```
 */
export function createMeter({ plan, clock = systemClock }: MeterOptions = {}): Meter {
  const startedAt = clock.now();
  const used = plan && createPlanMeter(plan, clock, () => undefined);
  const history = createCircuitHistory(clock);
  const decisions = createDecisionCounts();
  const operations = createHistogram();
  const requests: Record<RequestOutcome, number> = { success: 0, failure: 0, neutral: 0, refused: 0 };
  const failures = new Map<FailureKind, number>();
  const policies = new Map<string, { -readonly [Result in keyof PolicyCounts]: number }>();
  const busy = createBusyAccounts();
  const caches = { hits: 0, misses: 0, unavailable: 0 };
  const locks = { acquired: 0, timeouts: 0, unavailable: 0 };
  // Made when it is first asked for: some runtimes have no randomness while a module is loaded.
  let id: string | undefined;
  let commands = 0;
  let coalesced = 0;

  const countsOf = (policy: string) => {
    const known = policies.get(policy);
    if (known) return known;
    const isNamed = policies.size < MAX_POLICIES && policy.length <= MAX_NAME;
    const name = isNamed ? policy : OTHER_POLICIES;
    const counts = policies.get(name) ?? { allowed: 0, limited: 0 };
    policies.set(name, counts);
    return counts;
  };

  const countCheck = ({ policy, allowed }: LimitOutcome): void => {
    const counts = countsOf(policy);
    if (allowed) counts.allowed += 1;
    else counts.limited += 1;
  };

  return {
    instrument(client) {
      const circuit = history.watch(client.circuitState());
      return {
        active: true,
        waited: operations.record,
        request(sent, outcome, failure) {
          requests[outcome] += 1;
          commands += sent;
          used?.count(sent);
          if (failure !== undefined) failures.set(failure, (failures.get(failure) ?? 0) + 1);
        },
        coalesced() {
          coalesced += 1;
        },
        transition: circuit.changed,
        decision: decisions.count,
        limit(check, basis, account) {
          countCheck(check);
          if (account !== undefined) busy.note(check, basis, account, clock.now());
        },
        cacheRead(result) {
          if (result === 'miss') caches.misses += 1;
          else if (result === 'unavailable') caches.unavailable += 1;
          else caches.hits += 1;
        },
        lock(result) {
          locks[result === 'timeout' ? 'timeouts' : result] += 1;
        },
        close: circuit.end,
      };
    },

    snapshot(kv) {
      id ??= randomBase62(8);
      return {
        id,
        startedAt,
        at: clock.now(),
        circuit: kv.circuit.state(),
        openMs: history.openMs(),
        transitions: history.changes(),
        decisions: decisions.counts(),
        decisionDuration: decisions.durations(),
        requests: { ...requests, commands, coalesced, failures: Object.fromEntries(failures) },
        operationDuration: operations.counts(),
        policies: Object.fromEntries([...policies].map(([name, counts]) => [name, { ...counts }])),
        busiest: busy.list(),
        caches: { ...caches },
        locks: { ...locks },
        plan: plan
          ? {
              commandsToday: used?.commandsToday() ?? null,
              commandsPerDay: plan.commandsPerDay ?? null,
              maxBytes: plan.maxBytes ?? null,
            }
          : null,
      };
    },
  };
}
