/** The request as Next hands it to the handler, after the answer of its middleware: `resolve-routes` of next/dist. */
export function handedBy(answer: Response, incoming: Request): Request {
  if (answer.headers.get('x-middleware-next') !== '1') throw new Error(`The middleware answered ${answer.status}`);
  // A truthy list only, as there.
  const listed = answer.headers.get('x-middleware-override-headers') || undefined;
  if (listed === undefined) return incoming;
  const headers = new Headers();
  for (const name of listed.split(',')) {
    headers.set(name, answer.headers.get(`x-middleware-request-${name}`) ?? '');
  }
  return new Request(incoming.url, { method: incoming.method, headers });
}
