import { isSingle } from './handler-limit.ts';
import { IDENTITY_HEADER } from './identity.ts';
import type { Field } from './rate-headers.ts';

/** What is read and changed of a request in Node: `IncomingMessage`, and what frameworks make of it. */
export interface NodeRequest {
  readonly method?: string | undefined;
  url?: string | undefined;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly rawHeaders: string[];
  readonly socket: {
    readonly remoteAddress?: string | undefined;
    readonly localAddress?: string | undefined;
    readonly destroyed?: boolean | undefined;
  };
}

/** What is used of a response in Node: `ServerResponse`. */
export interface NodeResponse {
  statusCode: number;
  readonly headersSent: boolean;
  hasHeader(name: string): boolean;
  setHeader(name: string, value: string): unknown;
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

/**
 * Whether a connection has no address any more because its client has reset it. What was sent before can be read all the
 * same, and nobody can say who has sent it; a Unix socket never has an address, on neither side.
 */
export function isReset({ socket }: NodeRequest): boolean {
  return socket.remoteAddress === undefined && (socket.localAddress !== undefined || socket.destroyed === true);
}

/** Answers with `response`, whatever headers were meant for another answer; not where that has begun meanwhile. */
export async function sendTo(outgoing: NodeResponse, response: Response): Promise<void> {
  const body = await response.text();
  if (outgoing.headersSent) return;
  outgoing.statusCode = response.status;
  for (const [name, value] of response.headers) outgoing.setHeader(name, value);
  outgoing.end(body);
}

/** Has the answer say `fields` too; see `withFields`. */
export function addFields(outgoing: NodeResponse, fields: readonly Field[]): void {
  for (const [name, value] of fields) {
    if (!isSingle(name) || !outgoing.hasHeader(name)) outgoing.appendHeader(name, value);
  }
}
