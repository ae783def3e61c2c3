import { KV_PREFIXES } from './client/redis-keys.ts';
import { getDefaults } from './default-client.ts';
import { isKvError } from './errors.ts';
import { logFailure } from './log.ts';
import type { CircuitSnapshot } from './resilience/circuit.ts';

export { createKv, type KvClient, type KvOptions } from './client/kv-client.ts';
export { buildKey } from './client/redis-keys.ts';
export { KV_PREFIXES };

/** The state of the default client's circuit breaker, for a health endpoint. This process only. */
export interface CircuitBreakerState extends CircuitSnapshot {
  /** `false` only while the circuit is OPEN. */
  readonly isHealthy: boolean;
}

/** The value under `key`; `null` also while the store is away: the `get` of a client tells these apart. One request. */
export function kvGet<T>(key: string, prefix = ''): Promise<T | null> {
  return safely('get', null, () => getDefaults().kv.get<T>(prefix + key));
}

/** Whether the value was stored, for `ttlSeconds`. One request. */
export function kvSet<T>(key: string, value: T, ttlSeconds: number, prefix = ''): Promise<boolean> {
  return safely('set', false, () => getDefaults().kv.set(prefix + key, value, { ttlMs: ttlSeconds * 1_000 }));
}

/** Whether there was something to delete. One request. */
export function kvDelete(key: string, prefix = ''): Promise<boolean> {
  return safely('delete', false, () => getDefaults().kv.delete(prefix + key));
}

/**
 * Counts up under `ratelimit:` and answers the new count; `null` while the store is away. One request: INCR and EXPIRE NX.
 * The first hit sets the time to live, later ones never push it back, and a counter found without one is repaired.
 *
 * @throws ConfigError unless `ttlSeconds` is a whole number of at least 1.
 */
export function kvIncr(key: string, ttlSeconds: number): Promise<number | null> {
  return safely('increment', null, () => getDefaults().kv.incr(KV_PREFIXES.RATE_LIMIT + key, ttlSeconds));
}

/** Seconds left; -1 without expiry, -2 without a key, `null` while the store is away. One request. */
export function kvTTL(key: string, prefix = ''): Promise<number | null> {
  return safely('read the TTL', null, () => getDefaults().kv.ttl(prefix + key));
}

/** The values in the order of `keys`; `null` where there is none, and everywhere while the store is away. One request. */
export function kvMGet<T>(keys: readonly string[], prefix = ''): Promise<(T | null)[]> {
  const nothing = keys.map(() => null);
  return safely<(T | null)[]>('get', nothing, () => getDefaults().kv.mget<T>(keys.map((key) => prefix + key)));
}

/** `false` only while the circuit is OPEN. No I/O. */
export function isKVHealthy(): boolean {
  return getDefaults().kv.circuit.state().state !== 'OPEN';
}

/** No I/O. */
export function getCircuitBreakerState(): CircuitBreakerState {
  const snapshot = getDefaults().kv.circuit.state();
  return { ...snapshot, isHealthy: snapshot.state !== 'OPEN' };
}

/** Back to CLOSED, in a new epoch: what is still under way no longer counts. */
export function resetCircuitBreaker(): void {
  getDefaults().kv.circuit.reset();
}

/** As {@link kvGet}, and never throws. */
export const kvSafeGet = <T>(key: string): Promise<T | null> => never(null, () => kvGet<T>(key));

/** Stores with a TTL in seconds (`ex`) or milliseconds (`px`), or for good. Never throws. One request. */
export const kvSafeSet = (
  key: string,
  value: unknown,
  { ex, px }: { readonly ex?: number | undefined; readonly px?: number | undefined } = {},
): Promise<boolean> =>
  never(false, () =>
    safely('set', false, () =>
      getDefaults().kv.set(key, value, { ttlMs: px ?? (ex === undefined ? undefined : ex * 1_000) }),
    ),
  );

/** As {@link kvIncr}, and never throws. */
export const kvSafeIncr = (key: string, ttlSeconds: number): Promise<number | null> =>
  never(null, () => kvIncr(key, ttlSeconds));

/** `fallback` when the store is away or refuses the command; a wrong argument is thrown. */
async function safely<T>(operation: string, fallback: T, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isKvError(error) || error.code === 'CONFIG') throw error;
    // While the circuit is open the one line of its opening has said it.
    if (error.code !== 'CIRCUIT_OPEN') getDefaults().logFailure(operation, error);
    return fallback;
  }
}

async function never<T>(fallback: T, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    logFailure('execute', error);
    return fallback;
  }
}
