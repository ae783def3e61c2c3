import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isSameSecret } from '../../lib/client/crypto.ts';
import { isObject, readJson } from '../../lib/client/json.ts';
import { type DemoStore, OUTAGES } from './demo-store.ts';

export interface ControlPort {
  readonly url: string;
  close(): Promise<void>;
}

export interface ControlPortOptions {
  /** Shown by the application that the demo has started, and by nobody else. */
  readonly secret: string;
  readonly store: Pick<DemoStore, 'keys' | 'outage' | 'set'>;
}

const MAX_BYTES = 1_024;

/**
 * Where the application asks the demo's own process how its store stands, `GET /state`, and to change it,
 * `POST /outage` with `{"outage": "refuse"}`. On the loopback interface only. Both answer the state.
 */
export async function startControlPort({ secret, store }: ControlPortOptions): Promise<ControlPort> {
  const state = () => ({ outage: store.outage(), keys: store.keys });

  const answer = async (request: IncomingMessage): Promise<readonly [status: number, body: unknown]> => {
    const shown = /^Bearer (.{1,512})$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    if (!(await isSameSecret(shown, secret))) return [401, {}];
    if (request.method === 'GET' && request.url === '/state') return [200, state()];
    if (request.method !== 'POST' || request.url !== '/outage') return [404, {}];
    const body = readJson(await textOf(request));
    const outage = isObject(body) ? OUTAGES.find((one) => one === body.outage) : undefined;
    if (outage === undefined) return [400, {}];
    await store.set(outage);
    return [200, state()];
  };

  const server = createServer((request, response) => {
    answer(request).then(
      ([status, body]) => send(response, status, body),
      () => send(response, 500, {}),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > MAX_BYTES) return '';
  }
  return text;
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
