import { IDENTITY_HEADER } from '../guard/identity.ts';

/** Carries the state of the middleware's circuit breaker to a handler, whose memory is another one. */
export const CIRCUIT_HEADER = 'x-breakwater-circuit';

/** Headers that only the middleware may set: what a client sends under these names is deleted. */
const OWN_HEADERS = [IDENTITY_HEADER, CIRCUIT_HEADER];

/**
 * Lets a request through to its handler with other request headers: the wire form of `NextResponse.next({ request:
 * { headers } })`, without importing Next. Next deletes every request header that is not listed and sets those that are.
 */
export function forward(
  request: Request,
  set: ReadonlyMap<string, string>,
  answer: readonly (readonly [string, string])[],
): Response {
  const headers = new Headers(answer as [string, string][]);
  headers.set('x-middleware-next', '1');
  if (set.size === 0 && !OWN_HEADERS.some((name) => request.headers.has(name))) return new Response(null, { headers });
  const outgoing = new Headers(request.headers);
  for (const name of OWN_HEADERS) outgoing.delete(name);
  for (const [name, value] of set) outgoing.set(name, value);
  const names: string[] = [];
  for (const [name, value] of outgoing) {
    names.push(name);
    headers.set(`x-middleware-request-${name}`, value);
  }
  // Next takes an empty list for none, and would delete nothing: it gets a header to empty instead.
  if (names.length === 0) {
    names.push(IDENTITY_HEADER);
    headers.set(`x-middleware-request-${IDENTITY_HEADER}`, '');
  }
  headers.set('x-middleware-override-headers', names.join(','));
  return new Response(null, { headers });
}
