import { readConsoleSettings, readSettings } from './lib/config.ts';
import { logMisconfiguration } from './lib/log.ts';

/** Ends a server whose environment cannot work, naming the variable: Next by itself would go on and answer 500. */
export function checkEnvironment(): void {
  try {
    readSettings();
    readConsoleSettings();
  } catch (error) {
    logMisconfiguration(error);
    process.exit(1);
  }
}
