import type { Outage } from '../../../api/_console/snapshot.ts';
import type { CircuitReason, CircuitStateName } from '../../../lib/events.ts';
import type { CircuitChange } from '../../../lib/guard/metrics/snapshot.ts';
import type { Basis } from '../../../lib/limit/result.ts';
import { span } from './format.ts';

/** States as they are called in a sentence, and on the strip. */
export const STATE_WORDS: Readonly<Record<CircuitStateName, string>> = {
  CLOSED: 'CLOSED',
  OPEN: 'OPEN',
  HALF_OPEN: 'HALF OPEN',
};

const REASONS: Readonly<Record<CircuitReason, string>> = {
  network: 'the connection failed',
  deadline: 'no answer within the deadline',
  http: 'an HTTP error came back',
  protocol: 'what came back was no answer of Redis',
  quota: 'the quota of the plan is used up',
  unavailable: 'Redis said that it cannot serve',
  'probe-lost': 'the probe never came back',
  slow: 'answers took too long',
  manual: 'by hand',
  restored: 'as another process had left it',
};

/** The last words of a sentence that says why. */
export function reasonOf({ reason }: CircuitChange): string | null {
  return reason === null ? null : (REASONS[reason] ?? null);
}

/** One sentence or two on a change of a circuit. */
export function sayChange(change: CircuitChange): string {
  if (change.mode === 'FORCED_OPEN')
    return 'Somebody forced the circuit open: Redis is not asked until it is released.';
  if (change.mode === 'DISABLED') return 'Somebody switched the circuit breaker off: every request goes to Redis.';
  if (change.mode === 'METRICS_ONLY') return 'The circuit breaker only counts by now: every request goes to Redis.';
  const because = reasonOf(change);
  const why = because === null ? '' : `: ${because}`;
  const pause = change.openForMs === null ? '' : ` for ${span(change.openForMs)}`;
  if (change.to === 'HALF_OPEN') return 'A first request is on its way to Redis again, as a probe.';
  if (change.to === 'CLOSED') {
    return change.reason === null ? 'The circuit closed: Redis is answering again.' : `The circuit closed${why}.`;
  }
  if (change.from === 'HALF_OPEN') return `The probe failed${why}. Redis is left alone${pause} more.`;
  return `The circuit opened${why}. Redis is left alone${pause}, and limits are counted locally.`;
}

/** What the demo does to Redis, from now on. */
export function sayOutage(outage: Outage): string {
  return OUTAGE_SENTENCES[outage];
}

const OUTAGE_SENTENCES: Readonly<Record<Outage, string>> = {
  ok: 'Redis is back. A probe finds out, as soon as a request may make one.',
  refuse: 'Redis refuses connections from now on.',
  'black-hole': 'Redis takes requests from now on, and never answers.',
  slow: 'Redis takes 2 s to answer from now on.',
  kill: 'The store was ended, with all that it had counted.',
};

/** What a number of the table rests on. */
export const BASIS_WORDS: Readonly<Record<Basis, string>> = {
  store: 'counted by Redis',
  lease: 'permits taken in advance',
  local: 'counted here, Redis is away',
  policy: 'not counted',
};
