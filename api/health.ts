import { type CircuitBreakerState, getCircuitBreakerState } from '../lib/kv.ts';
import { CIRCUIT_HEADER } from '../lib/next/index.ts';

/**
 * Liveness, and both circuit breakers: the middleware and the handlers live in different memories, so the middleware
 * passes a snapshot of its own on. No I/O; 200 as long as the process answers, because it does its work without Redis.
 */
export async function GET(request: Request): Promise<Response> {
  const handler = getCircuitBreakerState();
  const middleware = readSnapshot(request.headers.get(CIRCUIT_HEADER));
  const healthy = handler.state === 'CLOSED' && (middleware === null || middleware.state === 'CLOSED');
  const body = { status: healthy ? 'ok' : 'degraded', middleware, handler };
  return Response.json(body, { headers: { 'cache-control': 'no-store' } });
}

function readSnapshot(header: string | null): (CircuitBreakerState & { readonly isHealthy: boolean }) | null {
  if (header === null) return null;
  const snapshot = JSON.parse(header) as CircuitBreakerState;
  return { ...snapshot, isHealthy: snapshot.state !== 'OPEN' };
}
