export type { CachifiedCache, CachifiedCacheOptions, CachifiedEntry, CachifiedStats } from './adapters/cachified.ts';
export { cachifiedCache } from './adapters/cachified.ts';
