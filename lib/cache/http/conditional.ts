import { readHttpDate } from './response-rules.ts';

const CONDITIONS = ['if-none-match', 'if-modified-since'];

/**
 * The request without what would have the handler answer 304, which nobody else could be given. Made anew of its parts,
 * as what it was: a copy of Next's request has Next's fields too.
 */
export function withoutConditions<Req extends Request>(request: Req): Req {
  if (!CONDITIONS.some((name) => request.headers.has(name))) return request;
  const headers = new Headers(request.headers);
  for (const name of CONDITIONS) headers.delete(name);
  const { url, method, signal, redirect } = request;
  try {
    const copy: Req = Reflect.construct(request.constructor, [url, { method, headers, signal, redirect }]);
    return copy.url === url ? copy : request;
  } catch {
    // A class of its own that is not made as `Request` is: its 304 is handed out, and not stored.
    return request;
  }
}

/** `response`, or 304 where the client has it already. */
export function conditional(request: Request, response: Response): Response {
  if (!response.ok || !isUnchanged(request.headers, response.headers)) return response;
  void response.body?.cancel().catch(() => undefined);
  const headers = new Headers(response.headers);
  for (const name of REPRESENTATION) headers.delete(name);
  // RFC 9110, section 15.4.5: it says nothing that the tag does not.
  if (headers.has('etag')) headers.delete('last-modified');
  return new Response(null, { status: 304, headers });
}

/** They describe a body that is not sent. Everything else stays: what browsers check, they check of a 304 too. */
const REPRESENTATION = [
  'content-type',
  'content-encoding',
  'content-language',
  'content-length',
  'content-disposition',
];

/** A tag that is listed decides alone: RFC 9110, section 13.2.2. */
function isUnchanged(request: Headers, response: Headers): boolean {
  const tags = request.get('if-none-match');
  if (tags !== null) return tags.trim() === '*' || matches(tags, response.get('etag'));
  const since = readHttpDate(request.get('if-modified-since'));
  const modifiedAt = readHttpDate(response.get('last-modified'));
  return since !== undefined && modifiedAt !== undefined && modifiedAt <= since;
}

const TAG = /(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g;

/** Weakly: RFC 9110, section 8.8.3.2. */
function matches(tags: string, etag: string | null): boolean {
  const own = etag === null ? undefined : opaque(etag);
  return own !== undefined && [...tags.matchAll(TAG)].some(([, tag]) => tag === own);
}

function opaque(etag: string): string | undefined {
  return /^(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")$/.exec(etag)?.[1];
}
