import { expect } from 'vitest';
import type { Consumer } from './consumer.ts';

/** How many requests the key of {@link openRedis} may make; none comes back within a test. */
const LIMIT = 3;

export interface InstalledRedis {
  /** What an application needs, as `breakwater dev` and the documentation name it. */
  readonly env: Readonly<Record<string, string>>;
  /** A key of `acme`, with the scope `read`. */
  readonly key: string;
  stop(): Promise<void>;
}

/** What stands for Redis: the installed `npx breakwater dev`, and a key made by the installed `npx breakwater keys create`. */
export async function openRedis(consumer: Consumer): Promise<InstalledRedis> {
  const server = await consumer.start('npx', ['breakwater', 'dev', '--port', '0', '--token', 'token-of-this-test'], {
    ready: /KV_REST_API_URL=(\S+)[\s\S]*Ctrl\+C/,
  });
  const env = {
    KV_REST_API_URL: server.found,
    KV_REST_API_TOKEN: 'token-of-this-test',
    BREAKWATER_KEY_PEPPER: 'k1:pepper-of-the-installed-package-0123456789',
    BREAKWATER_IDENTITY_SECRET: 'identity-secret-of-the-installed-package',
  };
  try {
    const limit = `key=${LIMIT}/3600000`;
    const words = ['keys', 'create', '--owner', 'acme', '--scope', 'read', '--limit', limit, '--init', '--quiet'];
    const key = (await consumer.run('npx', ['breakwater', ...words], env)).trim();
    return { env, key, stop: () => server.stop() };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** 401 without a key, 200 with the identity of the key, 429 beyond its limit. */
export async function expectFrontDoor(url: string, key: string): Promise<void> {
  const ask = (headers: Record<string, string>) =>
    fetch(`${url}/api/whoami`, { headers, signal: AbortSignal.timeout(30_000) });
  const withKey = { authorization: `Bearer ${key}` };
  const unknown = await ask({});
  expect({ status: unknown.status, body: await unknown.json() }).toMatchObject({
    status: 401,
    body: { type: 'about:blank', status: 401, code: 'api-key-missing' },
  });
  for (let asked = 0; asked < LIMIT; asked += 1) {
    const answer = await ask(withKey);
    expect({ status: answer.status, body: await answer.json() }).toEqual({
      status: 200,
      body: { id: expect.stringMatching(/^key_/), owner: 'acme', scopes: ['read'] },
    });
    expect(answer.headers.get('x-breakwater-degraded')).toBeNull();
  }
  const refused = await ask(withKey);
  expect({ status: refused.status, body: await refused.json() }).toMatchObject({
    status: 429,
    body: { status: 429, code: 'quota-exceeded', 'violated-policies': ['key'] },
  });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
}
