import type { Clock } from '../clock.ts';
import { ConfigError, StoreError } from '../errors.ts';
import { abortedError, untilAborted } from './abort.ts';
import type { RedisAddress } from './redis-url.ts';
import { problemOf } from './reply-problem.ts';
import type { Link } from './shared-link.ts';
import { type Command, type ErrorReply, isErrorReply, type Reply } from './store.ts';
import { endOnStrayReply, type ReplyReader } from './stray-replies.ts';

/** As much of an ioredis client as one connection takes. */
export interface RedisClient extends ReplyReader {
  readonly status: string;
  /** `undefined` until the client connects, whatever its own type says. */
  readonly stream: RedisSocket | undefined;
  pipeline(): RedisPipeline;
  subscribe(...channels: string[]): Promise<unknown>;
  unsubscribe(...channels: string[]): Promise<unknown>;
  ping(): Promise<unknown>;
  on(event: 'messageBuffer', heard: (channel: Uint8Array, payload: Uint8Array) => void): unknown;
  on(event: 'end', ended: () => void): unknown;
  on(event: 'error', heard: (error: unknown) => void): unknown;
  disconnect(): void;
  quit(): Promise<unknown>;
}

interface RedisSocket {
  readonly writable: boolean;
  readonly writableLength: number;
  on(event: 'data', heard: () => void): unknown;
  prependListener(event: 'data', heard: () => void): unknown;
  destroy(): unknown;
}

interface RedisPipeline {
  callBuffer(name: string, args: string[]): unknown;
  exec(): Promise<[error: Error | null, result: unknown][] | null>;
}

export interface RedisLink extends Link {
  /** Writes all commands at once, before it returns. @throws StoreError `network` or `aborted`, both `mayHaveRun` */
  send(commands: readonly Command[], signal: AbortSignal | undefined): Promise<readonly Reply[]>;
  /** Makes a link of it that hears channels, and is good for nothing else. */
  listen(told: (channel: string, text: string) => void): Listening;
}

/** A link that listens. */
export interface Listening {
  /** Resolves when the channels are heard. @throws StoreError */
  subscribe(channels: readonly string[]): Promise<void>;
  unsubscribe(channels: readonly string[]): void;
  /** Asks Redis to say something. */
  ping(): void;
  /** Counts what came in: it lives where this grows. */
  heard(): number;
  /** Resolves when the connection is over. */
  readonly ended: Promise<void>;
}

const QUIT_MS = 1000;

/** A link on a client that is connected, and that is used for nothing else. A new connection takes a new client. */
export function createRedisLink(client: RedisClient, clock: Clock): RedisLink {
  let heard = 0;
  let waiting = 0;
  let suspect = false;
  let retired = false;

  client.stream?.on('data', () => {
    heard += 1;
    suspect = false;
  });
  if (client.stream) endOnStrayReply(client, client.stream, () => abandon(client));

  /**
   * Silence for as long as the caller waited: a black hole, a stopped Redis, or merely an impatient caller. Others may
   * still get their replies on it, so it is only left, not cut, unless a part of what the caller gave up is still here:
   * that must not be written any more.
   */
  function giveUp(signal: AbortSignal, heardBefore: number): StoreError {
    if (heard === heardBefore) {
      suspect = true;
      if ((client.stream?.writableLength ?? 0) > 0) abandon(client);
    }
    return abortedError(signal, true);
  }

  async function send(commands: readonly Command[], signal: AbortSignal | undefined): Promise<readonly Reply[]> {
    const heardBefore = heard;
    waiting += 1;
    try {
      const replies = write(client, commands);
      return await untilAborted(replies, signal, (fired) => giveUp(fired, heardBefore));
    } finally {
      waiting -= 1;
      if (retired && waiting === 0) abandon(client);
    }
  }

  function listen(told: (channel: string, text: string) => void): Listening {
    client.on('messageBuffer', (channel, payload) => told(decoder.decode(channel), decoder.decode(payload)));
    const ended = new Promise<void>((resolve) => client.on('end', resolve));
    return {
      subscribe: async (channels) => {
        await client.subscribe(...channels).catch((error: Error) => {
          throw error.name === 'ReplyError' ? refusedToListen(error) : brokenOff(error);
        });
      },
      unsubscribe: (channels) => void client.unsubscribe(...channels).catch(() => undefined),
      ping: () => void client.ping().catch(() => undefined),
      heard: () => heard,
      ended,
    };
  }

  return {
    send,
    listen,
    usable: () => client.status === 'ready' && client.stream?.writable === true && !suspect && !retired,
    retire: () => {
      retired = true;
      if (waiting === 0) abandon(client);
    },
    close: async () => {
      retired = true;
      if (client.status === 'ready' && !suspect) {
        const stopClock = clock.after(QUIT_MS, () => abandon(client));
        // Answered after everything that is still out.
        await client.quit().catch(() => undefined);
        stopClock();
      }
      abandon(client);
    },
  };
}

/** Cuts the connection. What waits on it rejects. */
export function abandon(client: RedisClient): void {
  // ioredis would hold the process for two seconds to cut what is cut already.
  if (client.status === 'end') return;
  client.disconnect();
  client.stream?.destroy();
}

/** @throws StoreError `auth` or `unavailable`, ConfigError when there is no such database. */
export async function handshake(link: RedisLink, address: RedisAddress): Promise<void> {
  const { username, password, database, databaseSetting = 'url' } = address;
  const commands: Command[] = [];
  if (password !== undefined) commands.push(username === undefined ? ['AUTH', password] : ['AUTH', username, password]);
  if (database !== 0) commands.push(['SELECT', database]);
  commands.push(['PING']);
  const refusal = (await link.send(commands, undefined)).find(isRefusal);
  if (refusal === undefined) return;
  if (/^(WRONGPASS|NOAUTH|NOPERM|DENIED|ERR invalid password)/.test(refusal.error)) {
    throw new StoreError('auth', 'Redis refuses the credentials', { mayHaveRun: false });
  }
  if (/DB index is out of range/.test(refusal.error))
    throw new ConfigError(databaseSetting, 'names a database that is not there');
  throw new StoreError('unavailable', 'Redis is there but does not serve', { mayHaveRun: false });
}

function isRefusal(reply: Reply): reply is ErrorReply {
  if (!isErrorReply(reply)) return false;
  // A password that nobody asked for, a user who may do what he needs but not PING, and a Redis that cannot save and so
  // refuses PING along with all writes, but still reads: none is a reason to stop.
  return !/no password is set|without any password configured|^NOPERM.*'ping'|^MISCONF /.test(reply.error);
}

async function write(client: RedisClient, commands: readonly Command[]): Promise<readonly Reply[]> {
  const pipeline = client.pipeline();
  for (const [name, ...args] of commands) {
    // ioredis reshapes the replies to names that it knows, and it knows them in lower case.
    pipeline.callBuffer(name.toUpperCase(), args.map(String));
  }
  const results = (await pipeline.exec()) ?? [];
  return results.map(([error, result]) => {
    if (error !== null && error.name !== 'ReplyError') throw brokenOff(error);
    return toReply(error ?? result);
  });
}

// A byte order mark is a part of a value like any other.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Texts come as bytes, so a string is an integer: see `stringNumbers`. */
function toReply(value: unknown): Reply {
  if (value instanceof Uint8Array) return decoder.decode(value);
  if (typeof value === 'string') return Number(value);
  if (value instanceof Error) return { error: value.message };
  if (Array.isArray(value)) return value.map(toReply);
  return null;
}

/** Redis quotes the channel: its words are not kept. */
function refusedToListen({ message }: Error): StoreError {
  const isDenied = problemOf(message) === 'auth';
  const text = isDenied ? 'Redis denies a channel' : 'Redis refuses to subscribe';
  return new StoreError(isDenied ? 'auth' : 'unavailable', text, { mayHaveRun: false });
}

function brokenOff(error: Error): StoreError {
  // ioredis hangs the command with its arguments on the error: only the text is kept.
  return new StoreError('network', 'The connection closed before Redis answered', { cause: new Error(error.message) });
}
