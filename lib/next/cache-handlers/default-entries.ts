import { getDefaults } from '../../default-client.ts';
import { logMisconfiguration } from '../../log.ts';
import { createEntryStore, type EntryStore } from './entry-store.ts';
import { cacheHandlerSettings } from './handler-options.ts';

let entries: EntryStore | undefined;

/**
 * On the default client of the environment, made at first use; one for both of Next's caches, so that they share what is
 * known of revalidations. With ENABLE_REDIS_CACHE=false it is as if Redis was away. An environment that cannot work is
 * logged, and nothing is kept: a page does not fail of it.
 */
export function defaultEntries(): EntryStore | undefined {
  try {
    entries ??= createDefaultEntries();
  } catch (error) {
    logMisconfiguration(error);
  }
  return entries;
}

function createDefaultEntries(): EntryStore {
  const { kv, settings } = getDefaults();
  return createEntryStore(cacheHandlerSettings({ kv, localOnly: !settings.redisCache }));
}
