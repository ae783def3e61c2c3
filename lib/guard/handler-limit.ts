import type { LimitResult } from '../limit/result.ts';
import { allow, refusalBy } from './decision.ts';
import type { Field, RateHeaderOptions } from './rate-headers.ts';
import { decisionHeaders, toResponse } from './respond.ts';

/** What Next and fetch-style servers call: the request, and whatever they pass beside it. */
export type Handler<Req extends Request, Rest extends readonly unknown[]> = (
  request: Req,
  ...rest: Rest
) => Response | Promise<Response>;

/**
 * Puts a limit in front of `handler`. `take` charges for a request and says how that went: a refusal is answered as
 * problem details, 429, or 503 where nothing could be counted, and the handler does not run; otherwise its response gets
 * the rate headers. A slot of a `concurrency` policy is given back when the handler has answered. What `take` or the
 * handler throw is thrown on.
 */
export function limitHandler<Req extends Request, Rest extends readonly unknown[]>(
  handler: Handler<Req, Rest>,
  take: (request: Req) => Promise<LimitResult>,
  options: RateHeaderOptions = {},
): (request: Req, ...rest: Rest) => Promise<Response> {
  return async (request, ...rest) => {
    const limits = await take(request);
    const refusal = refusalBy(limits);
    if (refusal) return toResponse(refusal, options);
    // A slot is free when the response begins; its body is the platform's to send, which may end us with it.
    const response = await (async () => handler(request, ...rest))().finally(limits.release);
    return withFields(response, decisionHeaders(allow(undefined, limits), options));
  };
}

/** Whether a header has one value: a second one would make it unreadable, so what stands there stays. */
export function isSingle(name: string): boolean {
  return name.startsWith('x-ratelimit-');
}

/**
 * A copy of `response` that says `fields` too; lists are continued. Always a copy: responses of `fetch` and redirects
 * cannot be changed, and a handler may answer with one response again and again. The body is handed on unread.
 */
export function withFields(response: Response, fields: readonly Field[]): Response {
  const copy = copyOf(response);
  if (!copy) return response;
  for (const [name, value] of fields) {
    const present = copy.headers.get(name);
    const said = present !== null && (isSingle(name) || present.split(', ').includes(value));
    if (!said) copy.headers.append(name, value);
  }
  return copy;
}

/** `undefined` for what cannot be copied: a protocol switch, an error response, a body that is being read. */
function copyOf(response: Response): Response | undefined {
  try {
    return new Response(response.body, response);
  } catch {
    return undefined;
  }
}
