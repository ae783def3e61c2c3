import { identityProblem, verifyIdentity } from '../lib/auth.ts';

/** The identity that the middleware verified. Refuses a request that has not come through it. */
export async function GET(request: Request): Promise<Response> {
  const check = await verifyIdentity(request);
  if (!check.ok) return identityProblem(check);
  return Response.json(check.identity, { headers: { 'cache-control': 'no-store' } });
}
