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

function decoded(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
