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

/** Where no middleware runs in front the header is its sender's own, and is told to nobody else. */
function readSnapshot(header: string | null): CircuitBreakerState | null {
  if (header === null) return null;
  try {
    const snapshot = JSON.parse(header) as CircuitBreakerState | null;
    if (!snapshot || !['CLOSED', 'OPEN', 'HALF_OPEN'].includes(snapshot.state)) return null;
    return { ...snapshot, isHealthy: snapshot.state !== 'OPEN' };
  } catch {
    return null;
  }
}
