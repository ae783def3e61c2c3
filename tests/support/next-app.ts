import { createServer } from 'node:net';
import { buildIfNeeded, type NextServer, startNext } from '../../cli/next-server.ts';
import { type RestEndpoint, startRestEndpoint } from '../../cli/rest/endpoint.ts';
import { createKv } from '../../lib/client/kv-client.ts';
import { type ApiKeys, createApiKeys } from '../../lib/keys/api-keys.ts';
import { redisStore } from '../../lib/store/redis.ts';
import { upstashStore } from '../../lib/store/upstash.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

export const OPEN_MS = 2_000;

export const TOKEN = 'token-of-the-end-to-end-tests';
export const PEPPER = { kid: 'e2e', secret: 'pepper-of-the-end-to-end-tests' };
export const IDENTITY_SECRET = 'identity-secret-of-the-end-to-end-tests';

/** A real Redis with AOF, the REST endpoint in front of it, and built Next processes on top. */
export interface Stack {
  readonly redis: RedisServer;
  readonly endpoint: RestEndpoint;
  readonly keys: ApiKeys<unknown>;
  /** One more Next process on the same Redis. */
  start(env?: Readonly<Record<string, string>>): Promise<NextServer>;
  stop(): Promise<void>;
}

export async function startStack(): Promise<Stack> {
  await buildIfNeeded({ print: console.log });
  const redis = await startRedis({ aof: true });
  const store = redisStore({ url: redis.url });
  const endpoint = await startRestEndpoint({ store, token: TOKEN });
  const client = upstashStore({ url: endpoint.url, token: TOKEN });
  const keys = createApiKeys({ kv: createKv({ store: client }), pepper: PEPPER });
  const servers: NextServer[] = [];
  return {
    redis,
    endpoint,
    keys,
    async start(env = {}) {
      const server = await startNext({ port: await freePort(), env: { ...environmentOf(endpoint), ...env } });
      servers.push(server);
      return server;
    },
    async stop() {
      await Promise.all(servers.map((server) => server.stop()));
      await endpoint.close();
      await store.close();
      await redis.stop();
    },
  };
}

export function environmentOf(endpoint: RestEndpoint): Record<string, string> {
  return {
    KV_REST_API_URL: endpoint.url,
    KV_REST_API_TOKEN: TOKEN,
    KV_CIRCUIT_OPEN_MS: String(OPEN_MS),
    BREAKWATER_KEY_PEPPER: `${PEPPER.kid}:${PEPPER.secret}`,
    BREAKWATER_IDENTITY_SECRET: IDENTITY_SECRET,
    TRUSTED_PROXIES: '127.0.0.0/8',
  };
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

export interface Ask {
  readonly key?: string | undefined;
  readonly ip?: string | undefined;
  readonly path?: string | undefined;
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
}

/** One request as a client behind a trusted proxy sends it. */
export function ask(
  server: NextServer,
  { key, ip = '203.0.113.1', path = '/api/whoami', method, headers, body }: Ask = {},
) {
  return fetch(`${server.url.replace('localhost', '127.0.0.1')}${path}`, {
    method: method ?? 'GET',
    headers: {
      'x-forwarded-for': ip,
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
  });
}

/** An address of a client that nobody has seen before. */
export function newAddress(index: number): string {
  return `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`;
}
