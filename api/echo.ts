import { identityProblem, verifyIdentity } from '../lib/auth.ts';
import { bodyProblem, readBody } from '../lib/guard/body.ts';
import { RateLimitError, rateLimitByApiKey } from '../lib/rate-limit.ts';

const BOUNDS = { maxBytes: 64 * 1024 };

/** Sends back what it was sent, at most 20 times a minute per key: a limit of the handler's own beside the middleware's. */
export async function POST(request: Request): Promise<Response> {
  const check = await verifyIdentity(request);
  if (!check.ok) return identityProblem(check);
  try {
    const { remaining } = await rateLimitByApiKey(request, 20, 60_000);
    const body = await readBody(request, BOUNDS);
    if (!body.ok) return bodyProblem(body, BOUNDS);
    return Response.json({ owner: check.identity.owner, echo: body.text, remaining: remaining ?? null });
  } catch (error) {
    if (error instanceof RateLimitError) return error.toResponse();
    throw error;
  }
}
