import type { Note } from './command.ts';

/** Variables that say which Redis a command works on. */
export const REDIS_ENVIRONMENT: readonly Note[] = [
  ['KV_REST_API_URL', 'a Redis of Upstash, or what speaks its REST protocol'],
  ['KV_REST_API_TOKEN', 'its token'],
  ['REDIS_URL', 'or a Redis by TCP, redis:// or rediss://'],
  ['REDIS_CLUSTER_NODES', 'or a Cluster'],
  ['REDIS_SENTINELS', 'or what its Sentinels name'],
  ['BREAKWATER_NAMESPACE', 'what all keys in it begin with'],
  ['KV_REQUEST_TIMEOUT_MS', 'how long a request may take; 5 seconds without it'],
];

/** Those that say what keys look like, besides. */
export const KEYS_ENVIRONMENT: readonly Note[] = [
  ...REDIS_ENVIRONMENT,
  ['BREAKWATER_KEY_PEPPER', 'under what keys are digested, as in the application'],
  ['BREAKWATER_KEY_PEPPER_PREVIOUS', 'older ones'],
  ['BREAKWATER_KEY_PREFIX', 'how keys begin'],
  ['BREAKWATER_KEY_ENV', 'what follows it'],
];
