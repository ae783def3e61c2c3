import { syncAnalytics, syncEvents } from '../../lib/analytics.ts';
import { RETRY_MS } from '../../lib/client/retry-after.ts';
import { getDefaults } from '../../lib/default-client.ts';
import { isKvError, StoreError } from '../../lib/errors.ts';
import { problem } from '../../lib/guard/problem.ts';
import { retryAfter } from '../../lib/guard/rate-headers.ts';
import { isSecretShown } from '../../lib/guard/shown-secret.ts';
import type { DrainOutcome } from '../../lib/primitives/drain.ts';
import { syncUsage } from '../../lib/usage.ts';

/** What is brought from Redis into the database. Each may be asked as often as anybody likes. */
const DRAINS: Readonly<Record<string, () => Promise<DrainOutcome>>> = {
  usage: syncUsage,
  analytics: syncAnalytics,
  events: syncEvents,
};

/** What a header can carry, and nobody guesses. */
const FIT = /^[ -~]{16,1024}$/;

interface Summary {
  readonly status: DrainOutcome['status'] | 'failed';
  readonly rows: number;
}

/**
 * Brings what was counted into PostgreSQL: for the platform's cron, which shows CRON_SECRET as a bearer token. 503 where
 * Redis or the database is away: nothing is lost, and the next run brings it.
 */
export async function GET(request: Request): Promise<Response> {
  const { settings, logFailure } = getDefaults();
  const { cronSecret } = settings;
  if (cronSecret === undefined || !FIT.test(cronSecret)) {
    return problem(503, 'misconfigured', 'CRON_SECRET must be set to 16 to 1024 characters of ASCII.');
  }
  if (!(await isSecretShown(request, cronSecret))) {
    const response = problem(401, 'cron-secret-invalid', 'This is for the cron job.');
    response.headers.set('www-authenticate', 'Bearer realm="cron"');
    return response;
  }
  const drained: Record<string, Summary> = {};
  let retryAfterMs = 0;
  // At once, so that a slow one takes no time from the others.
  for (const [name, outcome] of await Promise.all(Object.entries(DRAINS).map(outcomeOf))) {
    const { status, rows } = outcome;
    if (status === 'failed' && isKvError(outcome.error) && outcome.error.code === 'CONFIG') throw outcome.error;
    drained[name] = { status, rows };
    if (status === 'drained') continue;
    retryAfterMs = Math.max(retryAfterMs, outcome.retryAfterMs);
    logFailure(`drain ${name}`, outcome.error);
  }
  if (retryAfterMs === 0) {
    return Response.json({ synced: true, drained }, { headers: { 'cache-control': 'no-store' } });
  }
  const response = problem(503, 'sync-incomplete', 'Not all could be brought into the database. Nothing is lost.', {
    extensions: { synced: false, drained },
  });
  response.headers.set('retry-after', retryAfter(retryAfterMs));
  return response;
}

type Run =
  | { readonly status: 'drained'; readonly rows: number }
  | {
      readonly status: 'unavailable' | 'failed';
      readonly rows: number;
      readonly retryAfterMs: number;
      readonly error: unknown;
    };

/** What is wrong with one of them holds up no other. */
async function outcomeOf([name, drain]: [string, () => Promise<DrainOutcome>]): Promise<[string, Run]> {
  try {
    const outcome = await drain();
    if (outcome.status === 'drained') return [name, outcome];
    const { status, rows, where, reason, retryAfterMs } = outcome;
    return [name, { status, rows, retryAfterMs, error: new StoreError('unavailable', `${where}: ${reason}`) }];
  } catch (error) {
    return [name, { status: 'failed', rows: 0, retryAfterMs: RETRY_MS, error }];
  }
}
