import type { NextConfig } from 'next';

const config: NextConfig = {
  poweredByHeader: false,
  // Loaded by Node itself, and only where REDIS_URL asks for it.
  serverExternalPackages: ['ioredis'],
};

export default config;
