import { ConfigError } from '../errors.ts';
import { checkScopes } from '../keys/scopes.ts';
import type { GuardMode } from './decision.ts';
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
  /** Whether refusals are only reported here. See `GuardOptions.mode`. @default that of the guard */
  readonly mode?: GuardMode | undefined;
}

export interface MatchedRoute {
  readonly auth: 'api-key' | 'none';
  readonly scopes: readonly string[];
  readonly limits: readonly (readonly [policy: string, by: SubjectKind])[];
  readonly mode: GuardMode;
}

export interface RouteMatcherOptions {
  /** Of routes that name none. @default 'enforce' */
  readonly mode?: GuardMode | undefined;
  /** Paths that a GET reaches unless a route begins with them. @default none */
  readonly exempt?: readonly string[] | undefined;
  /**
   * Whether `/API` is another path than `/api`. To servers that look handlers up in any case, as Express and Connect do, it must
   * not be: a route would be stepped around by writing it large. Exempt paths are always written as they are.
   *
   * @default true
   */
  readonly caseSensitive?: boolean | undefined;
}

/**
 * What load balancers and monitors ask for, without a key. By name, and not all below: an `/api/health/` of somebody else's
 * may hold the records of patients.
 */
export const HEALTH_PATHS: readonly string[] = ['', '/live', '/ready', '/redis'].map((end) => `/api/health${end}`);

/** Finds the first route that fits; `undefined` when none does. */
export type RouteMatcher = (method: string, pathname: string) => MatchedRoute | undefined;

/** @throws ConfigError naming the option, or the route. */
export function createRouteMatcher(routes: readonly Route[], options: RouteMatcherOptions = {}): RouteMatcher {
  const { mode: usual = 'enforce', exempt = [], caseSensitive = true } = options;
  checkMode('mode', usual);
  if (!Array.isArray(exempt) || !exempt.every((path) => typeof path === 'string' && path.startsWith('/'))) {
    throw new ConfigError('exempt', 'must be a list of paths that begin with a slash');
  }
  if (typeof caseSensitive !== 'boolean') throw new ConfigError('caseSensitive', 'must be true or false');
  const looked = (segments: readonly string[]) =>
    caseSensitive ? segments : segments.map((segment) => segment.toLowerCase());
  const exempted = exempt.map(pathSegments);
  const compiled = routes.map(({ path, methods, auth = 'api-key', scopes = [], limits = {}, mode = usual }) => {
    if (!path.startsWith('/')) throw new ConfigError('routes', `must have paths that begin with a slash: ${path}`);
    checkScopes(`route ${path}: scopes`, scopes);
    checkMode(`route ${path}: mode`, mode);
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
    const route: MatchedRoute = { auth, scopes: [...scopes], limits: entries, mode };
    const segments = looked(pathSegments(path));
    const namesExempt = exempted.some((pattern) => beginsWith(segments, looked(pattern)));
    return { segments, namesExempt, methods: methods && methodSet(methods), route };
  });
  return (method, pathname) => {
    const segments = pathSegments(pathname);
    const upper = method.toUpperCase();
    const isExempt = READING.has(upper) && exempted.some((pattern) => fits(pattern, segments));
    const sought = looked(segments);
    const found = compiled.find(
      ({ namesExempt, methods, segments: pattern }) =>
        (namesExempt || !isExempt) && (methods?.has(upper) ?? true) && fits(pattern, sought),
    );
    return found?.route;
  };
}

const READING = methodSet(['GET']);

/** An unknown mode is no mode: a slip of the pen must not open the door. */
function checkMode(option: string, mode: unknown): void {
  if (mode !== 'enforce' && mode !== 'report') throw new ConfigError(option, "must be 'enforce' or 'report'");
}

/** Whether a route is about `pattern` and not only about more than that. */
function beginsWith(route: readonly string[], pattern: readonly string[]): boolean {
  const literal = pattern.at(-1) === '*' ? pattern.slice(0, -1) : pattern;
  return literal.every((segment, index) => segment === route[index]);
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
