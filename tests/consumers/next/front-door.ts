import { createEdgeMiddleware } from 'breakwater/next';

export const frontDoor = createEdgeMiddleware({
  policies: [{ name: 'key', limit: 60, windowMs: 60_000 }],
  protect: [{ path: '/api/*', limits: { key: 'key' } }],
});
