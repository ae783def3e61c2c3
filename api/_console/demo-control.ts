import { isObject } from '../../lib/client/json.ts';
import type { DemoSettings } from '../../lib/config/console-settings.ts';
import type { DemoState, Outage } from './snapshot.ts';

/** The demo's process is on this machine, and does little else. */
const TIMEOUT_MS = 500;

/** How the demo stands; `null` where its process does not say. */
export function demoState(demo: DemoSettings): Promise<DemoState | null> {
  return ask(demo, '/state', {});
}

/** Has the demo do this to the way to its store; `null` where its process does not say that it has. */
export function setOutage(demo: DemoSettings, outage: Outage): Promise<DemoState | null> {
  return ask(demo, '/outage', { method: 'POST', body: JSON.stringify({ outage }) });
}

async function ask({ control, secret }: DemoSettings, path: string, init: RequestInit): Promise<DemoState | null> {
  try {
    const response = await fetch(new URL(path, control), {
      ...init,
      headers: { authorization: `Bearer ${secret}` },
      cache: 'no-store',
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const state: unknown = response.ok ? await response.json() : null;
    return isDemoState(state) ? state : null;
  } catch {
    return null;
  }
}

/** Its process shows the same secret's owner only, so no more is asked than that it is not something else altogether. */
function isDemoState(state: unknown): state is DemoState {
  return isObject(state) && typeof state.outage === 'string' && Array.isArray(state.keys);
}
