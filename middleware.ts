import { createEdgeMiddleware } from './lib/next/index.ts';

/** Runs before every API handler: who is it, and may they? One request to Redis. */
export const middleware = createEdgeMiddleware({
  policies: [
    { name: 'ip', limit: 300, windowMs: 60_000 },
    { name: 'key', limit: 60, windowMs: 60_000 },
  ],
  protect: [
    // They ask by themselves who may: what shows the limits is charged to none.
    { path: '/api/console/*', auth: 'none' },
    { path: '/api/demo/*', auth: 'none' },
    // Shown by its caller is CRON_SECRET, which the handler asks for.
    { path: '/api/cron/*', auth: 'none', limits: { ip: 'ip' } },
    // Likewise BREAKWATER_METRICS_TOKEN. To count would cost more than to refuse, and Redis may be away.
    { path: '/api/metrics', auth: 'none' },
    { path: '/api/openapi', auth: 'none', limits: { ip: 'ip' } },
    { path: '/api/keys/*', scopes: ['admin'], limits: { ip: 'ip', key: 'key' } },
    { path: '/api/*', limits: { ip: 'ip', key: 'key' } },
  ],
});

export const config = { matcher: ['/api/:path*'] };
