import { isSameSecret } from '../../lib/client/crypto.ts';
import { type DemoSettings, isLoopback } from '../../lib/config/console-settings.ts';
import { problem } from '../../lib/guard/problem.ts';
import { DEMO_HEADER } from './access.ts';

/**
 * Why a request may not act in the demo; `undefined` where it may. It has to name this machine by a name that leads
 * nowhere else, to come from the page itself or from no page at all, and to show the token of the run.
 */
export async function refusalOfDemo(request: Request, demo: DemoSettings): Promise<Response | undefined> {
  const { headers } = request;
  const host = headers.get('host') ?? '';
  if (!isLoopback(host)) return problem(403, 'demo-host', 'The demo answers on this machine only: ask for localhost.');
  const origin = headers.get('origin');
  const site = headers.get('sec-fetch-site') ?? 'none';
  if ((origin !== null && origin !== `http://${host}`) || (site !== 'same-origin' && site !== 'none')) {
    return problem(403, 'demo-origin', 'The demo takes no orders from another page.');
  }
  if (await isSameSecret(headers.get(DEMO_HEADER) ?? '', demo.token)) return undefined;
  return problem(403, 'demo-token', `Send the token of this run of the demo as ${DEMO_HEADER}.`);
}
