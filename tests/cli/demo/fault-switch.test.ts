import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FaultSwitch, startFaultSwitch } from '../../../cli/demo/fault-switch.ts';

let echo: Server;
let door: FaultSwitch;
const clients: Socket[] = [];

beforeEach(async () => {
  echo = createServer((socket) => socket.on('error', () => socket.destroy()).pipe(socket)).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  door = await startFaultSwitch((echo.address() as AddressInfo).port);
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await door.close();
  echo.close();
});

async function open(): Promise<Socket> {
  const client = connect(door.port, '127.0.0.1').on('error', () => undefined);
  clients.push(client);
  await once(client, 'connect');
  return client;
}

/** What comes back of what is sent. */
async function said(client: Socket, text: string): Promise<string> {
  client.write(text);
  const [chunk] = await once(client, 'data');
  return String(chunk);
}

describe('a switch in front of a store', () => {
  it('lets pass what comes', async () => {
    expect(await said(await open(), 'ping')).toBe('ping');
  });

  it('hands out what is late at once when slowness ends, and in order', async () => {
    const client = await open();
    await said(client, 'first');
    await door.set('slow');
    const from = performance.now();
    client.write('late');
    await new Promise((resolve) => setTimeout(resolve, 100));
    await door.set('ok');
    expect(String((await once(client, 'data'))[0])).toBe('late');
    expect(performance.now() - from).toBeLessThan(1_900);
    expect(await said(client, 'next')).toBe('next');
  });

  it('ends a connection of which something was swallowed, and no other', async () => {
    const [heard, silent] = [await open(), await open()];
    await said(heard, 'ping');
    await said(silent, 'ping');
    await door.set('black-hole');
    heard.write('swallowed');
    await new Promise((resolve) => setTimeout(resolve, 100));
    const closed = once(heard, 'close');
    await door.set('ok');
    await closed;
    expect(await said(silent, 'ping')).toBe('ping');
  });

  it('leads elsewhere from one connection to the next', async () => {
    const other = createServer((socket) => socket.end('other')).listen(0, '127.0.0.1');
    await once(other, 'listening');
    door.leadTo((other.address() as AddressInfo).port);
    const [chunk] = await once(await open(), 'data');
    expect(String(chunk)).toBe('other');
    other.close();
  });
});
