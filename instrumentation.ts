import { readSettings } from './lib/config.ts';

/** Next calls this once when a server starts: an environment that cannot work stops it there, by name. */
export function register(): void {
  readSettings();
}
