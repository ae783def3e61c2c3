import { serve } from '@hono/node-server';
import { identityProblem, verifyIdentity } from 'breakwater/auth';
import { withGuard } from 'breakwater/server';
import { Hono } from 'hono';

const app = new Hono();
app.get('/api/whoami', async (context) => {
  const check = await verifyIdentity(context.req.raw);
  return check.ok ? context.json(check.identity) : identityProblem(check);
});

const fetch = withGuard(app.fetch, {
  policies: [{ name: 'key', limit: 60, windowMs: 60_000 }],
  protect: [{ path: '/api/*', limits: { key: 'key' } }],
  address: (_request, env) => env.incoming.socket.remoteAddress,
});
serve({ fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => {
  console.log(`Listening on http://127.0.0.1:${port}`);
});
