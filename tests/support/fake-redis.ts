import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

export interface FakeRedis {
  /** `127.0.0.1:port` */
  readonly name: string;
  readonly port: number;
  /** Every command as it came, in capitals and with its arguments. */
  readonly received: string[];
  readonly sockets: Socket[];
  stop(): void;
}

/** Speaks as much of RESP as a store needs. `answer` gives the bytes of a reply, or nothing to stay silent. */
export async function fakeRedis(
  answer: (command: string, socket: Socket, name: string) => string | undefined,
): Promise<FakeRedis> {
  const received: string[] = [];
  const sockets: Socket[] = [];
  let name = '';
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      for (const words of chunk
        .toString()
        .split(/\*\d+\r\n/)
        .slice(1)) {
        const command = words
          .replace(/\$\d+\r\n/g, '')
          .trim()
          .replaceAll('\r\n', ' ');
        received.push(command);
        const reply = answer(command, socket, name);
        if (reply !== undefined && !socket.destroyed) socket.write(reply);
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  name = `127.0.0.1:${port}`;
  const stop = (): void => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { name, port, received, sockets, stop };
}

/** A sentinel that names the Redis at `port` for any primary, or knows of none where that gives nothing. */
export function fakeSentinel(port: () => number | undefined): Promise<FakeRedis> {
  return fakeRedis((command) => {
    if (command === 'PING') return '+PONG\r\n';
    const named = port();
    if (named === undefined) return '*-1\r\n';
    return `*2\r\n$9\r\n127.0.0.1\r\n$${String(named).length}\r\n${named}\r\n`;
  });
}

/** The reply to CLUSTER SLOTS of a Cluster that is this one node. */
export function allSlotsAt(port: number): string {
  return `*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:${port}\r\n`;
}
