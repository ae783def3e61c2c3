import type { NextConfig } from 'next';

const config: NextConfig = {
  poweredByHeader: false,
  // Loaded by Node itself, and only where REDIS_URL or DATABASE_URL asks for it.
  serverExternalPackages: ['ioredis', 'pg'],
};

export default config;
