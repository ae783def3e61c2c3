import type { Claim } from '../../primitives/dedup/dedup-options.ts';
import { problem } from '../problem.ts';
import { retryAfter } from '../rate-headers.ts';
import type { IdempotencyKey } from './idempotency-key.ts';

/** The answer to a request without a key that can be used. */
export function keyProblem({ reason }: Extract<IdempotencyKey, { readonly ok: false }>): Response {
  if (reason === 'missing') {
    return problem(400, 'idempotency-key-missing', 'Send an Idempotency-Key that is new for each operation.');
  }
  return problem(
    400,
    'idempotency-key-malformed',
    'An Idempotency-Key is 1 to 255 visible characters of ASCII, quoted or bare.',
  );
}

/** The answer to a request that is not to run, and for which there is no response to replay. */
export function claimProblem(claim: Exclude<Claim, { readonly status: 'claimed' }>, soonMs: number): Response {
  switch (claim.status) {
    case 'in-progress': {
      const busy = problem(409, 'idempotency-in-progress', 'The first request under this Idempotency-Key still runs.');
      // Long before its claim could lapse it has probably answered.
      return withRetryAfter(busy, Math.min(claim.retryAfterMs, soonMs));
    }
    case 'mismatch':
      return problem(422, 'idempotency-key-reused', 'This Idempotency-Key was used for another request.');
    case 'duplicate':
      return problem(
        409,
        'idempotency-response-not-kept',
        'The request under this Idempotency-Key has been carried out. Its response was not kept.',
      );
    case 'unavailable':
      return withRetryAfter(
        problem(
          503,
          'idempotency-unavailable',
          'It cannot be known at the moment whether this request has run before.',
        ),
        claim.retryAfterMs,
      );
  }
}

function withRetryAfter(response: Response, ms: number): Response {
  response.headers.set('retry-after', retryAfter(ms));
  return response;
}
