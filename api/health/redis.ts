import { buildKey, getCircuitBreakerState, kvGet, kvSet } from '../../lib/kv.ts';

/** Whether Redis takes a value and gives it back. Two requests to Redis; 503 when it does not. */
export async function GET(): Promise<Response> {
  const key = buildKey('health', crypto.randomUUID());
  const startedAt = performance.now();
  const written = await kvSet(key, startedAt, 10);
  const works = written && (await kvGet<number>(key)) === startedAt;
  const latencyMs = Math.round((performance.now() - startedAt) * 100) / 100;
  const { state } = getCircuitBreakerState();
  const body = { status: works ? 'ok' : 'unavailable', latencyMs: works ? latencyMs : null, circuit: state };
  return Response.json(body, { status: works ? 200 : 503, headers: { 'cache-control': 'no-store' } });
}
