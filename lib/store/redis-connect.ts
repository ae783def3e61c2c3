import type { Clock } from '../clock.ts';
import { isKvError, StoreError } from '../errors.ts';
import { abandon, createRedisLink, handshake, type RedisClient, type RedisLink } from './redis-link.ts';
import type { RedisAddress } from './redis-url.ts';
import { closedError } from './shared-link.ts';

/** A client of the driver's that has not connected yet. */
export interface UnconnectedClient extends RedisClient {
  connect(): Promise<unknown>;
}

export interface Connector {
  readonly createClient: (address: RedisAddress) => Promise<UnconnectedClient>;
  /** Bound of one attempt, from the look-up of the name to the end of what `use` does. */
  readonly connectTimeoutMs: number;
  readonly clock: Clock;
}

/** Connects, authenticates, selects the database and waits until Redis answers: a link that is usable, or an error. */
export function openLink(connector: Connector, address: RedisAddress, closing: AbortSignal): Promise<RedisLink> {
  return connectFor(connector, address, closing, async (link) => link);
}

/**
 * As {@link openLink}, but for what `use` makes of the link before anybody else has it. Cuts the connection when that
 * fails.
 *
 * @throws StoreError that says `mayHaveRun: false`, ConfigError
 */
export async function connectFor<T>(
  { createClient, connectTimeoutMs, clock }: Connector,
  address: RedisAddress,
  closing: AbortSignal,
  use: (link: RedisLink) => Promise<T>,
): Promise<T> {
  const redis = await createClient(address);
  let failure: unknown;
  redis.on('error', (error: unknown) => {
    failure ??= error;
  });
  const giveUp = (): void => abandon(redis);
  const stopClock = clock.after(connectTimeoutMs, giveUp);
  closing.addEventListener('abort', giveUp);
  try {
    if (closing.aborted) throw closedError();
    await redis.connect();
    const link = createRedisLink(redis, clock);
    await handshake(link, address);
    return await use(link);
  } catch (error) {
    abandon(redis);
    if (closing.aborted) throw closedError();
    if (isKvError(error) && !(error.code === 'STORE' && error.kind === 'network')) throw error;
    throw new StoreError('network', 'No connection to Redis', { cause: failure ?? error, mayHaveRun: false });
  } finally {
    stopClock();
    closing.removeEventListener('abort', giveUp);
  }
}
