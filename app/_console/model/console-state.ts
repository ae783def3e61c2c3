import type { ConsoleSnapshot } from '../../../api/_console/snapshot.ts';
import { type AccountRow, rowsAfter } from './accounts.ts';
import { type Happening, happeningsBetween, newProcess } from './happenings.ts';
import { type Life, livesAfter } from './lives.ts';
import { front, withMiddleware } from './look.ts';
import { type Point, pointOf, WINDOW_MS } from './point.ts';
import { pushed } from './ring.ts';

/** All that the page knows. Each look makes a new one; what has not changed stays the same object. */
export interface ConsoleState {
  readonly look: ConsoleSnapshot | null;
  /** The last five minutes, the oldest first. */
  readonly points: readonly Point[];
  /** Looks that the next point is compared with. */
  readonly recent: readonly ConsoleSnapshot[];
  readonly middleware: readonly Life[];
  readonly handler: readonly Life[];
  readonly rows: readonly (AccountRow | null)[];
  readonly log: readonly LogLine[];
}

export interface LogLine extends Happening {
  /** Rises with each line. */
  readonly id: number;
}

/** Five minutes, a look a second. */
export const MAX_LOOKS = 300;
export const HISTORY_MS = 300_000;
const MAX_LINES = 100;
/** A look that comes between two is shown at once, and is no point of its own: its column would cover another. */
const LEAST_BETWEEN_POINTS_MS = 500;
/** Twice what a single look may take. */
const SET_BACK_MS = 10_000;

export const EMPTY_STATE: ConsoleState = {
  look: null,
  points: [],
  recent: [],
  middleware: [],
  handler: [],
  rows: [],
  log: [],
};

/**
 * One look later. A look that is not later than the last one changes nothing: it was asked for before that, or came twice.
 * One that is older than any of those can be is the first after the clock of the server was set back.
 */
export function afterLook(state: ConsoleState, seen: ConsoleSnapshot): ConsoleState {
  if (state.look !== null && seen.at <= state.look.at - SET_BACK_MS) return afterHistory(state, [seen]);
  if (state.look !== null && seen.at <= state.look.at) return state;
  const look = withMiddleware(seen, state.look);
  const horizonAt = look.at - HISTORY_MS;
  const isBetween = look.at - (state.points.at(-1)?.at ?? 0) < LEAST_BETWEEN_POINTS_MS;
  return {
    look,
    points: isBetween ? state.points : pushed(since(state.points, horizonAt), pointOf(look, state.recent), MAX_LOOKS),
    recent: isBetween ? state.recent : [...state.recent.filter(({ at }) => at >= look.at - 2 * WINDOW_MS), look],
    middleware: look.middleware ? livesAfter(state.middleware, look.middleware, look.at, horizonAt) : state.middleware,
    handler: livesAfter(state.handler, look.handler, look.at, horizonAt),
    rows: rowsAfter(state.rows, front(look).busiest, look.at),
    log: withLines(
      state.log,
      happeningsBetween(state.look, look).filter(({ at }) => at >= horizonAt),
    ),
  };
}

/**
 * What the server has seen before replaces what is known here, up to its end: the stream was lost, or the server is
 * another one, whose clock may be another too. Where all of it is news, as of a process that has begun again, it goes on
 * from here. The log keeps what it has said.
 */
export function afterHistory(state: ConsoleState, looks: readonly ConsoleSnapshot[]): ConsoleState {
  const [first] = looks;
  const last = looks.at(-1);
  if (first === undefined || last === undefined) return state;
  if (state.look !== null && first.at > state.look.at) return looks.reduce(afterLook, state);
  const said = new Set(state.log.map(nameOf));
  const replayed = looks.reduce(afterLook, EMPTY_STATE);
  const news = replayed.log.filter((line) => !said.has(nameOf(line)));
  return { ...replayed, log: withLines(state.log, [...newProcess(state.look, last), ...news]) };
}

/** `happening` as the page itself has seen it. */
export function withHappening(state: ConsoleState, happening: Happening): ConsoleState {
  return { ...state, log: withLines(state.log, [happening]) };
}

function withLines(log: readonly LogLine[], happenings: readonly Happening[]): readonly LogLine[] {
  if (happenings.length === 0) return log;
  const firstId = (log.at(-1)?.id ?? 0) + 1;
  return [...log, ...happenings.map((happening, at) => ({ ...happening, id: firstId + at }))].slice(-MAX_LINES);
}

/** Where looks have not come once a second, as while the machine slept, fewer of them are five minutes. */
function since(points: readonly Point[], horizonAt: number): readonly Point[] {
  const first = points.findIndex(({ at }) => at > horizonAt);
  return first === 0 ? points : first === -1 ? [] : points.slice(first);
}

function nameOf({ at, text }: Happening): string {
  return `${at} ${text}`;
}
