/** The API key as the client sent it, from `Authorization: Bearer` or else `x-api-key`; never from the URL. */
export function readCredential(headers: Headers): string | undefined {
  const authorization = headers.get('authorization');
  if (authorization !== null && /^bearer /i.test(authorization.slice(0, 7))) return authorization.slice(7).trim();
  return headers.get('x-api-key')?.trim() ?? undefined;
}
