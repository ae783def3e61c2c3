import { randomBytes } from 'node:crypto';
import { createKv } from '../lib/client/kv-client.ts';
import { createApiKeys } from '../lib/keys/api-keys.ts';
import { fengariEngine } from '../lib/store/lua.ts';
import { memoryStore } from '../lib/store/memory/memory-store.ts';
import { upstashStore } from '../lib/store/upstash.ts';
import { buildIfNeeded, type NextServer, startNext } from './next-server.ts';
import { startRestEndpoint } from './rest/endpoint.ts';

/** Requests a minute that the demo key may make: few, so that one line of curl shows the end of them. */
const DEMO_LIMIT = 10;

/** The main job on this machine alone: the REST endpoint over memory, Next on top of it, and a key to try it with. */
async function demo(stop: AbortSignal): Promise<number> {
  const port = Number(process.env.PORT || 3000);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    console.error('PORT must be a number from 1 to 65535');
    return 2;
  }
  await buildIfNeeded({ print: console.log, stop });
  const secret = () => randomBytes(32).toString('base64url');
  const token = secret();
  const pepper = { kid: 'demo', secret: secret() };
  const store = memoryStore({ lua: fengariEngine() });
  // Middleware and handlers have a memory each; the endpoint is what they share, as they would share a Redis.
  const endpoint = await startRestEndpoint({ store, token });
  let server: NextServer | undefined;
  try {
    const kv = createKv({ store: upstashStore({ url: endpoint.url, token }) });
    const { key } = await createApiKeys({ kv, pepper }).create({
      owner: 'demo',
      scopes: ['read'],
      limits: { key: { limit: DEMO_LIMIT, windowMs: 60_000 } },
    });
    server = await startNext({
      port,
      stop,
      env: {
        KV_STORE: 'upstash',
        KV_REST_API_URL: endpoint.url,
        KV_REST_API_TOKEN: token,
        BREAKWATER_KEY_PEPPER: `${pepper.kid}:${pepper.secret}`,
        BREAKWATER_IDENTITY_SECRET: secret(),
        TRUSTED_PROXIES: '127.0.0.0/8,::1/128',
      },
    });
    announce(server.url, key);
    return await server.exited;
  } catch (error) {
    if (stop.aborted) return 0;
    console.error(error instanceof Error ? error.message : error);
    return 1;
  } finally {
    await server?.stop();
    await endpoint.close();
    await store.close();
  }
}

function announce(url: string, key: string): void {
  const authorization = `-H 'Authorization: Bearer ${key}'`;
  console.log(`
Breakwater is open at ${url}

  API key, good for ${DEMO_LIMIT} requests a minute until the demo stops:
  ${key}

  Who am I? The handler sees the identity that the middleware verified:
  curl -s ${authorization} ${url}/api/whoami

  ${DEMO_LIMIT} times 200, then 429:
  for i in $(seq ${DEMO_LIMIT + 2}); do curl -s -o /dev/null -w '%{http_code}\\n' ${authorization} ${url}/api/whoami; done

Stop with Ctrl+C.`);
}

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
process.exitCode = await demo(stop.signal);
