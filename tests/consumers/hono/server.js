import { serve } from '@hono/node-server';
import { createGuard, decisionHeaders, toResponse } from 'breakwater/guard';
import { createApiKeys } from 'breakwater/keys';
import { createKv } from 'breakwater/kv';
import { createLimiter } from 'breakwater/limit';
import { upstashStore } from 'breakwater/store/upstash';
import { Hono } from 'hono';

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

const app = new Hono();
app.use(async (context, next) => {
  const decision = await guard.check(context.req.raw);
  if (decision.outcome === 'deny') return toResponse(decision);
  context.set('identity', decision.identity);
  await next();
  for (const [name, value] of decisionHeaders(decision)) context.header(name, value, { append: true });
});
app.get('/api/whoami', (context) => context.json(context.get('identity')));

serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => {
  console.log(`Listening on http://127.0.0.1:${port}`);
});
