import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { PGlite } from '@electric-sql/pglite';

export interface PostgresWire {
  readonly url: string;
  /** Connections that are open now. */
  readonly connections: number;
  /** Breaks all connections, and refuses new ones from now on. */
  goAway(): void;
  comeBack(): void;
  close(): Promise<void>;
}

const SSL_REQUEST = 80_877_103;
const [SYNC, QUERY, TERMINATE] = ['S', 'Q', 'X'].map((letter) => letter.charCodeAt(0));

/** A PostgreSQL in memory behind the protocol of a real one, on loopback: several connections, which share its one session. */
export async function startPostgresWire(database: PGlite): Promise<PostgresWire> {
  const sockets = new Set<Socket>();
  let isAway = false;
  let turn: Promise<unknown> = Promise.resolve();
  const server = createServer((socket) => {
    if (isAway) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    // Statements of one connection never come between those of another.
    const run = (messages: Buffer) => {
      turn = turn
        .then(async () => socket.write(await database.execProtocolRaw(messages)))
        .catch(() => socket.destroy());
    };
    let received = Buffer.alloc(0);
    let hasBegun = false;
    socket.on('data', (data) => {
      received = Buffer.concat([received, data]);
      if (!hasBegun) {
        if (received.length < 8 || received.length < received.readInt32BE(0)) return;
        const code = received.readInt32BE(4);
        received = received.subarray(received.readInt32BE(0));
        if (code === SSL_REQUEST) socket.write('N');
        else {
          hasBegun = true;
          socket.write(GREETING);
        }
      }
      for (let end = endOfWork(received); end > 0; end = endOfWork(received)) {
        const work = received.subarray(0, end);
        received = received.subarray(end);
        if (work[0] === TERMINATE) socket.end();
        else run(work);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const hangUp = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    get connections() {
      return sockets.size;
    },
    goAway() {
      isAway = true;
      hangUp();
    },
    comeBack() {
      isAway = false;
    },
    async close() {
      hangUp();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Where the first piece of work ends that is whole: a simple query, all up to a sync, or a farewell; 0 for none. */
function endOfWork(received: Buffer): number {
  for (let at = 0; at + 5 <= received.length; ) {
    const end = at + 1 + received.readInt32BE(at + 1);
    if (end > received.length) return 0;
    const type = received[at];
    if (type === SYNC || type === QUERY || type === TERMINATE) return end;
    at = end;
  }
  return 0;
}

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** Nobody has to say who he is; what drivers want to know; ready. */
const GREETING = Buffer.concat([
  message('R', Buffer.alloc(4)),
  ...['server_version\0 17.0\0', 'client_encoding\0UTF8\0', 'DateStyle\0ISO, MDY\0'].map((text) =>
    message('S', Buffer.from(text)),
  ),
  message('Z', Buffer.from('I')),
]);
