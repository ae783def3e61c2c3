/**
 * The module that `cacheHandler` of next.config names: its default export is a class on the default client.
 *
 * @example
 * ```ts
 * import { fileURLToPath } from 'node:url';
 *
 * export default {
 *   cacheHandler: fileURLToPath(import.meta.resolve('breakwater/next/incremental-cache-handler')),
 * };
 * ```
 */
import { defaultEntries } from './cache-handlers/default-entries.ts';
import {
  type IncrementalCacheHandlerClass,
  incrementalCacheHandlerOn,
} from './cache-handlers/incremental-cache-handler.ts';

export type { CacheHandlerStats } from './cache-handlers/cache-handler-stats.ts';
export type { CacheHandlerOptions } from './cache-handlers/handler-options.ts';
export {
  createIncrementalCacheHandler,
  type IncrementalCacheHandlerClass,
} from './cache-handlers/incremental-cache-handler.ts';

/** On the default client, which is made at first use. */
const Handler: IncrementalCacheHandlerClass = incrementalCacheHandlerOn(defaultEntries);

export default Handler;
