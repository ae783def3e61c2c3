export type { ApiKeys, ApiKeysOptions, AuthCacheStats, RotateOptions } from './api-keys.ts';
export { createApiKeys } from './api-keys.ts';
export type { Pepper } from './digest.ts';
export type { NewKey } from './new-key.ts';
export type { ApiKey, KeyQuota } from './record.ts';
export type { IssuedKey } from './registry.ts';
export type { Validation } from './verifier.ts';
