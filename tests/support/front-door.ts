import type { NextServer } from '../../cli/next-server.ts';
import { ask, newAddress } from './next-app.ts';

/** What came of a request with a key. */
export interface Knock {
  readonly status: number;
  readonly code: string | undefined;
  /** What could not rest on Redis. */
  readonly degraded: string | null;
}

const addresses = { next: 1 << 20 };

/** A request of a client never seen before, so that only the key matters. */
export async function knock(server: NextServer, key: string): Promise<Knock> {
  addresses.next += 1;
  const response = await ask(server, { key, ip: newAddress(addresses.next) });
  const { code } = (await response.json()) as { code?: string };
  return { status: response.status, code, degraded: response.headers.get('x-breakwater-degraded') };
}

/** The state of the circuit breaker of the middleware. */
export async function circuitOf(server: NextServer): Promise<string> {
  const response = await ask(server, { path: '/api/health' });
  return ((await response.json()) as { middleware: { state: string } }).middleware.state;
}

/** Lines of the server's output with `text` in them. */
export function linesWith(server: NextServer, text: string): readonly string[] {
  return server
    .output()
    .split('\n')
    .filter((line) => line.includes(text));
}
