import type { CircuitStateName } from '../../../lib/events.ts';
import type { CircuitChange, MetricsSnapshot } from '../../../lib/guard/metrics/snapshot.ts';
import type { CircuitSnapshot } from '../../../lib/resilience/circuit.ts';

/** One run of a runtime, from its beginning until it was last seen. */
export interface Life {
  readonly startedAt: number;
  readonly seenAt: number;
  readonly circuit: CircuitSnapshot;
  /** Those that were told, the oldest first. */
  readonly changes: readonly CircuitChange[];
}

/** A stretch of the timeline, between two instants in Unix milliseconds. */
export interface Segment {
  readonly fromAt: number;
  readonly toAt: number;
  readonly state: CircuitStateName;
}

/** `lives` and what a look says of the same runtime at `at`. What ended before `horizonAt` is forgotten. */
export function livesAfter(
  lives: readonly Life[],
  now: MetricsSnapshot,
  at: number,
  horizonAt: number,
): readonly Life[] {
  const kept = lives.filter(({ seenAt }) => seenAt >= horizonAt);
  const last = kept.at(-1);
  const goesOn = last !== undefined && last.startedAt === now.startedAt;
  const changes = goesOn ? merged(last.changes, now.transitions) : now.transitions;
  const life = { startedAt: now.startedAt, seenAt: at, circuit: now.circuit, changes: recent(changes, horizonAt) };
  return [...(goesOn ? kept.slice(0, -1) : kept), life];
}

/** The server keeps a few dozen changes: what it has dropped since is still of interest here. */
function merged(before: readonly CircuitChange[], now: readonly CircuitChange[]): readonly CircuitChange[] {
  const first = now[0];
  return first === undefined ? before : [...before.filter(({ at }) => at < first.at), ...now];
}

/** Those since `horizonAt`, and the one before: it says in which state that time began. */
function recent(changes: readonly CircuitChange[], horizonAt: number): readonly CircuitChange[] {
  const first = changes.findIndex(({ at }) => at >= horizonAt);
  return first === -1 ? changes.slice(-1) : changes.slice(Math.max(0, first - 1));
}

/** In which state a runtime was, from `fromAt` to `untilAt`; between two lives there is a gap. */
export function segmentsOf(lives: readonly Life[], fromAt: number, untilAt: number): readonly Segment[] {
  return lives
    .flatMap(segmentsOfLife)
    .map((segment) => ({
      ...segment,
      fromAt: Math.max(segment.fromAt, fromAt),
      toAt: Math.min(segment.toAt, untilAt),
    }))
    .filter((segment) => segment.toAt > segment.fromAt);
}

function segmentsOfLife({ startedAt, seenAt, circuit, changes }: Life): readonly Segment[] {
  const segments: Segment[] = [];
  let fromAt = startedAt;
  let state = changes[0]?.from ?? circuit.state;
  let openForMs = changes[0] === undefined ? (circuit.openForMs ?? null) : null;
  const until = (toAt: number): void => {
    const probeAt = state === 'OPEN' && openForMs !== null ? fromAt + openForMs : toAt;
    segments.push({ fromAt, toAt: Math.min(probeAt, toAt), state });
    // By itself it is half open from then on, though the change is told when somebody asks.
    if (probeAt < toAt) segments.push({ fromAt: probeAt, toAt, state: 'HALF_OPEN' });
  };
  for (const change of changes) {
    until(change.at);
    ({ to: state, openForMs, at: fromAt } = change);
  }
  until(Math.max(seenAt, fromAt));
  return segments;
}
