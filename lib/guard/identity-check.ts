import { coversScopes } from '../keys/scopes.ts';
import { deny, type Identity } from './decision.ts';
import { problem } from './problem.ts';
import { CHALLENGE, toResponse } from './respond.ts';

/** What a handler finds out about a request. */
export type IdentityCheck =
  | { readonly ok: true; readonly identity: Identity }
  | {
      readonly ok: false;
      /**
       * `missing`: the guard has not let this request through. `altered`: somebody else has made the identity, or changed
       * it. `old`: it was made too long ago. `foreign`: it was made for another request. `unconfigured`: there is no secret
       * to verify identities with, so that nobody can say.
       */
      readonly reason: 'missing' | 'altered' | 'old' | 'foreign' | 'unconfigured';
    }
  /** It is verified, and has not all of `scopes`. */
  | { readonly ok: false; readonly reason: 'scope'; readonly scopes: readonly string[] };

/** `check`, or a refusal of it where the identity has not all of `scopes`; see `coversScopes`. */
export function withScopes(check: IdentityCheck, scopes: readonly string[]): IdentityCheck {
  if (!check.ok || coversScopes(check.identity.scopes, scopes)) return check;
  return { ok: false, reason: 'scope', scopes };
}

/**
 * The answer to a check that has failed, as problem details: 403 that names the scopes where they are missing, 503 where no
 * identity can be verified, else 401. That one says nothing of the client's key: it may well be valid, the request has only
 * not come through the guard.
 */
export function identityProblem(check: Extract<IdentityCheck, { readonly ok: false }>): Response {
  if (check.reason === 'scope') return toResponse(deny(403, 'scope-missing', { scopes: check.scopes }));
  // No client can mend it, and a valid key is not to be called none.
  if (check.reason === 'unconfigured') return toResponse(deny(503, 'misconfigured'));
  const response = problem(401, 'identity-unverified', 'This request did not come through the front door.');
  response.headers.set('www-authenticate', CHALLENGE);
  return response;
}
