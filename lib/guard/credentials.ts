/**
 * The API key as the client sent it, from `Authorization: Bearer` or else `x-api-key`; never from the URL. Only white space
 * of HTTP is none of it, which `Headers` takes off both ends: what else may look like a space is a character of no key.
 */
export function readCredential(headers: Headers): string | undefined {
  const authorization = headers.get('authorization');
  if (authorization !== null && /^bearer /i.test(authorization.slice(0, 7)))
    return authorization.slice(7).replace(/^[ \t]+/, '');
  return headers.get('x-api-key') ?? undefined;
}
