import { base64urlDecode, base64urlEncode, constantTimeEqual, createMac, sha256 } from '../client/crypto.ts';
import { readJson } from '../client/json.ts';
import { type Clock, systemClock } from '../clock.ts';
import { ConfigError } from '../errors.ts';
import type { Identity } from './decision.ts';
import type { IdentityCheck } from './identity-check.ts';
import { canonicalPath } from './path.ts';

/** Carries the verified identity from the guard to the handler. Deleted from every request that comes in. */
export const IDENTITY_HEADER = 'x-breakwater-identity';

/** Signs identities for handlers, and verifies them there. */
export interface IdentitySeal {
  /**
   * The value of the header for one request; good for its method and path only, where HEAD counts as GET and the query
   * does not. `basePath` is a prefix of the path that the handler may not be shown.
   *
   * @throws ConfigError for an identity beyond 12,000 bytes or so, which only a source of one's own can name.
   */
  seal(identity: Identity, request: Request, basePath?: string): Promise<string>;
  /** Whether the request has come through the guard, with this identity, just now. No I/O. Never throws. */
  verify(request: Request): Promise<IdentityCheck>;
}

/** What identities are sealed with. Wrong settings throw a ConfigError. */
export interface IdentitySealOptions {
  /** Shared by the guard and the handlers; at least 32 characters, from the environment. */
  readonly secret: string;
  /** @default 60_000 */
  readonly maxAgeMs?: number | undefined;
  readonly clock?: Clock | undefined;
}

interface Sealed extends Identity {
  /** Unix milliseconds. */
  readonly iat: number;
  readonly method: string;
  readonly path: string;
  /** The path without the base path, where there is one. */
  readonly inner?: string | undefined;
}

/**
 * The largest identity of a key that was issued here makes less than 9,000: 64 scopes of 64 characters are 4,289 bytes of
 * JSON, and an owner of 256 control characters 1,538, with two paths 6,600 in all, which base64url makes a third longer.
 * More than 16 KB of headers no Node server takes by default.
 */
const MAX_LENGTH = 16_384;
/** A longer path is carried by its digest: a valid key with a long path must not be locked out. */
const MAX_PATH = 256;

/**
 * A guard in front of a handler can be stepped around (CVE-2025-29927 and its successors). A handler that verifies the
 * seal is safe even then.
 *
 * @throws ConfigError when the secret is too short, or the age no positive number.
 */
export function createIdentitySeal(options: IdentitySealOptions): IdentitySeal {
  const { secret, maxAgeMs = 60_000, clock = systemClock } = options;
  if (secret.length < 32) throw new ConfigError('identity secret', 'must have at least 32 characters');
  if (!(maxAgeMs > 0 && maxAgeMs < Number.POSITIVE_INFINITY))
    throw new ConfigError('maxAgeMs', 'must be a positive number of milliseconds');
  const mac = createMac(secret);
  return {
    async seal({ id, owner, scopes }, request, basePath = '') {
      const { pathname } = new URL(request.url);
      const isWithin = basePath !== '' && `${pathname}/`.startsWith(`${basePath}/`);
      const inner = isWithin ? await sealedPath(pathname.slice(basePath.length)) : undefined;
      const [method, path] = [sealedMethod(request), await sealedPath(pathname)];
      const sealed: Sealed = { id, owner, scopes, iat: clock.now(), method, path, inner };
      const payload = base64urlEncode(JSON.stringify(sealed));
      const value = `${payload}.${await mac(payload)}`;
      if (value.length > MAX_LENGTH) throw new ConfigError('identity', 'is too large to be handed on to handlers');
      return value;
    },

    async verify(request) {
      const header = request.headers.get(IDENTITY_HEADER);
      if (header === null || header === '') return { ok: false, reason: 'missing' };
      const dot = header.indexOf('.');
      if (dot === -1 || header.length > MAX_LENGTH) return { ok: false, reason: 'altered' };
      const payload = header.slice(0, dot);
      if (!constantTimeEqual(header.slice(dot + 1), await mac(payload))) return { ok: false, reason: 'altered' };
      const sealed = readSealed(payload);
      if (!sealed) return { ok: false, reason: 'altered' };
      const { id, owner, scopes, iat, method, path, inner } = sealed;
      // A clock of another machine may be ahead; a seal from the future is as good as one from as far in the past.
      if (Math.abs(clock.now() - iat) >= maxAgeMs) return { ok: false, reason: 'old' };
      const asked = await sealedPath(new URL(request.url).pathname);
      const isForThis = method === sealedMethod(request) && (asked === path || asked === inner);
      return isForThis ? { ok: true, identity: { id, owner, scopes } } : { ok: false, reason: 'foreign' };
    },
  };
}

/** Servers answer HEAD by running the handler of GET, and some tell it so. */
function sealedMethod({ method }: Request): string {
  return method === 'HEAD' ? 'GET' : method;
}

/** Proxies and frameworks decode, and add and remove slashes: what is one path to the guard is one here. */
async function sealedPath(pathname: string): Promise<string> {
  const path = canonicalPath(pathname);
  return path.length <= MAX_PATH ? path : `#${await sha256(path)}`;
}

/** The secret may have signed something else, or the form of another version: nothing of its shape is taken for granted. */
function readSealed(payload: string): Sealed | undefined {
  const value = readJson(base64urlDecode(payload));
  if (typeof value !== 'object' || value === null) return undefined;
  const { id, owner, scopes, iat, method, path, inner } = value as Partial<Record<keyof Sealed, unknown>>;
  const isWhole =
    [id, owner, method, path].every((text) => typeof text === 'string') &&
    (inner === undefined || typeof inner === 'string') &&
    Array.isArray(scopes) &&
    scopes.every((scope) => typeof scope === 'string') &&
    Number.isFinite(iat);
  return isWhole ? (value as Sealed) : undefined;
}
