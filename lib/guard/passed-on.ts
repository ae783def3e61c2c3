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
  const copy = copyOf(request, headers);
  const address = connectionAddress(request.headers);
  if (address !== undefined) tellConnectionAddress(copy.headers, address);
  return copy;
}

function copyOf(request: Request, headers: Headers): Request {
  try {
    return new Request(request, { headers });
  } catch {
    // Its body has been read or is being read, or it is no `Request` of this platform: of @hono/node-server, say.
    const { url, method, signal, body } = request;
    const isGone = request.bodyUsed || body === null || body.locked;
    return new Request(url, { method, headers, signal, ...(isGone ? {} : STREAMED), body: isGone ? null : body });
  }
}

/** `fetch` of Node wants to be told, and no type knows of it. */
const STREAMED = { duplex: 'half' };
