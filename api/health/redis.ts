import { buildKey, getCircuitBreakerState, kvGet, kvSet } from '../../lib/kv.ts';
import { withRateLimit } from '../../lib/rate-limit.ts';

/**
 * Whether Redis takes a value and gives it back. Three requests to Redis, one of them for the limit: everybody may ask,
 * without a key, so not more than once a second. 503 when Redis does not answer.
 */
export const GET = withRateLimit(checkRedis, { name: 'health-redis', limit: 60, windowMs: 60_000 });

async function checkRedis(): Promise<Response> {
  const key = buildKey('health', crypto.randomUUID());
  const startedAt = performance.now();
  const written = await kvSet(key, startedAt, 10);
  const works = written && (await kvGet<number>(key)) === startedAt;
  const latencyMs = Math.round((performance.now() - startedAt) * 100) / 100;
  const { state } = getCircuitBreakerState();
  const body = { status: works ? 'ok' : 'unavailable', latencyMs: works ? latencyMs : null, circuit: state };
  return Response.json(body, { status: works ? 200 : 503, headers: { 'cache-control': 'no-store' } });
}
