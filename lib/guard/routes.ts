import { ConfigError } from '../errors.ts';
import { checkScopes } from '../keys/scopes.ts';
import { pathSegments } from './path.ts';

/** Whose account a policy is charged to: the client address, or the API key. */
export type SubjectKind = 'ip' | 'key';

/** Which requests are asked for what. What cannot be throws a ConfigError. */
export interface Route {
  /** `/api/echo`; `/api/keys/:id` with one free segment; `/api/*` for everything below, and `/api` itself. */
  readonly path: string;
  /** GET includes HEAD. @default every method */
  readonly methods?: readonly string[] | undefined;
  /** @default 'api-key' */
  readonly auth?: 'api-key' | 'none' | undefined;
  /**
   * All of them are needed, see `coversScopes`. A valid key without is refused with 403, and counted: the check comes after
   * the limits. @default none
   */
  readonly scopes?: readonly string[] | undefined;
  /** Which policies apply, by name, and to whose account. All are charged together or none. @default none */
  readonly limits?: Readonly<Record<string, SubjectKind>> | undefined;
}

export interface MatchedRoute {
  readonly auth: 'api-key' | 'none';
  readonly scopes: readonly string[];
  readonly limits: readonly (readonly [policy: string, by: SubjectKind])[];
}

/** Finds the first route that fits; `undefined` when none does. */
export type RouteMatcher = (method: string, pathname: string) => MatchedRoute | undefined;

/** @throws ConfigError naming the route. */
export function createRouteMatcher(routes: readonly Route[]): RouteMatcher {
  const compiled = routes.map(({ path, methods, auth = 'api-key', scopes = [], limits = {} }) => {
    if (!path.startsWith('/')) throw new ConfigError('routes', `must have paths that begin with a slash: ${path}`);
    checkScopes(`route ${path}: scopes`, scopes);
    if (auth === 'none' && scopes.length > 0) {
      throw new ConfigError(`route ${path}: scopes`, 'cannot be asked for on a route without API keys');
    }
    const entries = Object.entries(limits);
    for (const [policy, by] of entries) {
      if (by !== 'ip' && by !== 'key')
        throw new ConfigError(`route ${path}: limits.${policy}`, "must be 'ip' or 'key'");
      if (by === 'key' && auth === 'none') {
        throw new ConfigError(`route ${path}: limits.${policy}`, "cannot be 'key' on a route without API keys");
      }
    }
    const route: MatchedRoute = { auth, scopes: [...scopes], limits: entries };
    return { segments: pathSegments(path), methods: methods && methodSet(methods), route };
  });
  return (method, pathname) => {
    const segments = pathSegments(pathname);
    const upper = method.toUpperCase();
    return compiled.find((one) => (one.methods?.has(upper) ?? true) && fits(one.segments, segments))?.route;
  };
}

/** With HEAD wherever there is GET: frameworks answer it by running the handler of GET. */
function methodSet(methods: readonly string[]): ReadonlySet<string> {
  const upper = methods.map((method) => method.toUpperCase());
  return new Set(upper.includes('GET') ? [...upper, 'HEAD'] : upper);
}

function fits(pattern: readonly string[], path: readonly string[]): boolean {
  for (const [index, segment] of pattern.entries()) {
    if (segment === '*' && index === pattern.length - 1) return true;
    const actual = path[index];
    if (actual === undefined || (segment !== actual && segment !== '*' && !segment.startsWith(':'))) return false;
  }
  return pattern.length === path.length;
}
