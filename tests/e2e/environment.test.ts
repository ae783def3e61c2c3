import { afterAll, describe, expect, it } from 'vitest';
import { buildIfNeeded, type NextServer, startNext } from '../../cli/next-server.ts';
import { eventually } from '../support/eventually.ts';
import { ask, freePort } from '../support/next-app.ts';

const started: NextServer[] = [];
afterAll(() => Promise.all(started.map((server) => server.stop())));

async function start(env: Readonly<Record<string, string>>): Promise<NextServer> {
  await buildIfNeeded({ print: console.log });
  const server = await startNext({ port: await freePort(), env });
  started.push(server);
  return server;
}

describe('an environment that cannot work', () => {
  it.each([
    ['a URL without its token', { KV_REST_API_URL: 'http://127.0.0.1:1' }, 'KV_REST_API_TOKEN'],
    ['a token without its URL', { KV_REST_API_TOKEN: 'hunter2-token' }, 'KV_REST_API_URL'],
    ['a malformed URL', { KV_REST_API_URL: 'hunter2', KV_REST_API_TOKEN: 'hunter2-token' }, 'KV_REST_API_URL'],
    ['an unknown store', { KV_STORE: 'hunter2' }, 'KV_STORE'],
    ['a short identity secret', { BREAKWATER_IDENTITY_SECRET: 'hunter2' }, 'BREAKWATER_IDENTITY_SECRET'],
  ])('with %s: the server does not start, and its log names the variable, never its value', async (_, env, name) => {
    const output = await start(env).then(
      (server) => server.output(),
      (error: Error) => error.message,
    );
    expect(output).toContain('next start ended with status 1');
    expect(output).toContain(`[Breakwater] Not configured: ${name}`);
    expect(output).not.toContain('hunter2');
  });
});

describe('an environment that says nothing', () => {
  it('serves from memory and warns once that limits are per process', async () => {
    const server = await start({});
    expect((await ask(server)).status).toBe(401);
    expect((await ask(server, { path: '/api/health' })).status).toBe(200);
    await eventually(() => server.output().includes('[KV] No Redis is configured'));
    expect(server.output()).toContain('[KV] No Redis is configured');
  });
});

describe('a Redis by TCP, which the Edge cannot reach', () => {
  it('lets no request through and says what to set instead', async () => {
    const server = await start({ REDIS_URL: 'redis://:hunter2@127.0.0.1:1' });
    const response = await ask(server, { key: 'whatever' });
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: 'misconfigured' });
    const advice = 'REDIS_URL needs the Node runtime; on the Edge set KV_REST_API_URL and KV_REST_API_TOKEN';
    await eventually(() => server.output().includes(advice));
    expect(server.output()).not.toContain('hunter2');
  });
});
