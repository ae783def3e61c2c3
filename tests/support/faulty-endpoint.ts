import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FaultyAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface FaultyEndpoint {
  readonly url: string;
  requests(): number;
  /** What every further request gets. */
  answer(answer: FaultyAnswer): void;
  close(): Promise<void>;
}

/** An HTTP server that says what it was told to say, whatever it is asked. */
export async function startFaultyEndpoint(): Promise<FaultyEndpoint> {
  let current: FaultyAnswer = { body: '[]' };
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    request.resume();
    response.writeHead(current.status ?? 200, current.headers);
    response.end(current.body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: () => requests,
    answer(answer) {
      current = answer;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
