import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RestEndpoint, startRestEndpoint } from '../../cli/rest/endpoint.ts';
import { createKv } from '../../lib/client/kv-client.ts';
import { type ApiKeys, createApiKeys } from '../../lib/keys/api-keys.ts';
import type { IssuedKey } from '../../lib/keys/registry.ts';
import { fengariEngine } from '../../lib/store/lua.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { eventually } from '../support/eventually.ts';
import { type ExampleServer, startExample } from '../support/example-server.ts';

const TOKEN = 'token-of-the-examples';
const PEPPER = { kid: 'k1', secret: 'pepper-of-the-examples' };

/** What `examples/README.md` says of both. */
describe.each(['hono/server.ts', 'node/server.ts'])('the example %s', (path) => {
  const store = memoryStore({ lua: fengariEngine() });
  let endpoint: RestEndpoint;
  let server: ExampleServer;
  let keys: ApiKeys<unknown>;
  let issued: IssuedKey<unknown>;
  let unknown: string;

  beforeAll(async () => {
    endpoint = await startRestEndpoint({ store, token: TOKEN });
    keys = createApiKeys({ kv: createKv({ store }), pepper: PEPPER });
    issued = await keys.create({ owner: 'acme', scopes: ['read'] });
    unknown = keys.format.generate();
    server = await startExample(path, {
      KV_REST_API_URL: endpoint.url,
      KV_REST_API_TOKEN: TOKEN,
      BREAKWATER_KEY_PEPPER: `${PEPPER.kid}:${PEPPER.secret}`,
      BREAKWATER_IDENTITY_SECRET: 'identity-secret-of-the-examples-tests',
    });
    // The first request of a process compiles code on the way, and on a busy machine outlasts the deadline of the client.
    const { key } = await keys.create({ owner: 'first' });
    await eventually(async () => (await ask('/api/whoami', key)).ok);
  }, 60_000);

  afterAll(async () => {
    await server?.stop();
    await endpoint?.close();
    await store.close();
  });

  const ask = (at: string, key?: string, init: RequestInit = {}) =>
    fetch(`${server.url}${at}`, { ...init, headers: key ? { authorization: `Bearer ${key}` } : {} });

  it('answers everybody where no key is asked for', async () => {
    expect(await (await ask('/')).text()).toBe('Open to everybody.\n');
    expect(await (await ask('/api/health')).json()).toEqual({ status: 'ok' });
  });

  it('refuses who has no valid key with 401 and problem details', async () => {
    for (const [key, code] of [
      [undefined, 'api-key-missing'],
      ['nonsense', 'api-key-malformed'],
      [unknown, 'api-key-invalid'],
    ]) {
      const answer = await ask('/api/whoami', key);
      expect([answer.status, answer.headers.get('content-type')]).toEqual([401, 'application/problem+json']);
      expect(await answer.json()).toMatchObject({ code });
    }
  });

  it('shows its handler who is asking, and the client what is left', async () => {
    const answer = await ask('/api/whoami', issued.key);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ id: issued.record.id, owner: 'acme', scopes: ['read'] });
    expect(answer.headers.get('ratelimit')).toMatch(/^"ip";r=\d+;t=\d+, "key";r=9;t=54$/);
    expect(await (await ask('/api/echo', issued.key, { method: 'POST', body: 'hello' })).json()).toEqual({
      echo: 'hello',
    });
    expect((await ask('/api/nowhere', issued.key)).status).toBe(404);
    expect(server.output()).not.toContain('No trustworthy client address');
  });

  it('answers the eleventh request of a minute with 429 and when to come back', async () => {
    const { key } = await keys.create({ owner: 'busy' });
    const statuses: number[] = [];
    for (let time = 0; time < 10; time += 1) statuses.push((await ask('/api/whoami', key)).status);
    expect(new Set(statuses)).toEqual(new Set([200]));
    const refused = await ask('/api/whoami', key);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(await refused.json()).toMatchObject({ code: 'quota-exceeded', 'violated-policies': ['key'] });
  });

  it('goes on where a client goes away in the middle of its body', async () => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    const lines = ['POST /api/echo HTTP/1.1', 'Host: localhost', `x-api-key: ${issued.key}`, 'Content-Length: 100'];
    socket.end(`${lines.join('\r\n')}\r\n\r\nthe beginning`);
    await once(socket.resume(), 'close');
    for (let time = 0; time < 3; time += 1) expect((await ask('/api/whoami', issued.key)).status).toBe(200);
  });

  it('stays open while Redis is away: to a key that it knows, with a count of its own; others are a 503', async () => {
    await endpoint.close();
    const known = await ask('/api/whoami', issued.key);
    expect([known.status, known.headers.get('x-breakwater-degraded')]).toEqual([200, 'keys, limit']);
    expect(await known.json()).toMatchObject({ owner: 'acme' });
    const other = await ask('/api/whoami', unknown);
    expect([other.status, other.headers.has('retry-after')]).toEqual([503, true]);
    expect(await other.json()).toMatchObject({ code: 'key-store-unavailable' });
  });
});
