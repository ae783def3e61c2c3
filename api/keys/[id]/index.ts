import { getApiKey, revokeApiKey } from '../../../lib/auth.ts';
import { noSuchKey, readKeyId } from '../../_management/key-path.ts';
import { answer, managed } from '../../_management/managed.ts';

/** What is on record of a key, revoked or not. */
export const GET: (request: Request) => Promise<Response> = managed(idOf, async (id) => {
  const key = await getApiKey(id);
  return key ? answer(key) : noSuchKey();
});

/** Ends a key, also the one that asks for it. */
export const DELETE: (request: Request) => Promise<Response> = managed(idOf, async (id) => {
  const { revoked, propagated } = await revokeApiKey(id);
  return revoked ? answer({ revoked, propagated }) : noSuchKey();
});

function idOf(request: Request): string | Response {
  return readKeyId(request, 1);
}
