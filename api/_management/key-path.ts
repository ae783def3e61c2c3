import { problem } from '../../lib/guard/problem.ts';
import { isKeyId } from '../../lib/keys/key-id.ts';

/**
 * The id in the path of a request, counted from its end, so that no base path matters. What can be no id is answered with
 * 404 and goes no further: it may be a key that somebody has put there by mistake.
 */
export function readKeyId(request: Request, placeFromEnd: 1 | 2): string | Response {
  const id = segmentsOf(request).at(-placeFromEnd);
  return id !== undefined && isKeyId(id) ? id : noSuchKey();
}

/** Where the key with this id is found, below the path that the handler is shown: Next leaves its base path out of it. */
export function locationOf(request: Request, id: string): string {
  return ['', ...segmentsOf(request), id].join('/');
}

export function noSuchKey(): Response {
  return problem(404, 'key-not-found', 'There is no such API key.');
}

function segmentsOf(request: Request): readonly string[] {
  return new URL(request.url).pathname.split('/').filter((segment) => segment !== '');
}
