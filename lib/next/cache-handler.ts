/**
 * The module that `cacheHandlers` of next.config names: its default export is a handler on the default client.
 *
 * @example
 * ```ts
 * import { fileURLToPath } from 'node:url';
 *
 * export default {
 *   cacheComponents: true,
 *   cacheHandlers: { remote: fileURLToPath(import.meta.resolve('breakwater/next/cache-handler')) },
 * };
 * ```
 */
import type { CacheHandler } from 'next/cache.js';
import { defaultEntries } from './cache-handlers/default-entries.ts';
import { remoteCacheHandlerOn } from './cache-handlers/remote-cache-handler.ts';

export type { CacheHandlerStats } from './cache-handlers/cache-handler-stats.ts';
export type { CacheHandlerOptions } from './cache-handlers/handler-options.ts';
export { createRemoteCacheHandler, type RemoteCacheHandler } from './cache-handlers/remote-cache-handler.ts';

/** On the default client, which is made at first use. */
const handler: CacheHandler = remoteCacheHandlerOn(defaultEntries);

export default handler;
