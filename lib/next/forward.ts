import { IDENTITY_HEADER } from '../guard/identity.ts';
import { METRICS_HEADER } from '../guard/metrics/sealed-snapshot.ts';

/** Carries the state of the middleware's circuit breaker to a handler, whose memory is another one. */
export const CIRCUIT_HEADER = 'x-breakwater-circuit';

/** Headers that only the middleware may set: what a client sends under these names is deleted. */
const OWN_HEADERS = [IDENTITY_HEADER, CIRCUIT_HEADER, METRICS_HEADER];

/**
 * Lets a request through to its handler with other request headers: the wire form of `NextResponse.next({ request:
 * { headers } })`, without importing Next. Next deletes every request header that is not listed and sets those that are.
 */
export function forward(
  request: Request,
  set: ReadonlyMap<string, string>,
  answer: readonly (readonly [string, string])[],
): Response {
  // Straight into the answer's own headers: each further `Headers` would be another copy of all that the client sent.
  const response = new Response(null);
  const { headers } = response;
  for (const [name, value] of answer) headers.append(name, value);
  headers.set('x-middleware-next', '1');
  if (set.size === 0 && !OWN_HEADERS.some((name) => request.headers.has(name))) return response;
  let names = '';
  const pass = (name: string, value: string): void => {
    names += names === '' ? name : `,${name}`;
    headers.set(`x-middleware-request-${name}`, value);
  };
  for (const [name, value] of request.headers) if (!OWN_HEADERS.includes(name)) pass(name, value);
  for (const [name, value] of set) pass(name, value);
  // Next takes an empty list for none, and would delete nothing: it gets a header to empty instead.
  if (names === '') pass(IDENTITY_HEADER, '');
  headers.set('x-middleware-override-headers', names);
  return response;
}
