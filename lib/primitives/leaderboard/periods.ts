import { isoDay, isoWeek } from '../../clock.ts';
import { ConfigError } from '../../errors.ts';

/** Days and weeks of UTC; weeks as ISO 8601 has them. */
export type Period = 'day' | 'week';

/** The end of 9999: the names of later years are longer. */
const MAX_INSTANT = 253_402_300_799_999;

/** The name of the period that an instant lies in: `2026-11-21`, `2026-W47`. @throws ConfigError for no instant since 1970 */
export function periodAt(period: Period, at: number): string {
  if (!(at >= 0 && at <= MAX_INSTANT)) throw new ConfigError('at', 'must be an instant in Unix milliseconds');
  return period === 'day' ? isoDay(at) : isoWeek(at);
}
