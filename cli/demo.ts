import { randomBytes } from 'node:crypto';
import { type ControlPort, startControlPort } from './demo/control-port.ts';
import { type DemoKey, TIGHT } from './demo/demo-keys.ts';
import { type DemoStore, startDemoStore } from './demo/demo-store.ts';
import { KNOWN_VARIABLES } from './doctor/environment/known-variables.ts';
import { buildIfNeeded, type NextServer, startNext } from './next-server.ts';

/** Half of what they are by default: somebody is watching. */
const CIRCUIT_OPEN_MS = 5_000;
const REQUEST_TIMEOUT_MS = 500;

/**
 * What somebody has set for an application of his own, in his shell or in a `.env`, which Next would read: here it would look
 * for the keys of the run in another place. An empty variable is an unset one.
 */
const UNSET: Readonly<Record<string, string>> = Object.fromEntries(KNOWN_VARIABLES.map((name) => [name, '']));

/** The main job on this machine alone: a store in memory behind its REST endpoint, Next on top of it, and keys to try. */
async function demo(stop: AbortSignal): Promise<number> {
  const port = Number(process.env.PORT || 3000);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    console.error('PORT must be a number from 1 to 65535');
    return 2;
  }
  let [store, control, server]: [DemoStore?, ControlPort?, NextServer?] = [];
  try {
    await buildIfNeeded({ print: console.log, stop });
    if (stop.aborted) return 0;
    const pepper = { kid: 'demo', secret: secret() };
    const token = secret();
    const controlSecret = secret();
    store = await startDemoStore({ token, pepper });
    control = await startControlPort({ secret: controlSecret, store });
    server = await startNext({
      port,
      stop,
      env: {
        ...UNSET,
        KV_STORE: 'upstash',
        KV_REST_API_URL: store.url,
        KV_REST_API_TOKEN: token,
        KV_CIRCUIT_OPEN_MS: String(CIRCUIT_OPEN_MS),
        KV_REQUEST_TIMEOUT_MS: String(REQUEST_TIMEOUT_MS),
        BREAKWATER_KEY_PEPPER: `${pepper.kid}:${pepper.secret}`,
        BREAKWATER_IDENTITY_SECRET: secret(),
        BREAKWATER_DEMO_TOKEN: secret(),
        BREAKWATER_DEMO_CONTROL: control.url,
        BREAKWATER_DEMO_SECRET: controlSecret,
        TRUSTED_PROXIES: '127.0.0.0/8,::1/128',
      },
    });
    announce(server.url, store.keys);
    const status = await server.exited;
    if (status !== 0) throw new Error(`The application has ended with status ${status}:\n${server.output()}`);
    return 0;
  } catch (error) {
    if (stop.aborted) return 0;
    console.error(error instanceof Error ? error.message : error);
    return 1;
  } finally {
    await server?.stop();
    await control?.close();
    await store?.close();
  }
}

function announce(url: string, keys: readonly DemoKey[]): void {
  const key = keys.find(({ label }) => label === 'tight')?.key ?? '';
  const authorization = `-H 'Authorization: Bearer ${key}'`;
  console.log(`
Breakwater is open at ${url}

  That page is the console: it shows what happens, sends traffic, and takes Redis away and gives it back.
  It runs on a store in the memory of this process, and on this machine alone.

  API key, good for ${TIGHT} requests a minute until the demo stops:
  ${key}

  Who am I? The handler sees the identity that the middleware verified:
  curl -s ${authorization} ${url}/api/whoami

  ${TIGHT} times 200, then 429:
  for i in $(seq ${TIGHT + 2}); do curl -s -o /dev/null -w '%{http_code}\\n' ${authorization} ${url}/api/whoami; done

Stop with Ctrl+C: the store, and all keys, end with it.`);
}

function secret(): string {
  return randomBytes(32).toString('base64url');
}

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
process.exitCode = await demo(stop.signal);
