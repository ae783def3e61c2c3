import { verifyIdentity } from '../lib/auth.ts';
import { problem } from '../lib/guard/problem.ts';

/** The identity that the middleware verified. Refuses a request that has not come through it. */
export async function GET(request: Request): Promise<Response> {
  const check = await verifyIdentity(request);
  if (!check.ok) {
    return problem(401, 'identity-unverified', 'This request did not come through the front door.');
  }
  return Response.json(check.identity, { headers: { 'cache-control': 'no-store' } });
}
