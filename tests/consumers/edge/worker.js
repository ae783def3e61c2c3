import { identityProblem, verifyIdentity } from 'breakwater/auth';
import { createCache } from 'breakwater/cache';
import { createKv } from 'breakwater/kv';
import { createLimiter } from 'breakwater/limit';
import { rateLimitByApiKey } from 'breakwater/rate-limit';
import { withGuard } from 'breakwater/server';
import { upstashStore } from 'breakwater/store/upstash';

const { KV_REST_API_URL: url, KV_REST_API_TOKEN: token } = process.env;
const kv = createKv({ store: upstashStore({ url, token }) });
const cache = createCache({ kv, namespace: 'jobs', ttlMs: 60_000 });
const policies = [{ name: 'leased', limit: 1_000, windowMs: 60_000, maxOverAdmission: 0.1 }];
const limiter = createLimiter({ kv, policies, prefetch: true });

const tasks = {
  '/api/by-key': async (request) => (await rateLimitByApiKey(request, 1_000, 60_000)).basis,
  '/api/leased': async () => (await limiter.check({ leased: 'all' })).basis,
  '/api/fetched': async () => (await cache.getOrFetch('a', () => 'loaded')).value,
  '/api/cached': async () => (await cache.get('a')).value,
};

const answer = async (request, _env, _context) => {
  const task = tasks[new URL(request.url).pathname];
  if (task) return Response.json({ result: await task(request) });
  const check = await verifyIdentity(request);
  return check.ok ? Response.json(check.identity) : identityProblem(check);
};

export default {
  fetch: withGuard(answer, {
    policies: [{ name: 'key', limit: 60, windowMs: 60_000 }],
    protect: [{ path: '/api/*', limits: { key: 'key' } }],
  }),
};
