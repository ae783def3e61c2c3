import { DAY_MS } from '../clock.ts';
import type { PolicyResult } from '../limit/result.ts';

/** Names a key's daily quota beside the policies of the limiter. */
const DAILY_QUOTA = 'daily-quota';

/** A key's quota of a day of UTC as one more policy, of which `used` is gone; `undefined` for unknown. */
export function dailyQuotaResult(quota: number, used: number | undefined, allowed: boolean, now: number): PolicyResult {
  const resetAfterMs = DAY_MS - (now % DAY_MS);
  return {
    ...{ policy: DAILY_QUOTA, algorithm: 'fixedWindow', allowed, limit: quota, windowMs: DAY_MS },
    remaining: used === undefined ? undefined : Math.max(0, quota - used),
    resetAfterMs,
    retryAfterMs: allowed ? undefined : resetAfterMs,
  };
}
