export type { ApiKeys, ApiKeysOptions, AuthCacheStats, RotateOptions } from './api-keys.ts';
export { createApiKeys } from './api-keys.ts';
export type { Pepper } from './digest.ts';
export type { ApiKey, KeyQuota } from './record.ts';
export type { IssuedKey, NewKey } from './registry.ts';
export type { Validation } from './verifier.ts';
