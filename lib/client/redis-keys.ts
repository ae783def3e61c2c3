import { sha256 } from './crypto.ts';

/** One table of prefixes for the whole project. */
export const KV_PREFIXES = {
  AUTH: 'auth:',
  API_KEY: 'apikey:',
  RATE_LIMIT: 'ratelimit:',
  RATE_LIMIT_USER: 'ratelimit:user',
  RATE_LIMIT_ADMIN: 'ratelimit:admin',
  CACHE: 'cache:',
  CACHE_COMPANY: 'cache:company',
  CACHE_RESUME: 'cache:resume',
  CACHE_JOB: 'cache:job',
  CACHE_INTERVIEW: 'cache:interview',
  SESSION: 'session:',
  LOCK: 'lock:',
  DEDUP: 'dedup:',
  CODE: 'code:',
  LINK: 'link:',
  USAGE: 'usage:',
  ANALYTICS: 'analytics:',
  PUBSUB: 'pubsub:',
  EVENTS: 'events:',
  LEADERBOARD: 'leaderboard:',
  MIGRATION: 'migration:',
} as const;

/** Longest part that is kept as it is, in UTF-16 units. */
const MAX_PART = 128;

/**
 * Joins parts under a prefix with `:`. Each part is escaped, so that no part can reach into another's place, form a glob
 * or a Cluster hash tag: `buildKey('ratelimit:', 'user', 'a:b')` is `ratelimit:user:a%3Ab`.
 */
export function buildKey(prefix: string, ...parts: readonly (string | number)[]): string {
  const head = prefix === '' || prefix.endsWith(':') ? prefix : `${prefix}:`;
  return head + parts.map((part) => escapePart(String(part))).join(':');
}

const HASHED = 'sha256-';

/**
 * A part of a key from an untrusted source: itself, or its SHA-256 when it is long, or looks like one. Only then is there
 * something to wait for.
 */
export function boundPart(part: string): string | Promise<string> {
  return part.length <= MAX_PART && !part.startsWith(HASHED) ? part : hashed(part);
}

/** As JSON, which keeps lone surrogates apart that UTF-8 does not have. */
async function hashed(part: string): Promise<string> {
  return HASHED + (await sha256(JSON.stringify(part)));
}

const RESERVED = /[:%{}*?[\]\\\s\p{Cc}\p{Cs}]/gu;

function escapePart(part: string): string {
  return part.replace(RESERVED, (char) => {
    // encodeURIComponent keeps "*" and throws on a lone surrogate.
    const code = char.charCodeAt(0);
    return code > 0x7f ? `%u${code.toString(16)}` : `%${code.toString(16).toUpperCase().padStart(2, '0')}`;
  });
}
