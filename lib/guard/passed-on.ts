import { connectionAddress, tellConnectionAddress } from './connection-address.ts';
import { IDENTITY_HEADER } from './identity.ts';
import type { Field } from './rate-headers.ts';

/**
 * The request for the handler: with `fields`, and without an identity of the client's own. The same one where nothing has
 * to be changed, else a copy that has taken over its body.
 */
export function passedOn(request: Request, fields: readonly Field[]): Request {
  if (fields.length === 0 && !request.headers.has(IDENTITY_HEADER)) return request;
  const headers = new Headers(request.headers);
  headers.delete(IDENTITY_HEADER);
  for (const [name, value] of fields) headers.set(name, value);
  const copy = new Request(request, { headers });
  const address = connectionAddress(request.headers);
  if (address !== undefined) tellConnectionAddress(copy.headers, address);
  return copy;
}
