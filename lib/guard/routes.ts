import { ConfigError } from '../errors.ts';

/** Whose account a policy is charged to: the client address, or the API key. */
export type SubjectKind = 'ip' | 'key';

export interface Route {
  /** `/api/echo`; `/api/keys/:id` with one free segment; `/api/*` for everything below, and `/api` itself. */
  readonly path: string;
  /** GET includes HEAD. @default every method */
  readonly methods?: readonly string[] | undefined;
  /** @default 'api-key' */
  readonly auth?: 'api-key' | 'none' | undefined;
  /** Which policies apply, by name, and to whose account. All are charged together or none. @default none */
  readonly limits?: Readonly<Record<string, SubjectKind>> | undefined;
}

export interface MatchedRoute {
  readonly auth: 'api-key' | 'none';
  readonly limits: readonly (readonly [policy: string, by: SubjectKind])[];
}

/** Finds the first route that fits; `undefined` when none does. */
export type RouteMatcher = (method: string, pathname: string) => MatchedRoute | undefined;

/** @throws ConfigError naming the route. */
export function createRouteMatcher(routes: readonly Route[]): RouteMatcher {
  const compiled = routes.map(({ path, methods, auth = 'api-key', limits = {} }) => {
    if (!path.startsWith('/')) throw new ConfigError('routes', `must have paths that begin with a slash: ${path}`);
    const entries = Object.entries(limits);
    for (const [policy, by] of entries) {
      if (by !== 'ip' && by !== 'key')
        throw new ConfigError(`route ${path}: limits.${policy}`, "must be 'ip' or 'key'");
      if (by === 'key' && auth === 'none') {
        throw new ConfigError(`route ${path}: limits.${policy}`, "cannot be 'key' on a route without API keys");
      }
    }
    return { segments: segmentsOf(path), methods: methods && methodSet(methods), route: { auth, limits: entries } };
  });
  return (method, pathname) => {
    const segments = segmentsOf(pathname);
    const upper = method.toUpperCase();
    return compiled.find((one) => (one.methods?.has(upper) ?? true) && fits(one.segments, segments))?.route;
  };
}

/** With HEAD wherever there is GET: frameworks answer it by running the handler of GET. */
function methodSet(methods: readonly string[]): ReadonlySet<string> {
  const upper = methods.map((method) => method.toUpperCase());
  return new Set(upper.includes('GET') ? [...upper, 'HEAD'] : upper);
}

/**
 * Decoded, and without empty segments, as servers look their handlers up: neither `/api/%65cho` nor `/api//echo/` can
 * step around the rule for `/api/echo`.
 */
function segmentsOf(path: string): readonly string[] {
  return path
    .split('/')
    .filter((segment) => segment !== '')
    .map(decoded);
}

function decoded(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function fits(pattern: readonly string[], path: readonly string[]): boolean {
  for (const [index, segment] of pattern.entries()) {
    if (segment === '*' && index === pattern.length - 1) return true;
    const actual = path[index];
    if (actual === undefined || (segment !== actual && segment !== '*' && !segment.startsWith(':'))) return false;
  }
  return pattern.length === path.length;
}
