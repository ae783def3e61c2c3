import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { systemClock } from '../../lib/clock.ts';

/** What a network does to a store: nothing; nobody listens; what is sent is swallowed; answers come two seconds late. */
export type Fault = 'ok' | 'refuse' | 'black-hole' | 'slow';

export interface FaultSwitch {
  readonly port: number;
  /** From now on, open connections included. @throws when its port has been taken meanwhile */
  set(fault: Fault): Promise<void>;
  /** Where connections lead from now on: a port of this machine. */
  leadTo(port: number): void;
  close(): Promise<void>;
}

const SLOW_MS = 2_000;

/** Stands between an application and its store, on a loopback port that stays the same whatever becomes of the store. */
export async function startFaultSwitch(targetPort: number): Promise<FaultSwitch> {
  let target = targetPort;
  let fault: Fault = 'ok';
  const open = new Set<Socket>();
  /** Of which something was swallowed: what came after it would be read as what it is not. */
  const broken = new Set<Socket>();
  /** Answers that are late, in the order in which they came. */
  const late = new Set<() => void>();

  const track = (socket: Socket): void => {
    open.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      open.delete(socket);
      broken.delete(socket);
    });
  };

  const pass = (to: Socket, chunk: Buffer, delayMs: number): void => {
    if (fault === 'black-hole') broken.add(to);
    else if (delayMs === 0) to.write(chunk);
    else {
      const deliver = (): void => {
        cancel();
        late.delete(deliver);
        to.write(chunk);
      };
      const cancel = systemClock.after(delayMs, deliver);
      late.add(deliver);
    }
  };

  const serve = (client: Socket): void => {
    const server = connect(target, '127.0.0.1');
    for (const socket of [client, server]) track(socket);
    client.on('data', (chunk) => pass(server, chunk, 0));
    server.on('data', (chunk) => pass(client, chunk, fault === 'slow' ? SLOW_MS : 0));
    client.on('close', () => server.destroy());
    server.on('close', () => client.destroy());
  };

  const reset = async (): Promise<void> => {
    for (const socket of open) socket.resetAndDestroy();
    if (!listener.listening) return;
    listener.close();
    await once(listener, 'close');
  };

  let listener = await listen(0, serve);
  const { port } = listener.address() as AddressInfo;
  return {
    port,
    async set(next) {
      for (const deliver of late) deliver();
      fault = next;
      if (next === 'refuse') return reset();
      if (next !== 'black-hole') for (const socket of broken) socket.resetAndDestroy();
      if (!listener.listening) listener = await listen(port, serve);
    },
    leadTo: (next) => {
      target = next;
    },
    async close() {
      for (const deliver of late) deliver();
      await reset();
    },
  };
}

async function listen(port: number, serve: (client: Socket) => void): Promise<Server> {
  const server = createServer(serve).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
