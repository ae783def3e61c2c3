import { createApiKey, listApiKeys } from '../../lib/auth.ts';
import { FieldError } from '../_management/field-error.ts';
import { locationOf } from '../_management/key-path.ts';
import { answer, managed } from '../_management/managed.ts';
import { readNewKey } from '../_management/new-key.ts';

const MAX_PAGE = 1_000;
const DEFAULT_PAGE = 100;

/** Issues a key. It is in the answer, and nowhere else. */
export const POST: (request: Request) => Promise<Response> = managed(readNewKey, async (key, request) => {
  const issued = await createApiKey(key);
  return answer(issued, 201, { location: locationOf(request, issued.record.id) });
});

/** Active keys, oldest first, `?limit=` of them at a time, from the one behind `?after=` on. */
export const GET: (request: Request) => Promise<Response> = managed(readPage, async ({ limit, after }) => {
  // One more than is shown tells whether there are more; the last page that may be asked for cannot have it.
  const asked = Math.min(limit + 1, MAX_PAGE);
  const found = await listApiKeys({ limit: asked, after });
  const keys = found.slice(0, limit);
  return answer({ keys, next: found.length === asked ? (keys.at(-1)?.id ?? null) : null });
});

interface Page {
  readonly limit: number;
  readonly after: string | undefined;
}

/** An empty parameter is an absent one. */
function readPage(request: Request): Page {
  const { searchParams } = new URL(request.url);
  const text = searchParams.get('limit') || String(DEFAULT_PAGE);
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > MAX_PAGE) throw new FieldError('limit', `must be a whole number from 1 to ${MAX_PAGE}`);
  return { limit, after: searchParams.get('after') || undefined };
}
