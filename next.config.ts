import type { NextConfig } from 'next';

/**
 * For the console, whose page holds what a visitor may do: nobody frames it, and what it runs and asks is its own. Next
 * writes scripts into the page, so that inline ones have to run; in development it compiles there, which needs more.
 */
const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': [
    "default-src 'self'",
    "script-src 'self' 'unsafe-inline'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

const config: NextConfig = {
  poweredByHeader: false,
  // Loaded by Node itself, and only where REDIS_URL or DATABASE_URL asks for it.
  serverExternalPackages: ['ioredis', 'pg'],
  headers: async () => {
    const headers = Object.entries(PAGE_HEADERS).map(([key, value]) => ({ key, value }));
    return process.env.NODE_ENV === 'production' ? [{ source: '/', headers }] : [];
  },
};

export default config;
