import type { Redis } from 'ioredis';
import { type Clock, systemClock } from '../clock.ts';
import { ConfigError, isKvError, StoreError } from '../errors.ts';
import { abortedError } from './abort.ts';
import { isConnectionBound, runShareable } from './connection-bound.ts';
import { abandon, createRedisLink, handshake, type RedisLink } from './redis-link.ts';
import { parseRedisUrl, type RedisAddress } from './redis-url.ts';
import { closedError, shareLink } from './shared-link.ts';
import { type Command, isErrorReply, type Reply, type Store, type StoreExecuteOptions } from './store.ts';

/** PEM texts for a `rediss:` URL whose certificate the system does not know already. */
export interface RedisTlsOptions {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** The name to expect in the certificate. @default the host of the URL */
  readonly servername?: string | undefined;
}

export interface RedisStoreOptions {
  /** `redis://[user[:password]@]host[:port][/database]`, or `rediss://` for TLS. */
  readonly url: string;
  /** Bound of one attempt to connect, from the look-up of the name to the first answer of Redis. @default 2000 */
  readonly connectTimeoutMs?: number | undefined;
  readonly tls?: RedisTlsOptions | undefined;
  /** Times the attempts to connect. @default the system's */
  readonly clock?: Clock | undefined;
}

/**
 * A store on one TCP connection to one Redis. Node only; needs the package `ioredis`.
 *
 * The first request connects, and so does any request that finds the connection lost: it makes up to three attempts
 * while its signal lasts. Each `execute` is one write to the socket. Nothing is sent twice, and nothing is written for a
 * caller that has been told it failed. With Redis away it rejects with a `StoreError`: `network` (refused, reset, closed
 * half-way), `unavailable` while Redis loads its data, `auth`. There is no deadline here: give a signal.
 *
 * When a signal fires and Redis has been silent since the request was written, the connection is under suspicion: unless
 * Redis says something before, the next request opens another one.
 *
 * @example
 * ```ts
 * const store = redisStore({ url: 'redis://localhost:6379' });
 * const [count] = await store.execute([['INCR', 'visits']], { signal: AbortSignal.timeout(1000) });
 * await store.close();
 * ```
 *
 * @throws ConfigError when `url` cannot be right; from `execute` when `ioredis` is not installed.
 */
export function redisStore(options: RedisStoreOptions): Store {
  const address = parseRedisUrl(options.url);
  const { connectTimeoutMs = 2000, clock = systemClock, tls = {} } = options;
  if (!(connectTimeoutMs > 0)) throw new ConfigError('connectTimeoutMs', 'must be a positive number of milliseconds');
  const shared = shareLink((closing) => openLink({ address, connectTimeoutMs, tls, clock }, closing), clock);
  let closed: Promise<void> | undefined;

  async function execute(
    commands: readonly Command[],
    { signal, atomic = false }: StoreExecuteOptions = {},
  ): Promise<readonly Reply[]> {
    if (closed !== undefined) throw closedError();
    if (signal?.aborted) throw abortedError(signal, false);
    if (commands.length === 0) return [];
    if (!atomic) return runShareable(commands, (shareable) => ask(shareable, false, signal));
    if (!commands.some(isConnectionBound)) return ask(commands, true, signal);
    // What Redis says when it refuses to queue a command.
    return commands.map(() => ({ error: 'EXECABORT Transaction discarded because of previous errors.' }));
  }

  async function ask(commands: readonly Command[], atomic: boolean, signal: AbortSignal | undefined) {
    const link = await shared.acquire(signal);
    // Time has passed since these were last asked.
    if (closed !== undefined) throw closedError();
    if (signal?.aborted) throw abortedError(signal, false);
    if (!link.usable()) throw new StoreError('network', 'The connection closed', { mayHaveRun: false });
    if (!atomic) return link.send(commands, signal);
    const replies = await link.send([['MULTI'], ...commands, ['EXEC']], signal);
    return transactionReplies(replies, commands.length);
  }

  return {
    kind: 'redis',
    execute,
    close: () => {
      closed ??= shared.close();
      return closed;
    },
  };
}

interface OpenOptions {
  readonly address: RedisAddress;
  readonly connectTimeoutMs: number;
  readonly tls: RedisTlsOptions;
  readonly clock: Clock;
}

/** Connects, authenticates, selects the database and waits until Redis answers: a link that is usable, or an error. */
async function openLink(
  { address, connectTimeoutMs, tls, clock }: OpenOptions,
  closing: AbortSignal,
): Promise<RedisLink> {
  const redis = await createClient(address, tls);
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
    return link;
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

async function createClient(address: RedisAddress, tls: RedisTlsOptions): Promise<Redis> {
  const { Redis: Client } = await loadDriver();
  return new Client({
    host: address.host,
    port: address.port,
    ...(address.secure ? { tls: { ...tls } } : undefined),
    // RESP3 would nest and retype replies.
    protocol: 2,
    lazyConnect: true,
    // The hand-shake is done on the link: ioredis goes on in database 0 when SELECT fails, and waits by timers of its own
    // while Redis loads.
    enableReadyCheck: false,
    disableClientInfo: true,
    connectTimeout: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: null,
    retryStrategy: () => null,
  });
}

/** In a `try`, not with `.catch`: so bundlers take the package for the optional one that it is. */
async function loadDriver(): Promise<{ readonly Redis: typeof Redis }> {
  try {
    return await import('ioredis');
  } catch {
    throw new ConfigError('redisStore', 'needs the package ioredis: npm install ioredis');
  }
}

/** EXEC's array, or the one reason why there is none in place of each reply. */
function transactionReplies(replies: readonly Reply[], count: number): readonly Reply[] {
  const begun = replies[0] ?? null;
  const ended = replies.at(-1) ?? null;
  if (Array.isArray(ended) && ended.length === count) return ended;
  const refusal = [begun, ended].find(isErrorReply);
  if (refusal === undefined) throw new StoreError('protocol', 'EXEC did not answer every command');
  return Array.from({ length: count }, () => refusal);
}
