import { isLoopback } from '../../lib/config/console-settings.ts';
import { readConsoleSettings } from '../../lib/config.ts';

/**
 * For whom there is a console. `off`: for nobody, and nothing says that there could be one. `key`: for everybody who sends
 * an API key with the scope `admin`, as `Authorization: Bearer`. `demo`: for who sends `token` as `x-breakwater-demo`.
 */
export type ConsoleAccess =
  | { readonly mode: 'off' }
  | { readonly mode: 'key' }
  /** To be written into a page that is made for this request, and into no other: it is the key to the demo. */
  | { readonly mode: 'demo'; readonly token: string };

/** Carries the token of the demo. No browser sends it by itself, and none lets another site send it unasked. */
export const DEMO_HEADER = 'x-breakwater-demo';

/**
 * For whom there is a console, as far as the headers of a request for the page tell. A name that somebody else has given
 * to this machine (DNS rebinding) finds none in the demo: the page would hand the token to a script of theirs.
 *
 * @throws ConfigError for an environment that cannot be
 */
export function consoleAccess(headers: Headers): ConsoleAccess {
  const { isOn, demo } = readConsoleSettings();
  if (!demo) return { mode: isOn ? 'key' : 'off' };
  return isLoopback(headers.get('host') ?? '') ? { mode: 'demo', token: demo.token } : { mode: 'off' };
}

/** Whether paths below `/api/<folder>` are not there at all: as if nothing stood at them, whatever the method. */
export function isAbsent(folder: string | undefined): boolean {
  if (folder !== 'console' && folder !== 'demo') return false;
  const { isOn, demo } = readConsoleSettings();
  return !demo && (folder === 'demo' || !isOn);
}
