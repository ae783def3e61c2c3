const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const TENTHS = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const HUNDREDTHS = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** What stands where a number would, if anybody knew it. */
export const UNKNOWN = '–';

export function whole(value: number): string {
  return WHOLE.format(value);
}

/** A number of things a second: `0`, `0.4`, `42`. */
export function rate(perSecond: number | undefined): string {
  if (perSecond === undefined) return UNKNOWN;
  return perSecond === 0 || perSecond >= 9.95 ? WHOLE.format(perSecond) : TENTHS.format(perSecond);
}

/** Two places: `1.00`, `0.06`. */
export function ratio(value: number | null | undefined): string {
  return value === null || value === undefined ? UNKNOWN : HUNDREDTHS.format(value);
}

/** How long something took: `0.42 ms`, `12 ms`, `1.2 s`. */
export function latency(ms: number | undefined, beyondMs = Number.POSITIVE_INFINITY): string {
  if (ms === undefined) return UNKNOWN;
  if (ms === Number.POSITIVE_INFINITY) return `> ${Number.isFinite(beyondMs) ? latency(beyondMs) : UNKNOWN}`;
  if (ms < 0.995) return `${HUNDREDTHS.format(ms)} ms`;
  if (ms < 9.95) return `${TENTHS.format(ms)} ms`;
  return ms < 999.5 ? `${WHOLE.format(ms)} ms` : `${TENTHS.format(ms / 1_000)} s`;
}

/** A time to wait or that has passed, in the one or two units that matter: `7 s`, `2 m`, `1 h 5 m`, `3 d 4 h`. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} m`;
  const days = Math.floor(hours / 24);
  return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`;
}

/** `1 request`, `50 requests`. */
export function counted(count: number, thing: string): string {
  return `${whole(count)} ${thing}${count === 1 ? '' : 's'}`;
}

/** The time of day of the reader, to the second: `14:03:09`. */
export function timeOfDay(at: number): string {
  const date = new Date(at);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}
