import { type HttpBindings, serve } from '@hono/node-server';
import { identityProblem, verifyIdentity } from 'breakwater/auth';
import { withGuard } from 'breakwater/server';
import { Hono } from 'hono';

const app = new Hono<{ Bindings: HttpBindings }>();

app.get('/', (c) => c.text('Open to everybody.\n'));

app.get('/api/health', (c) => c.json({ status: 'ok' }));

app.get('/api/whoami', async (c) => {
  // The guard has verified the key. That it has, and for this request, the handler sees for itself.
  const check = await verifyIdentity(c.req.raw);
  return check.ok ? c.json(check.identity) : identityProblem(check);
});

app.post('/api/echo', async (c) => c.json({ echo: await c.req.text() }));

/** Nothing reaches the application that the guard has not let through. */
const fetch = withGuard(app.fetch, {
  policies: [
    { name: 'ip', limit: 300, windowMs: 60_000 },
    { name: 'key', limit: 10, windowMs: 60_000 },
  ],
  protect: [{ path: '/api/*', limits: { ip: 'ip', key: 'key' } }],
  address: (_request, env) => (env && 'incoming' in env ? env.incoming.socket.remoteAddress : undefined),
});

serve({ fetch, port: Number(process.env.PORT ?? 3000) }, ({ port }) => console.log(`http://localhost:${port}`));
