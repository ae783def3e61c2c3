import type { KvClient } from './client/kv-client.ts';
import { getDefaults } from './default-client.ts';
import type { Handler } from './guard/handler-limit.ts';
import type { IdempotencyOptions } from './guard/idempotency/idempotency-options.ts';
import { idempotentHandler } from './guard/idempotency/idempotent-handler.ts';

export { type IdempotencyOptions, REPLAYED_HEADERS } from './guard/idempotency/idempotency-options.ts';

/** As {@link IdempotencyOptions}, and on which client answers are kept. */
export interface IdempotentOptions<Req extends Request = Request> extends IdempotencyOptions<Req> {
  /** @default the default client, made with the first request */
  readonly kv?: KvClient | undefined;
}

/**
 * A handler that runs once for each `Idempotency-Key` of a caller, however often a request is sent: while it runs others get
 * 409 with `Retry-After`, afterwards its response with `Idempotency-Replayed: true`; another request under the same key is
 * answered with 422, one without a key with 400. After 5xx, 429 or an exception a retry runs again. Two requests to Redis for
 * what runs, one for what is replayed. Redis away: 503, since nobody can know whether it has run; where it goes away while
 * the handler runs, the response is handed out all the same, and a retry may run again when `processingMs` have passed.
 *
 * @throws ConfigError naming the option, at once; with the request where `scope` says nothing
 * @example
 * ```ts
 * export const POST = idempotent(async (request: Request) => Response.json(await pay(await request.json())), {
 *   scope: async (request) => (await currentUser(request)).id,
 * });
 * ```
 */
export function idempotent<Req extends Request = Request, Rest extends readonly unknown[] = []>(
  handler: Handler<Req, Rest>,
  options: IdempotentOptions<Req>,
): (request: Req, ...rest: Rest) => Promise<Response> {
  const { kv } = options;
  return idempotentHandler(handler, options, () => kv ?? getDefaults().kv);
}
