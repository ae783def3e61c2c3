import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { look } from '../../../api/_console/look.ts';
import { lookThroughMiddleware } from '../../../api/_console/own-server.ts';
import { GET } from '../../../api/console/snapshot.ts';
import { createMac } from '../../../lib/client/crypto.ts';
import { sealedSnapshot } from '../../../lib/guard/metrics/sealed-snapshot.ts';
import { metricsAt } from '../../support/console-look.ts';
import { useDefaultEnvironment } from '../../support/default-environment.ts';

const SECRET = 'an identity secret of more than 32 characters';

useDefaultEnvironment({ BREAKWATER_CONSOLE: 'on', BREAKWATER_IDENTITY_SECRET: SECRET });

const counted = metricsAt(Date.now());
/** As the middleware hands it on. */
const handedOn = (secret = SECRET) => sealedSnapshot(createMac(secret), counted);

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** This application with a middleware in front, on a port of its own, and what it has been asked. */
async function serve({ answers = true, path = '' } = {}) {
  const asked: { readonly url: string | undefined; readonly host: string | undefined }[] = [];
  const server = createServer(async (incoming, outgoing) => {
    asked.push({ url: incoming.url, host: incoming.headers.host });
    if (!answers) return;
    const headers = new Headers({ 'x-breakwater-metrics': await handedOn() });
    headers.set('x-breakwater-console', String(incoming.headers['x-breakwater-console']));
    const response = await GET(new Request(`http://127.0.0.1${incoming.url}`, { headers }));
    outgoing.writeHead(response.status).end(await response.text());
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  servers.push(server);
  const { port } = server.address() as AddressInfo;
  vi.stubEnv('BREAKWATER_CONSOLE_ORIGIN', `http://127.0.0.1:${port}${path}`);
  return { asked, port };
}

describe('a look at the store', () => {
  it.each([
    [{ KV_STORE: 'memory' }, { kind: 'memory', host: null, namespace: null }],
    [
      { KV_REST_API_URL: 'https://eu1-db.upstash.io:8443/hunter2', KV_REST_API_TOKEN: 'hunter2' },
      { kind: 'upstash', host: 'eu1-db.upstash.io', namespace: null },
    ],
    [
      { REDIS_URL: 'rediss://ann:hunter2@db.example:6390/3', BREAKWATER_NAMESPACE: 'shop:' },
      { kind: 'redis', host: 'db.example', namespace: 'shop:' },
    ],
    [
      { REDIS_CLUSTER_NODES: 'one.example:7000,two.example', BREAKWATER_NAMESPACE: '{app}:' },
      { kind: 'redis', host: 'one.example', namespace: '{app}:' },
    ],
    [
      { REDIS_SENTINELS: '[::1]:26380,b.example', REDIS_SENTINEL_NAME: 'main', REDIS_PASSWORD: 'hunter2' },
      { kind: 'redis', host: '::1', namespace: null },
    ],
  ])('says where it is, and no more than that: %o', async (env, expected) => {
    vi.stubEnv('KV_STORE', undefined);
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    const seen = await look();
    expect(seen.store).toEqual(expected);
    expect(JSON.stringify(seen)).not.toContain('hunter2');
  });
});

describe('a look at the middleware', () => {
  it('is what it hands on, and unknown where that is nothing of the kind', async () => {
    const seen = async (metrics: string) =>
      (await look(new Request('https://example.test', { headers: { 'x-breakwater-metrics': metrics } }))).middleware;
    expect(await seen(await handedOn())).toEqual(counted);
    for (const nothing of [
      '',
      '{}',
      JSON.stringify(counted),
      await handedOn('a secret of somebody else, who is not us'),
    ]) {
      expect(await seen(nothing)).toBeNull();
    }
  });

  it('is had by a request of this process to its own server, which needs no key', async () => {
    const { asked, port } = await serve();
    expect((await lookThroughMiddleware()).middleware).toEqual(counted);
    expect(asked).toEqual([{ url: '/api/console/snapshot', host: `127.0.0.1:${port}` }]);
  });

  it('is asked for below the base path that the environment says', async () => {
    const { asked } = await serve({ path: '/base/' });
    await lookThroughMiddleware();
    expect(asked.map(({ url }) => url)).toEqual(['/base/api/console/snapshot']);
  });

  it('is unknown where nobody can be asked, or another process answers', async () => {
    vi.stubEnv('PORT', undefined);
    expect(await lookThroughMiddleware()).toMatchObject({ middleware: null, store: { kind: 'memory' } });
    vi.stubEnv('BREAKWATER_CONSOLE_ORIGIN', 'http://127.0.0.1:1');
    expect(await lookThroughMiddleware()).toMatchObject({ middleware: null, store: { kind: 'memory' } });
    const server = createServer((_, response) => response.writeHead(401).end('{}')).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    servers.push(server);
    vi.stubEnv('BREAKWATER_CONSOLE_ORIGIN', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    expect((await lookThroughMiddleware()).middleware).toBeNull();
  });

  it('is unknown after a second of silence', async () => {
    const { asked } = await serve({ answers: false });
    expect((await lookThroughMiddleware()).middleware).toBeNull();
    expect(asked).toHaveLength(1);
    for (const server of servers) server.closeAllConnections();
  });
});
