import { identityProblem, verifyIdentity } from 'breakwater/auth';

export async function GET(request: Request): Promise<Response> {
  const check = await verifyIdentity(request);
  return check.ok ? Response.json(check.identity) : identityProblem(check);
}
