/** Cancels a pending {@link Clock.after}; calling it twice, or late, does nothing. */
export type Cancel = () => void;

/** The only source of time. Everything that waits or expires takes one. */
export interface Clock {
  /** Wall time: milliseconds since the Unix epoch. May jump either way. */
  now(): number;
  /** Milliseconds from an arbitrary origin. Never goes back; may stand still while the process is suspended. */
  monotonic(): number;
  /** Runs `run` once, `ms` from now. Used only to bound work that is in progress, never to expire state. */
  after(ms: number, run: () => void): Cancel;
}

// The globals are called, not captured, so that tools that replace them are seen.
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/**
 * Milliseconds since the Unix epoch as they stood when the process began, and counted on from there without a jump. Other
 * processes count otherwise: for what is dated and compared within one.
 */
export function steadyNow(): number {
  return performance.timeOrigin + performance.now();
}

/** A point in time on both scales. */
export interface Instant {
  readonly wall: number;
  readonly monotonic: number;
}

export function instant(clock: Clock): Instant {
  return { wall: clock.now(), monotonic: clock.monotonic() };
}

/**
 * Milliseconds since `start`, never negative. The larger of the two scales: the monotonic one ignores a wall clock set
 * back, the wall one counts the time that a suspended process slept through.
 */
export function elapsedSince(start: Instant, clock: Clock): number {
  return Math.max(0, clock.monotonic() - start.monotonic, clock.now() - start.wall);
}

/** A day of UTC: it has no leap second as computers count. */
export const DAY_MS = 86_400_000;

/** The day of an instant, by the calendar of UTC: `2026-11-21`. @param at Unix milliseconds */
export function isoDay(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

/** The week of an instant, by ISO 8601 and the calendar of UTC: `2026-W47`. It belongs to the year that its Thursday is in. @param at Unix milliseconds */
export function isoWeek(at: number): string {
  const day = Math.floor(at / DAY_MS);
  // 1970 began on a Thursday.
  const thursday = day - ((day + 3) % 7) + 3;
  const year = isoDay(thursday * DAY_MS).slice(0, 4);
  const week = 1 + Math.floor((thursday - Date.parse(`${year}-01-01`) / DAY_MS) / 7);
  return `${year}-W${String(week).padStart(2, '0')}`;
}

/** An instant as HTTP writes it (RFC 9110, section 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`. @param at Unix milliseconds */
export function httpDate(at: number): string {
  return new Date(at).toUTCString();
}
