import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { ConsoleSnapshot } from '../../api/_console/snapshot.ts';
import { eventually } from './eventually.ts';

/** The looks of a test in front of a real Next, which serves all the rest. */
export interface FakeConsole {
  readonly url: string;
  /** What the next stream begins with, and, until there is a later look, who polls is told the last of. */
  history: readonly ConsoleSnapshot[];
  /** To every stream that is open, and to whoever polls from now on. */
  look(look: ConsoleSnapshot): void;
  /** What `/api/console/*` answers instead: `silent` opens a stream and sends nothing. `undefined` is as usual. */
  answer: number | 'silent' | undefined;
  /** Streams that are open. */
  readonly streams: () => number;
  /** Headers of the requests for looks. */
  readonly asked: readonly IncomingMessage['headers'][];
  /** Ends all that is open, and listens no more; `start` listens on the same port again. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** @param next the URL of a Next that is running */
export async function startFakeConsole(next: string): Promise<FakeConsole> {
  const open = new Set<ServerResponse>();
  const asked: IncomingMessage['headers'][] = [];
  let server: Server | undefined;
  let port = 0;
  let history: readonly ConsoleSnapshot[] = [];
  let last: ConsoleSnapshot | undefined;

  const stream = (response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    open.add(response);
    response.once('close', () => open.delete(response));
    if (fake.answer === 'silent') response.flushHeaders();
    else response.write(eventOf('history', history));
  };

  const answerLooks = (path: string, response: ServerResponse): void => {
    if (typeof fake.answer === 'number') response.writeHead(fake.answer).end();
    else if (path === '/api/console/stream') stream(response);
    else {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(last ?? history.at(-1)));
    }
  };

  const handle = (incoming: IncomingMessage, response: ServerResponse): void => {
    const path = incoming.url ?? '/';
    if (path.startsWith('/api/console/')) {
      asked.push(incoming.headers);
      answerLooks(path, response);
    } else forward(next, incoming, response);
  };

  const fake = {
    get history() {
      return history;
    },
    set history(looks) {
      history = looks;
      last = undefined;
    },
    answer: undefined as FakeConsole['answer'],
    asked,
    streams: () => open.size,
    get url() {
      return `http://localhost:${port}`;
    },
    look(look: ConsoleSnapshot) {
      last = look;
      if (fake.answer === undefined) for (const response of open) response.write(eventOf('snapshot', look));
    },
    async stop() {
      const stopped = new Promise((resolve) => server?.close(resolve));
      server?.closeAllConnections();
      await stopped;
    },
    async start() {
      server = createServer(handle);
      server.listen(port, '127.0.0.1');
      await eventually(() => server?.listening === true);
      const address = server.address();
      if (typeof address === 'object' && address) port = address.port;
    },
  };
  await fake.start();
  return fake;
}

function eventOf(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

function forward(next: string, incoming: IncomingMessage, response: ServerResponse): void {
  const { method, headers, url = '/' } = incoming;
  const onward = request(new URL(url, next.replace('localhost', '127.0.0.1')), { method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  incoming.pipe(onward);
}
