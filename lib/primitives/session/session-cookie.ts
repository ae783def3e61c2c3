import { ConfigError } from '../../errors.ts';

/** Attributes of the cookie. Wrong ones throw a ConfigError. */
export interface SessionCookieOptions {
  /** Without a prefix: that is part of `name` below. @default 'session' */
  readonly name?: string | undefined;
  /** How long the browser keeps it, in milliseconds. @default until the browser is closed */
  readonly maxAgeMs?: number | undefined;
  /**
   * For development over plain HTTP only: neither `Secure` nor the prefix `__Host-`, which needs it. Anybody on the network
   * reads such a cookie, and any subdomain can set it. @default false
   */
  readonly insecure?: boolean | undefined;
}

/** The cookie of a session: `__Host-`, HttpOnly, Secure, SameSite=Lax, for the whole of one host. No I/O. */
export interface SessionCookie {
  /** With its prefix. */
  readonly name: string;
  /** The token that comes with a request; `undefined` without one, and for a header of more than 16,384 characters. */
  read(headers: Pick<Headers, 'get'>): string | undefined;
  /** The value of a `Set-Cookie` header. @throws ConfigError for what is no token. */
  write(token: string): string;
  /** The value of a `Set-Cookie` header that ends the cookie: after a logout, never because Redis is away. */
  clear(): string;
}

const MAX_HEADER = 16_384;
const MAX_TOKEN = 128;
const LONGEST_MS = 400 * 86_400_000;

/** @throws ConfigError naming the option */
export function sessionCookie(options: SessionCookieOptions = {}): SessionCookie {
  const { name = 'session', maxAgeMs, insecure = false } = options;
  if (!/^[\w-]{1,64}$/.test(name) || /^__(host|secure|http)/i.test(name)) {
    throw new ConfigError('name', 'must be 1 to 64 letters, digits, dashes and underscores, without a prefix');
  }
  if (maxAgeMs !== undefined && !(maxAgeMs >= 1_000 && maxAgeMs <= LONGEST_MS)) {
    throw new ConfigError('maxAgeMs', `must be from 1000 to ${LONGEST_MS}, got ${maxAgeMs}`);
  }
  const fullName = insecure ? name : `__Host-${name}`;
  const attributes = `Path=/; HttpOnly; ${insecure ? '' : 'Secure; '}SameSite=Lax`;
  const life = maxAgeMs === undefined ? '' : `; Max-Age=${Math.floor(maxAgeMs / 1_000)}`;

  return {
    name: fullName,
    read(headers) {
      const header = headers.get('cookie');
      if (header === null || header.length > MAX_HEADER) return undefined;
      for (const pair of header.split(';')) {
        const [found = '', ...value] = pair.split('=');
        const token = value.join('=').trim();
        if (found.trim() === fullName && isToken(token)) return token;
      }
      return undefined;
    },
    write(token) {
      if (!isToken(token)) throw new ConfigError('token', 'must be the token of a session');
      return `${fullName}=${token}; ${attributes}${life}`;
    },
    clear: () => `${fullName}=; ${attributes}; Max-Age=0`,
  };
}

/** What a token is made of: nothing of it means anything in a header. */
function isToken(text: string): boolean {
  return text.length <= MAX_TOKEN && /^[\w.-]+$/.test(text);
}
