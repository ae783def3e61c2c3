import type { Attributes, Meter } from '@opentelemetry/api';
import { becameOf, type Measurements } from './measurements.ts';

/** In seconds. A decision on permits that are held here takes less than the shortest of the convention's for databases. */
const BOUNDARIES = [0.000_25, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** What features on a client tell, with one meter. No account is among it: there may be as many as there are clients. */
export function createFeatureInstruments(meter: Meter, given: Attributes): Measurements {
  const decisions = meter.createHistogram('breakwater.guard.decision.duration', {
    unit: 's',
    description: 'Duration of decisions of the guard.',
    advice: { explicitBucketBoundaries: BOUNDARIES },
  });
  const counter = (name: string, unit: string, description: string) => meter.createCounter(name, { unit, description });
  const checks = counter('breakwater.limit.checks', '{check}', 'Checks of limits.');
  const reads = counter('breakwater.cache.reads', '{read}', 'Reads of caches.');
  const locks = counter('breakwater.lock.acquisitions', '{acquisition}', 'Attempts to acquire a lock.');
  return {
    decision(decision, durationMs) {
      const { code, degraded, reported } = decision;
      decisions.record(durationMs / 1_000, {
        ...given,
        'breakwater.guard.outcome': becameOf(decision),
        ...(code !== undefined && { 'breakwater.guard.code': code }),
        ...(degraded.length > 0 && { 'breakwater.guard.degraded': degraded.join(',') }),
        ...(reported && { 'breakwater.guard.reported': true }),
      });
    },
    limit({ policy, allowed }, basis) {
      checks.add(1, {
        ...given,
        'breakwater.limit.policy': policy,
        'breakwater.limit.result': allowed ? 'allowed' : 'limited',
        'breakwater.limit.basis': basis,
      });
    },
    cacheRead: (result) => reads.add(1, { ...given, 'breakwater.cache.result': result }),
    lock: (result) => locks.add(1, { ...given, 'breakwater.lock.result': result }),
  };
}
