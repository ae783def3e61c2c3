import { verifyIdentity } from '../lib/auth.ts';
import { problem } from '../lib/guard/problem.ts';
import { RateLimitError, rateLimitByApiKey } from '../lib/rate-limit.ts';

const MAX_BYTES = 64 * 1024;

/** Sends back what it was sent, at most 20 times a minute per key: a limit of the handler's own beside the middleware's. */
export async function POST(request: Request): Promise<Response> {
  const check = await verifyIdentity(request);
  if (!check.ok) {
    return problem(401, 'identity-unverified', 'This request did not come through the front door.');
  }
  try {
    const { remaining } = await rateLimitByApiKey(request, 20, 60_000);
    const text = await request.text();
    if (text.length > MAX_BYTES) return problem(413, 'content-too-large', `Send at most ${MAX_BYTES} characters.`);
    return Response.json({ owner: check.identity.owner, echo: text, remaining: remaining ?? null });
  } catch (error) {
    if (error instanceof RateLimitError) return error.toResponse();
    throw error;
  }
}
