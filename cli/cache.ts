import { clearCache } from './cache/clear.ts';
import { cacheStats } from './cache/stats.ts';
import type { CommandGroup } from './command.ts';

/** Caches from outside. */
export const cache: CommandGroup = {
  name: 'cache',
  summary: 'Show what caches have counted, and clear them',
  description: 'Caches from outside. Neither command looks for keys.',
  commands: [cacheStats, clearCache],
};
