import { createGuard, decisionHeaders, toResponse } from 'breakwater/guard';
import { createApiKeys } from 'breakwater/keys';
import { createKv } from 'breakwater/kv';
import { createLimiter } from 'breakwater/limit';
import { upstashStore } from 'breakwater/store/upstash';

let guard;

/** One for all requests of an isolate, which share a circuit breaker, but never wait for each other's I/O. */
function open({ KV_REST_API_URL: url, KV_REST_API_TOKEN: token, BREAKWATER_KEY_PEPPER }) {
  const [kid, secret] = BREAKWATER_KEY_PEPPER.split(':');
  const kv = createKv({ store: upstashStore({ url, token }), coalesce: 'request' });
  return createGuard({
    kv,
    keys: createApiKeys({ kv, pepper: { kid, secret } }),
    limiter: createLimiter({ kv, policies: [{ name: 'key', limit: 60, windowMs: 60_000 }] }),
    routes: [{ path: '/api/*', limits: { key: 'key' } }],
    clientIp: () => undefined,
  });
}

export default {
  async fetch(request, env) {
    guard ??= open(env);
    const decision = await guard.check(request);
    if (decision.outcome === 'deny') return toResponse(decision);
    const response = Response.json(decision.identity);
    for (const [name, value] of decisionHeaders(decision)) response.headers.append(name, value);
    return response;
  },
};
