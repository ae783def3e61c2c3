import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What went over the wire: what was asked, and what came back, by whom it was said. */
export interface Exchange {
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly status: number;
  readonly answer: string;
}

export interface TapAnswer {
  readonly status: number;
  readonly body: string;
}

/** An HTTP server in front of a REST endpoint, that writes down what passes and can speak in its place. */
export interface RestTap {
  readonly url: string;
  readonly exchanges: readonly Exchange[];
  /** What every further request gets instead; `undefined` to let it pass. */
  answer(answer: TapAnswer | undefined): void;
  close(): Promise<void>;
}

/** As Upstash words it. */
export const WRONG_TOKEN: TapAnswer = { status: 401, body: '{"error":"WRONGPASS invalid or missing auth token"}' };

export async function startRestTap(endpointUrl: string): Promise<RestTap> {
  const exchanges: Exchange[] = [];
  let instead: TapAnswer | undefined;

  // Longer than any pause of a test: a connection that ends as it is used again would be a fault of ours.
  const server = createServer({ keepAliveTimeout: 60_000 }, async (request, response) => {
    const body = await bodyOf(request);
    const target = request.url ?? '/';
    const { status, body: answer } = instead ?? (await pass(`${endpointUrl}${target}`, request, body));
    exchanges.push({ target, headers: request.headers, body, status, answer });
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(answer);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    exchanges,
    answer(answer) {
      instead = answer;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function pass(url: string, request: IncomingMessage, body: string): Promise<TapAnswer> {
  const headers = { authorization: request.headers.authorization ?? '', 'content-type': 'application/json' };
  try {
    const response = await fetch(url, { method: request.method ?? 'POST', headers, body });
    return { status: response.status, body: await response.text() };
  } catch {
    return { status: 502, body: '' };
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
