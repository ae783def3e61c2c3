import { isSameSecret, randomBase62 } from '../../lib/client/crypto.ts';
import { isObject } from '../../lib/client/json.ts';
import { readConsoleSettings } from '../../lib/config.ts';
import { onDefaultClient } from '../../lib/default-client.ts';
import { look } from './look.ts';
import type { ConsoleSnapshot } from './snapshot.ts';

const OWN_HEADER = 'x-breakwater-console';
/** Of this process. It is sent to this process alone, and opens nothing but a look. */
const ownSecret = onDefaultClient('console-secret', () => randomBase62(43));

/** Less than a look a second. */
const TIMEOUT_MS = 900;

/** Whether this process itself has sent the request. */
export async function isOwnRequest(headers: Headers): Promise<boolean> {
  const shown = headers.get(OWN_HEADER);
  return shown !== null && (await isSameSecret(shown, ownSecret()));
}

/**
 * A look at middleware and handlers. The middleware's memory is seen only by a request that passes through it, so this
 * process sends one to its own server: to where the environment says, never to where a client says. Where that cannot be
 * asked, or another process answers there, the middleware is unknown. Never rejects.
 */
export async function lookThroughMiddleware(): Promise<ConsoleSnapshot> {
  return (await askOwnServer()) ?? look();
}

async function askOwnServer(): Promise<ConsoleSnapshot | undefined> {
  const { origin } = readConsoleSettings();
  if (!origin) return undefined;
  try {
    const base = origin.pathname.replace(/\/$/, '');
    const response = await fetch(new URL(`${base}/api/console/snapshot`, origin), {
      headers: { [OWN_HEADER]: ownSecret() },
      cache: 'no-store',
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (response.ok) return snapshotOf(await response.json());
    await response.body?.cancel();
  } catch {
    // As nobody has answered.
  }
  return undefined;
}

/** Only this process has its secret, so what answers to that is `look`. */
function snapshotOf(value: unknown): ConsoleSnapshot | undefined {
  return isObject(value) && isObject(value.handler) && isObject(value.store)
    ? (value as unknown as ConsoleSnapshot)
    : undefined;
}
