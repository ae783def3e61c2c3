/**
 * Decoded, and without empty segments, as servers look their handlers up: neither `/api/%65cho` nor `/api//echo/` can
 * step around the rule for `/api/echo`.
 */
export function pathSegments(path: string): readonly string[] {
  return path
    .split('/')
    .filter((segment) => segment !== '')
    .map(decoded);
}

/** One form for all paths with the same segments; a slash inside a segment stays apart from one between two. */
export function canonicalPath(path: string): string {
  return `/${pathSegments(path).map(encodeURIComponent).join('/')}`;
}

const TAIL = '%[89ab][\\da-f]';
/** Percent-encoded UTF-8 by RFC 3629, character by character: what `decodeURIComponent` takes. */
const CHARACTERS = [
  ...['[^%]', '%[0-7][\\da-f]', `%(?:c[2-9a-f]|d[\\da-f])${TAIL}`],
  `%(?:e0%[ab]|e[1-9abcef]%[89ab]|ed%[89])[\\da-f]${TAIL}`,
  `%(?:f0%[9ab]|f[1-3]%[89ab]|f4%8)[\\da-f]${TAIL}${TAIL}`,
];
const DECODABLE = new RegExp(`^(?:${CHARACTERS.join('|')})*$`, 'i');

/**
 * Whether servers agree on what `path` decodes to: of one that is no UTF-8 each makes something else, some an error of
 * their own. Without `try`: a thousand segments would cost a thousand exceptions.
 */
export function isDecodable(path: string): boolean {
  return DECODABLE.test(path);
}

function decoded(segment: string): string {
  return segment.includes('%') && isDecodable(segment) ? decodeURIComponent(segment) : segment;
}
