import { Redis, type Requester, type UpstashRequest, type UpstashResponse } from '@upstash/redis';
import { type CommandError, ConfigError, isKvError, StoreError } from '../errors.ts';
import { connectionBoundText } from '../store/connection-bound.ts';
import { scriptTranslationFor } from '../store/script-translation.ts';
import type { Command } from '../store/store.ts';
import type { Result, Value } from './call.ts';
import { refusalText, replyError } from './classify.ts';
import { sha1Hex } from './crypto.ts';
import type { KvClient } from './kv-client.ts';

/** As those of `@upstash/redis`, as far as they concern what is answered. */
export interface CreateRedisOptions {
  /** Shorter than the client's `requestTimeoutMs`, in milliseconds. @default the client's */
  readonly timeoutMs?: number | undefined;
  /**
   * Commands carry whole keys, so the client's `namespace` is not put before them. A client that has one is refused
   * unless this says that you know. @default false
   */
  readonly ignoreNamespace?: boolean | undefined;
}

/** What a request of theirs is answered with, command by command. */
type Answer = UpstashResponse<Value>;

/**
 * The `Redis` of `@upstash/redis`, and what is built on it such as `@upstash/ratelimit`, on any store: all commands,
 * `pipeline()`, `multi()` and scripts go through `kv`, with its breaker, its deadline and its batching. Needs the package
 * `@upstash/redis`.
 *
 * What is issued in one turn leaves as one request. Nothing is retried, and no telemetry is sent. Scripts that carry
 * Upstash's own flag `allow-key-locking` run on every Redis. On memory the commands of docs/redis.md work, and scripts
 * where `memoryStore` was given a Lua engine.
 *
 * With Redis away a call rejects with our own error, within the client's deadline, and without asking while the circuit
 * is open: `CircuitOpenError`, `DeadlineError`, `StoreError`; so does a pipeline of which Redis could not serve one
 * command. A command that Redis refuses rejects with a `CommandError`; within a pipeline it is what `@upstash/redis`
 * makes of it. Subscriptions, which need a connection, are refused.
 *
 * @throws ConfigError for a client with a namespace, unless `ignoreNamespace`, and for a `timeoutMs` below 1.
 *
 * @example
 * ```ts
 * import { Ratelimit } from '@upstash/ratelimit';
 *
 * const redis = createRedis(createKv({ store: redisStore({ url: 'redis://localhost' }) }));
 * await redis.set('greeting', { hello: 'world' }, { ex: 60 }); // 'OK'
 * const limit = new Ratelimit({ redis, limiter: Ratelimit.slidingWindow(10, '10 s') });
 * ```
 */
export function createRedis(kv: KvClient, { timeoutMs, ignoreNamespace = false }: CreateRedisOptions = {}): Redis {
  if (kv.namespace !== '' && !ignoreNamespace) {
    throw new ConfigError('namespace', 'is not put before the keys of @upstash/redis: ignoreNamespace accepts that');
  }
  if (timeoutMs !== undefined && !(timeoutMs >= 1)) {
    throw new ConfigError('timeoutMs', `must be a number of milliseconds of at least 1, got ${timeoutMs}`);
  }
  return new Redis(requester(kv, timeoutMs));
}

/** Their seam: `request` is all that they ask of a connection. A plain object, because their `use` replaces it. */
function requester(kv: KvClient, timeoutMs: number | undefined): Requester {
  const scripts = scriptTranslationFor(kv.storeKind, sha1Hex);

  const answer = async ({ path = [], body, signal }: UpstashRequest): Promise<Answer | readonly Answer[]> => {
    const [mode] = path;
    const isBatch = mode === 'pipeline' || mode === 'multi-exec';
    // Subscriptions name themselves in the path.
    if (mode !== undefined && !isBatch) throw replyError({ error: connectionBoundText([mode]) });
    const commands = isBatch ? listOf(body).map(toCommand) : [toCommand(body)];
    const atomic = mode === 'multi-exec';
    const results = await scripts.run(commands, (translated) => kv.execute(translated, { atomic, signal, timeoutMs }));
    const [first = null] = results;
    if (!isBatch || isDiscarded(first)) return { result: valueOrThrow(first) };
    return results.map(toItem);
  };

  return {
    async request<T>(request: UpstashRequest) {
      // The type of an answer is their claim about their own command.
      return (await answer(request)) as UpstashResponse<T>;
    },
  };
}

/** @throws the error that `result` is */
function valueOrThrow(result: Result): Value {
  if (result instanceof Error) throw result;
  return result;
}

/** A refused command is an item of the answer; that Redis cannot serve concerns the whole call. */
function toItem(result: Result): Answer {
  if (isKvError(result) && result.code === 'COMMAND') return { error: refusalText(result) };
  return { result: valueOrThrow(result) };
}

/** A transaction of which nothing ran. */
function isDiscarded(result: Result): result is CommandError {
  return isKvError(result) && result.code === 'COMMAND' && result.replyCode === 'EXECABORT';
}

function toCommand(body: unknown): Command {
  const [name, ...args] = listOf(body).map(argumentText);
  if (name === undefined) throw malformed();
  return [name, ...args];
}

function listOf(body: unknown): readonly unknown[] {
  if (Array.isArray(body)) return body;
  throw malformed();
}

/** Their requests are JSON, so that is what numbers, booleans and `undefined` become. */
function argumentText(argument: unknown): string {
  return typeof argument === 'string' ? argument : (JSON.stringify(argument) ?? 'null');
}

/** Never from their own code; a middleware given to `use` may have changed the request. */
function malformed(): StoreError {
  return new StoreError('local', 'The request is not a command', { mayHaveRun: false });
}
