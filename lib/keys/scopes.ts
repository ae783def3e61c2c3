import { ConfigError } from '../errors.ts';

const SCOPE = /^[\w:.*-]{1,64}$/;
const MAX_SCOPES = 64;

/**
 * Whether `granted` covers all of `wanted`. A scope covers itself, and `*` covers every scope. One that ends in `:*` covers
 * what goes on behind its colon, at any depth: `keys:*` covers `keys:read` and `keys:read:all`, but not `keys`. An asterisk
 * anywhere else is a character like any other.
 *
 * @example
 * ```ts
 * coversScopes(['keys:*'], ['keys:read']); // true
 * ```
 */
export function coversScopes(granted: readonly string[], wanted: readonly string[]): boolean {
  return wanted.every((scope) => granted.some((one) => covers(one, scope)));
}

/** @throws ConfigError naming `setting`, unless `scopes` is a list of names that a key can be given. */
export function checkScopes(setting: string, scopes: readonly string[]): void {
  const isList = Array.isArray(scopes) && scopes.length <= MAX_SCOPES;
  if (!isList || !scopes.every((scope) => typeof scope === 'string' && SCOPE.test(scope))) {
    throw new ConfigError(setting, `must be at most ${MAX_SCOPES} names of letters, digits and _ : . * -`);
  }
}

function covers(granted: string, wanted: string): boolean {
  if (granted === '*' || granted === wanted) return true;
  if (!granted.endsWith(':*')) return false;
  const head = granted.slice(0, -1);
  return wanted.length > head.length && wanted.startsWith(head);
}
