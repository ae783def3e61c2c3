export { appendEvents, configureAnalytics, syncAnalytics, syncEvents, trackEvent } from './analytics.ts';
export {
  clearAuthCache,
  configureApiKeys,
  createApiKey,
  getApiKey,
  getApiKeyUsage,
  getAuthCacheStats,
  identityProblem,
  listApiKeys,
  requireScopes,
  revokeApiKey,
  rotateApiKey,
  validateApiKey,
  verifyIdentity,
} from './auth.ts';
export {
  aiCache,
  cacheManager,
  createCache,
  generateCacheKey,
  RedisCache,
  recordCache,
  searchCache,
  semanticCache,
} from './cache.ts';
export { shouldTrackEvent } from './dedup.ts';
export {
  CircuitOpenError,
  CommandError,
  ConfigError,
  DeadlineError,
  isKvError,
  isUnavailable,
  StoreError,
} from './errors.ts';
export type { BreakwaterEvent } from './events.ts';
export { type IdempotentOptions, idempotent } from './idempotent.ts';
export {
  buildKey,
  createKv,
  getCircuitBreakerState,
  isKVHealthy,
  KV_PREFIXES,
  kvDelete,
  kvGet,
  kvIncr,
  kvMGet,
  kvSafeGet,
  kvSafeIncr,
  kvSafeSet,
  kvSet,
  kvTTL,
  resetCircuitBreaker,
} from './kv.ts';
export { acquireLock, releaseLock, withLock } from './lock.ts';
export { cancelMfaCode, checkMfaCode, issueMfaCode, unlockMfa, verifyMfaCode } from './mfa.ts';
export { counterMigration, handover, recordMigration } from './migration.ts';
export {
  checkRateLimit,
  clearAllRateLimits,
  defineLimits,
  getRateLimitStatus,
  getRateLimitStoreSize,
  RateLimitError,
  rateLimit,
  rateLimitByApiKey,
  rateLimitByIp,
  rateLimitCombined,
  resetRateLimit,
  withRateLimit,
} from './rate-limit.ts';
export { createNodeGuard, createRequestGuard, withGuard } from './server.ts';
export { destroySession, getSession, newSessionId, revokeSessions, saveSession } from './session.ts';
export { checkUsageLimit, flushUsage, getUsage, syncUsage, trackUsage } from './usage.ts';
export { configureUserCache, getUserCached, getUsersCached, invalidateUser } from './user-cache.ts';
