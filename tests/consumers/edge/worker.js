import { identityProblem, verifyIdentity } from 'breakwater/auth';
import { withGuard } from 'breakwater/server';

const whoami = async (request, _env, _context) => {
  const check = await verifyIdentity(request);
  return check.ok ? Response.json(check.identity) : identityProblem(check);
};

export default {
  fetch: withGuard(whoami, {
    policies: [{ name: 'key', limit: 60, windowMs: 60_000 }],
    protect: [{ path: '/api/*', limits: { key: 'key' } }],
  }),
};
