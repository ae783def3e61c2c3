import { createServer } from 'node:http';
import { createGuard, decisionHeaders, toResponse } from 'breakwater/guard';
import { createApiKeys } from 'breakwater/keys';
import { createKv } from 'breakwater/kv';
import { createLimiter } from 'breakwater/limit';
import { upstashStore } from 'breakwater/store/upstash';

const { KV_REST_API_URL: url, KV_REST_API_TOKEN: token, BREAKWATER_KEY_PEPPER } = process.env;
const [kid, secret] = BREAKWATER_KEY_PEPPER.split(':');
const kv = createKv({ store: upstashStore({ url, token }) });
const guard = createGuard({
  kv,
  keys: createApiKeys({ kv, pepper: { kid, secret } }),
  limiter: createLimiter({ kv, policies: [{ name: 'key', limit: 60, windowMs: 60_000 }] }),
  routes: [{ path: '/api/*', limits: { key: 'key' } }],
  clientIp: () => undefined,
});

const server = createServer(async (incoming, outgoing) => {
  const request = new Request(new URL(incoming.url, 'http://localhost'), {
    method: incoming.method,
    headers: incoming.headers,
  });
  const decision = await guard.check(request);
  const response = decision.outcome === 'deny' ? toResponse(decision) : Response.json(decision.identity);
  if (decision.outcome === 'allow') {
    for (const [name, value] of decisionHeaders(decision)) response.headers.append(name, value);
  }
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(await response.text());
});
server.listen(0, '127.0.0.1', () => console.log(`Listening on http://127.0.0.1:${server.address().port}`));
