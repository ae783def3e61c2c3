import { IDENTITY_HEADER } from './identity.ts';

/** What is read and changed of a request in Node: `IncomingMessage`, and what frameworks make of it. */
export interface NodeRequest {
  readonly method?: string | undefined;
  url?: string | undefined;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly rawHeaders: string[];
  readonly socket: { readonly remoteAddress?: string | undefined };
}

/** What is used of a response in Node: `ServerResponse`. */
export interface NodeResponse {
  statusCode: number;
  appendHeader(name: string, value: string): unknown;
  end(body: string): unknown;
}

/** Without its body, which stays where it is. `undefined` for methods that no fetch-style server has: TRACE, CONNECT. */
export function requestOf(incoming: NodeRequest): Request | undefined {
  const { method = 'GET' } = incoming;
  if (/^(?:trace|track|connect)$/i.test(method)) return undefined;
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    // HTTP/2 has its own line in headers that are none.
    if (value === undefined || name.startsWith(':')) continue;
    for (const one of [value].flat()) headers.append(name, one);
  }
  return new Request(urlOf(incoming.url ?? '/'), { method, headers });
}

/** Never by a base: of `//evil/api` that would make the path `/api` of another host. */
function urlOf(target: string): URL {
  if (target.startsWith('/')) return new URL(`http://localhost${target}`);
  try {
    const { protocol, pathname, search } = new URL(target);
    // Without user and password, which no `Request` can have.
    if (/^https?:$/.test(protocol)) return new URL(`http://localhost${pathname}${search}`);
  } catch {
    // Neither a path nor a URL: a path of which nobody knows.
  }
  return new URL(`http://localhost/${target}`);
}

/**
 * Lets whoever handles `incoming` see what the guard has handed on: its path, `/a/../b` being `/b`, and its identity instead
 * of one of the client's own.
 */
export function changeIncoming(incoming: NodeRequest, passed: Request): void {
  const { pathname, search } = new URL(passed.url);
  incoming.url = pathname + search;
  const { headers, rawHeaders } = incoming;
  delete headers[IDENTITY_HEADER];
  for (let at = rawHeaders.length - 2; at >= 0; at -= 2) {
    if (rawHeaders[at]?.toLowerCase() === IDENTITY_HEADER) rawHeaders.splice(at, 2);
  }
  const identity = passed.headers.get(IDENTITY_HEADER);
  if (identity === null) return;
  headers[IDENTITY_HEADER] = identity;
  rawHeaders.push(IDENTITY_HEADER, identity);
}

/** Answers with `response`. */
export async function sendTo(outgoing: NodeResponse, response: Response): Promise<void> {
  outgoing.statusCode = response.status;
  for (const [name, value] of response.headers) outgoing.appendHeader(name, value);
  outgoing.end(await response.text());
}
