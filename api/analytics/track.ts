import { trackEvent } from '../../lib/analytics.ts';
import { identityProblem, verifyIdentity } from '../../lib/auth.ts';
import { isObject } from '../../lib/client/json.ts';
import { isKvError } from '../../lib/errors.ts';
import { problem } from '../../lib/guard/problem.ts';
import { retryAfter } from '../../lib/guard/rate-headers.ts';
import type { CountOptions } from '../../lib/primitives/analytics/analytics-options.ts';
import type { Dimensions } from '../../lib/primitives/analytics/event-field.ts';
import { FieldError, fieldProblem } from '../_management/field-error.ts';
import { type Fields, readFields } from '../_management/json-body.ts';

const NAMES = ['event', 'dimensions', 'id', 'ttlSeconds'];
/** Arguments of `trackEvent`, by what the client calls them. */
const FIELD_OF: Readonly<Record<string, string>> = {
  ...{ event: 'event', dimensions: 'dimensions', 'once.id': 'id', 'once.ttlMs': 'ttlSeconds' },
};

/**
 * Counts an event: `{ "event": "page_view", "dimensions": { "path": "/pricing" }, "id": "visitor-7", "ttlSeconds": 300 }`.
 * With an `id` it counts once within that time, for this API key. While Redis is away it counts all the same, as far as that
 * goes, and the answer says `approximate`.
 */
export async function POST(request: Request): Promise<Response> {
  const check = await verifyIdentity(request);
  if (!check.ok) return identityProblem(check);
  try {
    const fields = await readFields(request, { names: NAMES });
    if (fields instanceof Response) return fields;
    const { event, dimensions, options } = readEvent(fields, check.identity.id);
    const counted = await trackEvent(event, dimensions, options);
    if (counted.status === 'counted') return answer({ tracked: true });
    if (counted.status === 'duplicate') return answer({ tracked: false, reason: 'duplicate' });
    if (counted.status === 'buffered' || counted.mayHaveRun) return answer({ tracked: true, approximate: true });
    const response = problem(503, 'analytics-unavailable', 'Events cannot be counted at the moment.');
    response.headers.set('retry-after', retryAfter(counted.retryAfterMs));
    return response;
  } catch (error) {
    if (error instanceof FieldError) return fieldProblem(error.field, error.message);
    const field = isKvError(error) && error.code === 'CONFIG' ? FIELD_OF[error.setting] : undefined;
    if (field === undefined || !isKvError(error) || error.code !== 'CONFIG') throw error;
    return fieldProblem(field, `${field}${error.message.slice(error.setting.length)}`);
  }
}

interface EventOfRequest {
  readonly event: string;
  readonly dimensions: Dimensions;
  readonly options: CountOptions;
}

/** Only types are checked here: what an event may be is checked where it is counted. @throws FieldError */
function readEvent({ event, dimensions = {}, id, ttlSeconds = 300 }: Fields, keyId: string): EventOfRequest {
  if (typeof event !== 'string') throw new FieldError('event', 'must be a text');
  if (!isObject(dimensions)) throw new FieldError('dimensions', 'must be an object');
  if (id !== undefined && (typeof id !== 'string' || id.length === 0 || id.length > 128)) {
    throw new FieldError('id', 'must be a text of 1 to 128 characters');
  }
  const isWhole = typeof ttlSeconds === 'number' && Number.isSafeInteger(ttlSeconds);
  if (!isWhole || ttlSeconds < 1 || ttlSeconds > 86_400) {
    throw new FieldError('ttlSeconds', 'must be a whole number from 1 to 86400');
  }
  // Of one API key: another's ids are another's.
  const once = id === undefined ? undefined : { id: `${keyId} ${id}`, ttlMs: ttlSeconds * 1_000 };
  return { event, dimensions: dimensions as Dimensions, options: { once } };
}

function answer(body: object): Response {
  return Response.json(body, { headers: { 'cache-control': 'no-store' } });
}
