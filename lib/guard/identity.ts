import { base64urlDecode, base64urlEncode, constantTimeEqual, createMac } from '../client/crypto.ts';
import { type Clock, systemClock } from '../clock.ts';
import { ConfigError } from '../errors.ts';
import type { Identity } from './decision.ts';

/** Carries the verified identity from the guard to the handler. Deleted from every request that comes in. */
export const IDENTITY_HEADER = 'x-breakwater-identity';

export type IdentityCheck =
  | { readonly ok: true; readonly identity: Identity }
  | { readonly ok: false; readonly reason: 'missing' | 'altered' | 'old' | 'foreign' };

/** Signs identities for handlers, and verifies them there. */
export interface IdentitySeal {
  /** The value of the header for one request; good for its method and path only. */
  seal(identity: Identity, request: Request): Promise<string>;
  /** Whether the request has come through the guard, with this identity, just now. No I/O. */
  verify(request: Request): Promise<IdentityCheck>;
}

export interface IdentitySealOptions {
  /** Shared by the guard and the handlers; at least 32 characters, from the environment. */
  readonly secret: string;
  /** @default 60_000 */
  readonly maxAgeMs?: number | undefined;
  readonly clock?: Clock | undefined;
}

interface Sealed extends Identity {
  readonly iat: number;
  readonly method: string;
  readonly path: string;
}

const MAX_LENGTH = 8_192;

/**
 * A guard in front of a handler can be stepped around (CVE-2025-29927 and its successors). A handler that verifies the
 * seal is safe even then.
 *
 * @throws ConfigError when the secret is too short.
 */
export function createIdentitySeal({
  secret,
  maxAgeMs = 60_000,
  clock = systemClock,
}: IdentitySealOptions): IdentitySeal {
  if (secret.length < 32) throw new ConfigError('identity secret', 'must have at least 32 characters');
  const mac = createMac(secret);
  return {
    async seal({ id, owner, scopes }, request) {
      const { method, url } = request;
      const sealed: Sealed = { id, owner, scopes, iat: clock.now(), method, path: new URL(url).pathname };
      const payload = base64urlEncode(JSON.stringify(sealed));
      return `${payload}.${await mac(payload)}`;
    },

    async verify(request) {
      const header = request.headers.get(IDENTITY_HEADER);
      if (header === null || header === '') return { ok: false, reason: 'missing' };
      const dot = header.indexOf('.');
      if (dot === -1 || header.length > MAX_LENGTH) return { ok: false, reason: 'altered' };
      const payload = header.slice(0, dot);
      if (!constantTimeEqual(header.slice(dot + 1), await mac(payload))) return { ok: false, reason: 'altered' };
      const sealed = JSON.parse(base64urlDecode(payload) ?? '') as Sealed;
      const { id, owner, scopes, iat, method, path } = sealed;
      // A clock of another machine may be ahead; a seal from the future is as good as one from as far in the past.
      if (Math.abs(clock.now() - iat) >= maxAgeMs) return { ok: false, reason: 'old' };
      if (method !== request.method || path !== new URL(request.url).pathname) return { ok: false, reason: 'foreign' };
      return { ok: true, identity: { id, owner, scopes } };
    },
  };
}
