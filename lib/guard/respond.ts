import type { Decision, Refusal, RefusalCode } from './decision.ts';
import { problem } from './problem.ts';
import { type Field, type RateHeaderOptions, rateHeaders, retryAfter } from './rate-headers.ts';

/** Names what could not rest on Redis: `limit`, `keys`. */
export const DEGRADED_HEADER = 'x-breakwater-degraded';

/** How to authenticate, as every 401 has to say (RFC 9110). */
export const CHALLENGE = 'Bearer realm="api"';

const QUOTA_EXCEEDED = 'https://iana.org/assignments/http-problem-types#quota-exceeded';
const REDUCED_CAPACITY = 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity';

const PROBLEMS: Readonly<Record<RefusalCode, { readonly detail: string; readonly type?: string }>> = {
  'path-malformed': { detail: 'The path is not UTF-8 in percent-encoding.' },
  'api-key-missing': { detail: 'Send an API key as "Authorization: Bearer <key>" or in the header x-api-key.' },
  'api-key-malformed': { detail: 'What was sent is not an API key.' },
  'api-key-invalid': { detail: 'This API key is unknown, revoked or expired.' },
  'address-denied': { detail: 'Requests from this address are not accepted.' },
  'key-denied': { detail: 'This API key is not accepted here.' },
  'scope-missing': { detail: 'This API key does not have the scopes that are needed here.' },
  'quota-exceeded': { detail: 'The quota is used up.', type: QUOTA_EXCEEDED },
  'too-many-unknown-keys': { detail: 'Too many unknown API keys have been sent from this address.' },
  'key-store-unavailable': {
    detail: 'API keys cannot be verified at the moment. The key may well be valid.',
    type: REDUCED_CAPACITY,
  },
  'limits-unavailable': { detail: 'Requests cannot be counted at the moment.', type: REDUCED_CAPACITY },
  misconfigured: { detail: 'This deployment is not configured correctly.' },
};

/** A refusal as RFC 9457 problem details. Never cached; says nothing of the inside. */
export function toResponse(refusal: Refusal, options: RateHeaderOptions = {}): Response {
  const { status, code, retryAfterMs, limits } = refusal;
  const { type, detail } = PROBLEMS[code];
  const violated = limits?.policies.filter(({ allowed }) => !allowed).map(({ policy }) => policy);
  const extensions = code === 'quota-exceeded' ? { 'violated-policies': violated } : {};
  const response = problem(status, code, detail, { type, extensions });
  const { headers } = response;
  for (const [name, value] of decisionHeaders(refusal, options)) headers.set(name, value);
  const asked = challenge(refusal);
  if (asked !== undefined) headers.set('www-authenticate', asked);
  if (status === 503 || code === 'too-many-unknown-keys')
    headers.set('retry-after', retryAfter(retryAfterMs ?? 1_000, options));
  return response;
}

/**
 * What every answer to the client says about this decision, allowed or not. Nothing in the mode `report`: clients that heed
 * limits would come less often, and what is looked at would not be the traffic that there is.
 */
export function decisionHeaders(decision: Decision, options?: RateHeaderOptions): readonly Field[] {
  if (decision.outcome === 'allow' && decision.mode === 'report') return [];
  const { limits, degraded } = decision;
  const rate = limits ? rateHeaders(limits, options) : [];
  return degraded.length > 0 ? [...rate, [DEGRADED_HEADER, degraded.join(', ')]] : rate;
}

/** RFC 6750, section 3: no error code when no credential was sent, and which scopes are needed when they are missing. */
function challenge({ status, code, scopes = [] }: Refusal): string | undefined {
  if (code === 'api-key-missing') return CHALLENGE;
  if (status === 401) return `${CHALLENGE}, error="invalid_token"`;
  if (code !== 'scope-missing') return undefined;
  const wanted = scopes.length > 0 ? `, scope="${scopes.map(scopeToken).join(' ')}"` : '';
  return `${CHALLENGE}, error="insufficient_scope"${wanted}`;
}

/** Section 3: printable ASCII without space, quote and backslash, so that nothing ends the quoted string before its end. */
function scopeToken(scope: string): string {
  return scope.replace(/[^\x21\x23-\x5b\x5d-\x7e]/g, '_');
}
