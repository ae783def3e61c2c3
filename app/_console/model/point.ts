import type { ConsoleSnapshot } from '../../../api/_console/snapshot.ts';
import type { DecisionCounts, MetricsSnapshot } from '../../../lib/guard/metrics/snapshot.ts';
import { checks, front, goesOn, sentRequests } from './look.ts';
import { durationsSince, quantile } from './quantile.ts';

/** What the charts show of one look, in comparison with those before it. `null` is "nobody knows". */
export interface Point {
  /** Unix milliseconds, by the clock of the server. */
  readonly at: number;
  /** Since the look before. */
  readonly rates: Rates | null;
  /** Of the decisions of the last `WINDOW_MS`, in milliseconds. */
  readonly latency: { readonly p50: number; readonly p99: number } | null;
  /** In the last `WINDOW_MS`. */
  readonly requestsPerCheck: number | null;
  /**
   * Checks since the look before that asked nobody, while Redis was answering: their permits had been taken in advance, or
   * the refusal stood.
   */
  readonly saved: number;
}

/** Requests a second, each counted once. */
export interface Rates {
  /** On the word of Redis, or a lease of it. */
  readonly allowed: number;
  /** Allowed without Redis. */
  readonly degraded: number;
  readonly limited: number;
  readonly refused: number;
}

/** Long enough that a p99 means something, short enough that an outage shows at once. */
export const WINDOW_MS = 5_000;
/** What was counted in more than this, as while the machine slept, says nothing of now. */
const MAX_SPAN_MS = 2 * WINDOW_MS;
/** Two looks that are nearer than this are one: a rate between them would be noise. */
const MIN_SPAN_MS = 50;

/** @param before the looks before `look`, the oldest first; only those of the last `WINDOW_MS` matter */
export function pointOf(look: ConsoleSnapshot, before: readonly ConsoleSnapshot[]): Point {
  const now = front(look);
  const last = before.at(-1);
  const isNear = last !== undefined && look.at - last.at <= MAX_SPAN_MS;
  const goneOn = isNear && goesOn(front(last), now) ? front(last) : undefined;
  // Of what was counted, not of the look: one that could not ask the middleware shows it as it was, and tells nothing new.
  const spanMs = goneOn === undefined ? 0 : now.at - goneOn.at;
  const rates =
    goneOn !== undefined && spanMs >= MIN_SPAN_MS
      ? ratesOf(decisionsSince(goneOn.decisions, now.decisions), spanMs / 1_000)
      : null;
  const saved = goneOn === undefined ? 0 : savedSince(goneOn, now);
  const base = before.find((earlier) => earlier.at >= look.at - WINDOW_MS && goesOn(front(earlier), now));
  if (base === undefined) return { at: look.at, rates, latency: null, requestsPerCheck: null, saved };
  const durations = durationsSince(front(base).decisionDuration, now.decisionDuration);
  const p50 = quantile(0.5, durations);
  const p99 = quantile(0.99, durations);
  const checked = checks(now) - checks(front(base));
  const sent = Math.max(0, sentRequests(now) - sentRequests(front(base)));
  return {
    at: look.at,
    rates,
    latency: p50 === null || p99 === null ? null : { p50, p99 },
    requestsPerCheck: checked <= 0 ? null : sent / checked,
    saved,
  };
}

function savedSince(before: MetricsSnapshot, now: MetricsSnapshot): number {
  if (before.circuit.state !== 'CLOSED' || now.circuit.state !== 'CLOSED') return 0;
  return Math.max(0, checks(now) - checks(before) - (sentRequests(now) - sentRequests(before)));
}

type Decisions = Pick<DecisionCounts, 'allowed' | 'limited' | 'refused' | 'degraded'>;

function decisionsSince(before: Decisions, now: Decisions): Decisions {
  const since = (name: keyof Decisions) => Math.max(0, now[name] - before[name]);
  return {
    allowed: since('allowed'),
    limited: since('limited'),
    refused: since('refused'),
    degraded: since('degraded'),
  };
}

/**
 * `degraded` counts both the allowed and the limited. All of a second are, or none, but for the second in which an outage
 * begins or ends: there both have their share of it.
 */
function ratesOf({ allowed, limited, refused, degraded }: Decisions, seconds: number): Rates {
  const decided = allowed + limited;
  const withoutRedis = decided === 0 ? 0 : (allowed * Math.min(degraded, decided)) / decided;
  return {
    allowed: (allowed - withoutRedis) / seconds,
    degraded: withoutRedis / seconds,
    limited: limited / seconds,
    refused: refused / seconds,
  };
}
