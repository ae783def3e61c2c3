import { getApiKey, identityProblem, requireScopes } from '../../lib/auth.ts';
import { getDefaults } from '../../lib/default-client.ts';
import { isKvError, isUnavailable } from '../../lib/errors.ts';
import { deny } from '../../lib/guard/decision.ts';
import { problem } from '../../lib/guard/problem.ts';
import { retryAfter } from '../../lib/guard/rate-headers.ts';
import { toResponse } from '../../lib/guard/respond.ts';
import { FieldError, fieldProblem } from './field-error.ts';

/** Settings of the functions that manage keys which a client can have got wrong. */
const FIELDS = new Set([
  ...['owner', 'scopes', 'limits', 'config', 'dailyQuota', 'expiresAt', 'graceSeconds', 'limit', 'after', 'days'],
]);

/**
 * A handler for keys with the scope `admin`. `read` makes of the request what `act` works with, or the answer to a request
 * that is wrong, without I/O.
 *
 * The guard lets a key in on an answer that is seconds old, or minutes while Redis is away. Before anything is shown or
 * changed here, the store of record is asked whether the acting key is still active, which costs one request more: a
 * revoked key issues itself no successor.
 *
 * Keys come in headers that no browser sends by itself, so another site cannot make anybody's browser act: no token
 * against forged requests is needed.
 */
export function managed<Input>(
  read: (request: Request) => Input | Response | Promise<Input | Response>,
  act: (input: Input, request: Request) => Promise<Response>,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const check = await requireScopes(request, 'admin');
    if (!check.ok) return identityProblem(check);
    let isActing = false;
    try {
      const input = await read(request);
      if (input instanceof Response) return input;
      const acting = await getApiKey(check.identity.id);
      // The guard knows this key: a store that does not has lost it, which is an outage and never a 401.
      if (!acting) return unavailable({}, false);
      if (acting.status === 'revoked') return toResponse(deny(401, 'api-key-invalid'));
      isActing = true;
      return await act(input, request);
    } catch (error) {
      return problemOf(error, isActing && !['GET', 'HEAD'].includes(request.method));
    }
  };
}

/** An answer that no cache keeps: it may hold a key. */
export function answer(body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Response {
  return Response.json(body, { status, headers: { ...headers, 'cache-control': 'no-store' } });
}

function problemOf(error: unknown, isChange: boolean): Response {
  if (error instanceof FieldError) return fieldProblem(error.field, error.message);
  if (isUnavailable(error)) return unavailable(error, isChange);
  if (isKvError(error) && error.code === 'COMMAND') {
    // Something else stands where a record should: nobody can say, and no request can mend it.
    getDefaults().logFailure('manage API keys', error);
    return unavailable({ mayHaveRun: true }, isChange);
  }
  if (isKvError(error) && error.code === 'CONFIG') {
    const { setting, message } = error;
    if (FIELDS.has(setting.split('.', 1)[0] ?? '')) return fieldProblem(setting, message);
    if (setting === 'source') return problem(501, 'keys-not-managed-here', 'API keys are not managed by this service.');
  }
  throw error;
}

function unavailable(
  error: { readonly mayHaveRun?: boolean; readonly retryAfterMs?: number | undefined },
  isChange: boolean,
) {
  const mayHaveChanged = isChange && (error.mayHaveRun ?? false);
  const advice = mayHaveChanged ? ' The change may have been made: look before you repeat it.' : '';
  const response = problem(503, 'key-store-unavailable', `API keys cannot be managed at the moment.${advice}`, {
    extensions: { 'may-have-changed': mayHaveChanged },
  });
  response.headers.set('retry-after', retryAfter(error.retryAfterMs ?? 1_000));
  return response;
}
