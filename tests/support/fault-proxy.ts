import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** What a network can do to a connection. Holds for open connections too, from the moment it is set. */
export type Fault =
  | 'pass'
  /** Nobody listens, and open connections are reset. */
  | 'refuse'
  /** Accepts and swallows; the target hears nothing. */
  | 'black-hole'
  /** Lets the head of an HTTP answer through and nothing of its body. */
  | 'stall-body'
  /** The target hears everything, the client nothing more. */
  | 'drop-replies'
  /** Answers come this much later, in milliseconds. */
  | { readonly slowMs: number }
  /** So many further bytes of answers, then silence. */
  | { readonly stallAfter: number }
  /** So many further bytes of answers, then a reset. */
  | { readonly cutAfter: number };

export interface FaultProxy {
  readonly port: number;
  /** Connections accepted so far. */
  connections(): number;
  set(fault: Fault): Promise<void>;
  close(): Promise<void>;
}

/** A TCP proxy on a free loopback port, in front of another port of this machine. */
export async function startFaultProxy(targetPort: number): Promise<FaultProxy> {
  let fault: Fault = 'pass';
  let accepted = 0;
  /** Bytes of answers since the fault was set. */
  let answered = 0;
  const open = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();

  const track = (socket: Socket) => {
    open.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
  };

  const answer = (client: Socket, chunk: Buffer) => {
    const before = answered;
    answered += chunk.length;
    if (fault === 'pass') client.write(chunk);
    else if (fault === 'stall-body') {
      const end = chunk.indexOf('\r\n\r\n');
      if (before === 0 && end !== -1) client.write(chunk.subarray(0, end + 4));
    } else if (typeof fault === 'string') return;
    else if ('slowMs' in fault) {
      const timer = setTimeout(() => {
        timers.delete(timer);
        client.write(chunk);
      }, fault.slowMs);
      timers.add(timer);
    } else {
      const limit = 'stallAfter' in fault ? fault.stallAfter : fault.cutAfter;
      if (before < limit) client.write(chunk.subarray(0, limit - before));
      if ('cutAfter' in fault && answered >= limit) client.resetAndDestroy();
    }
  };

  const serve = (client: Socket) => {
    accepted += 1;
    const target = connect(targetPort, '127.0.0.1');
    for (const socket of [client, target]) track(socket);
    client.on('data', (chunk) => {
      if (fault !== 'black-hole') target.write(chunk);
    });
    target.on('data', (chunk) => answer(client, chunk));
    client.on('close', () => target.destroy());
    target.on('close', () => client.end());
  };

  let server: Server = await listen(0, serve);
  const { port } = server.address() as AddressInfo;

  const stop = async () => {
    for (const socket of open) socket.resetAndDestroy();
    if (!server.listening) return;
    server.close();
    await once(server, 'close');
  };

  return {
    port,
    connections: () => accepted,
    async set(next) {
      fault = next;
      answered = 0;
      if (next === 'refuse') await stop();
      else if (!server.listening) server = await listen(port, serve);
    },
    async close() {
      for (const timer of timers) clearTimeout(timer);
      await stop();
    },
  };
}

async function listen(port: number, serve: (client: Socket) => void): Promise<Server> {
  const server = createServer(serve).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
