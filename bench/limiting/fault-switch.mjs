import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/**
 * A way to a server that can be taken away: `refused` closes the port, `silent` takes what is sent and never answers.
 *
 * @param {string} target
 * @returns {Promise<{ url: string, set: (mode: 'open' | 'refused' | 'silent') => Promise<void>, close: () => Promise<void> }>}
 */
export async function faultSwitch(target) {
  const { hostname, port } = new URL(target);
  const sockets = new Set();
  let mode = 'open';
  const server = createServer((client) => {
    sockets.add(client);
    client.on('close', () => sockets.delete(client)).on('error', () => undefined);
    if (mode === 'silent') return client.resume();
    const upstream = connect(Number(port), hostname);
    sockets.add(upstream);
    upstream
      .on('error', () => undefined)
      .on('close', () => {
        sockets.delete(upstream);
        client.destroy();
      });
    client.on('close', () => upstream.destroy());
    client.pipe(upstream).pipe(client);
  });
  const listen = async (at) => {
    server.listen(at, '127.0.0.1');
    await once(server, 'listening');
  };
  const shut = async () => {
    for (const socket of sockets) socket.destroy();
    if (!server.listening) return;
    server.close();
    await once(server, 'close');
  };
  await listen(0);
  const own = server.address().port;
  return {
    url: `http://127.0.0.1:${own}`,
    async set(next) {
      mode = next;
      await shut();
      if (next !== 'refused') await listen(own);
    },
    close: shut,
  };
}
