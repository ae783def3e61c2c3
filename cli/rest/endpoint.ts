import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sha1Hex } from '../../lib/client/crypto.ts';
import { systemClock } from '../../lib/clock.ts';
import { ConfigError } from '../../lib/errors.ts';
import { connectionBoundText, isConnectionBound, runShareable } from '../../lib/store/connection-bound.ts';
import { scriptTranslationFor } from '../../lib/store/script-translation.ts';
import { type Command, isErrorReply, type Reply, type Store } from '../../lib/store/store.ts';
import { channelsIn, createEventStreams } from './event-streams.ts';
import { parseRequest, queryToken, type RestMode } from './parse.ts';
import { isPermitted, notPermittedText } from './read-only.ts';
import { Refusal } from './refusal.ts';
import { encodeReply } from './reply.ts';

export interface RestEndpointOptions {
  /** Where commands go. It is not closed with the endpoint. */
  readonly store: Store;
  readonly token: string;
  /** A second token, which may only read. @default none */
  readonly readOnlyToken?: string | undefined;
  /** @default '127.0.0.1' */
  readonly host?: string | undefined;
  /** @default 0, any free port */
  readonly port?: number | undefined;
}

export interface RestEndpoint {
  readonly url: string;
  readonly port: number;
  /** HTTP requests whose commands were handed to the store so far. */
  requests(): number;
  /** Refuses new requests and gives those under way a second. */
  close(): Promise<void>;
}

type Role = 'owner' | 'reader';

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const CLOSE_MS = 1000;
const MAX_HEADER_BYTES = 16 * 1024;
/** Upstash's wording. */
const UNAUTHORIZED = 'WRONGPASS invalid or missing auth token';

/**
 * Serves any store over the REST protocol of Upstash, for development and tests: `@upstash/redis` and
 * `@upstash/ratelimit` work on it unchanged. A store that fails is answered with 503 and without its reasons.
 *
 * @throws ConfigError for an empty token, and the error of the socket when the port cannot be had.
 */
export async function startRestEndpoint(options: RestEndpointOptions): Promise<RestEndpoint> {
  const { store, token, readOnlyToken, host = '127.0.0.1', port = 0 } = options;
  if (token === '') throw new ConfigError('token', 'must not be empty');
  if (readOnlyToken === '') throw new ConfigError('readOnlyToken', 'must not be empty');
  const scripts = scriptTranslationFor(store.kind, sha1Hex);
  const streams = createEventStreams(store);
  let requests = 0;

  async function run(commands: readonly Command[], mode: RestMode, signal: AbortSignal): Promise<readonly Reply[]> {
    const bound = commands.find(isConnectionBound);
    if (bound !== undefined && mode !== 'pipeline') throw new Refusal(400, connectionBoundText(bound));
    requests += 1;
    return scripts.run(commands, (translated) =>
      runShareable(translated, (shareable) => execute(shareable, mode === 'multi-exec', signal)),
    );
  }

  async function execute(commands: readonly Command[], atomic: boolean, signal: AbortSignal) {
    try {
      return await store.execute(commands, { atomic, signal });
    } catch {
      throw new Refusal(503, 'ERR the store behind this endpoint is unavailable');
    }
  }

  async function answer(request: IncomingMessage, role: Role, signal: AbortSignal): Promise<Answer> {
    const { mode, commands } = await parseRequest(request);
    const forbidden = role === 'reader' ? commands.find((command) => !isPermitted(command)) : undefined;
    if (forbidden !== undefined) throw new Refusal(400, notPermittedText(forbidden));
    const replies = await run(commands, mode, signal);
    const base64 = request.headers['upstash-encoding'] === 'base64';
    const discarded = mode === 'pipeline' ? undefined : discardedAsWhole(replies, mode);
    if (discarded !== undefined) throw new Refusal(400, discarded);
    const items = replies.map((reply) => encodeReply(reply, base64));
    return { status: 200, body: mode === 'single' ? items[0] : items };
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    // A batch that still waits for its connection must not run for a client that left.
    response.on('close', () => gone.abort());
    try {
      const role = roleOf(request, token, readOnlyToken);
      if (role === undefined) throw new Refusal(401, UNAUTHORIZED);
      const channels = channelsIn(request.url ?? '/');
      if (channels !== undefined) {
        if (role === 'reader') throw new Refusal(400, notPermittedText(['SUBSCRIBE']));
        await streams.serve(channels, request, response);
        return;
      }
      const { status, body } = await answer(request, role, gone.signal);
      response.setHeader('upstash-sync-token', Buffer.from(`local:${requests}`).toString('base64'));
      end(request, response, status, body);
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal(500, 'ERR internal error');
      if (refusal.allow !== undefined) response.setHeader('allow', refusal.allow);
      end(request, response, refusal.status, { error: refusal.message });
    }
  }

  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: 60_000 }, (request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  await listen(server, host, port);
  const { port: actualPort } = server.address() as AddressInfo;
  let closed: Promise<void> | undefined;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${actualPort}`,
    port: actualPort,
    requests: () => requests,
    close: () => {
      streams.close();
      closed ??= stop(server);
      return closed;
    },
  };
}

function end(request: IncomingMessage, response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent || response.destroyed) return;
  const text = JSON.stringify(body);
  if (!request.complete) {
    // What is still on its way of a refused body is dropped: closing on unread bytes would reset the answer away.
    response.setHeader('connection', 'close');
    request.resume();
  }
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(request.method === 'HEAD' ? undefined : text);
}

/** The error of a single command, or that of a transaction of which nothing ran. */
function discardedAsWhole(replies: readonly Reply[], mode: RestMode): string | undefined {
  const [first = null] = replies;
  if (!isErrorReply(first)) return undefined;
  const isWhole = mode === 'single' || first.error.startsWith('EXECABORT');
  return isWhole ? first.error : undefined;
}

function roleOf(request: IncomingMessage, token: string, readOnlyToken: string | undefined): Role | undefined {
  const bearer = /^bearer (.*)$/i.exec(request.headers.authorization ?? '')?.[1];
  const given = bearer ?? queryToken(request.url ?? '/') ?? '';
  const isOwner = isSame(given, token);
  const isReader = readOnlyToken !== undefined && isSame(given, readOnlyToken);
  return isOwner ? 'owner' : isReader ? 'reader' : undefined;
}

/** In constant time: digests have one length. */
function isSame(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const stopClock = systemClock.after(CLOSE_MS, () => server.closeAllConnections());
    server.close(() => {
      stopClock();
      resolve();
    });
    server.closeIdleConnections();
  });
}
