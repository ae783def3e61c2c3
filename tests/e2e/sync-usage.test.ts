import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NextServer } from '../../cli/next-server.ts';
import { analyticsSchema } from '../../lib/primitives/analytics/analytics-sql.ts';
import { usageSchema } from '../../lib/primitives/usage/usage-sql.ts';
import { ask as askServer, newAddress, type Stack, startStack } from '../support/next-app.ts';
import { type PostgresWire, startPostgresWire } from '../support/postgres-wire.ts';

const CRON_SECRET = 'cron-secret-of-the-end-to-end-tests';

let stack: Stack;
let database: PGlite;
let wire: PostgresWire;
let servers: readonly NextServer[];
let key: string;

beforeAll(async () => {
  stack = await startStack();
  database = await PGlite.create();
  await database.exec(usageSchema() + analyticsSchema());
  wire = await startPostgresWire(database);
  const env = { DATABASE_URL: wire.url, CRON_SECRET };
  servers = await Promise.all([stack.start(env), stack.start(env)]);
  const limits = { key: { limit: 1_000_000, windowMs: 3_600_000 } };
  ({ key } = await stack.keys.create({ owner: 'acme', scopes: [], limits }));
}, 120_000);

afterAll(async () => {
  await stack.stop();
  await wire.close();
  await database.close();
});

const [first, second] = [() => servers[0] as NextServer, () => servers[1] as NextServer];

const track = async (server: NextServer, body: object, index = 0) => {
  const headers = { 'content-type': 'application/json' };
  const path = '/api/analytics/track';
  const ip = newAddress(index);
  const response = await askServer(server, { key, ip, path, method: 'POST', headers, body: JSON.stringify(body) });
  return [response.status, await response.json()] as const;
};

const sync = async (server: NextServer, secret = CRON_SECRET) => {
  const response = await askServer(server, { path: '/api/cron/sync-usage', key: secret });
  return [response.status, await response.json()] as const;
};

const views = async () => {
  const text = "select dimensions->>'path' as path, n::int from breakwater_analytics order by 1";
  return (await database.query<{ path: string; n: number }>(text)).rows.map(({ path, n }) => `${path} ${n}`);
};

describe('events on their way from a built application into PostgreSQL', () => {
  it('are tracked, once for an id in all processes, and synchronised by the cron job', async () => {
    const view = (path: string, id?: string) => ({ event: 'page_view', dimensions: { path }, ...(id && { id }) });
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) => track(index % 2 ? first() : second(), view('/a'), index)),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(answer)))).toEqual(new Set(['[200,{"tracked":true}]']));
    expect(await track(first(), view('/b', 'visitor-7'))).toEqual([200, { tracked: true }]);
    expect(await track(second(), view('/b', 'visitor-7'))).toEqual([200, { tracked: false, reason: 'duplicate' }]);
    const synced = await Promise.all([sync(first()), sync(second())]);
    expect(synced.map(([status]) => status)).toEqual([200, 200]);
    expect(await views()).toEqual(['/a 40', '/b 1']);
  });

  it('stay in Redis while the database is away, and arrive when it is back', async () => {
    await track(first(), { event: 'page_view', dimensions: { path: '/c' } });
    wire.goAway();
    const [status, body] = await sync(first());
    expect([status, body]).toMatchObject([503, { code: 'sync-incomplete', drained: { analytics: { rows: 0 } } }]);
    wire.comeBack();
    expect(await sync(second())).toMatchObject([200, { synced: true }]);
    expect(await views()).toEqual(['/a 40', '/b 1', '/c 1']);
  });

  it('are tracked approximately while Redis is away, and told when it is back', async () => {
    expect((await track(first(), { event: 'warm', dimensions: { path: '/w' } }))[0]).toBe(200);
    await stack.redis.kill('SIGKILL');
    const view = { event: 'page_view', dimensions: { path: '/d' }, id: 'visitor-8' };
    expect(await track(first(), view, 900)).toEqual([200, { tracked: true, approximate: true }]);
    expect(await track(first(), view, 901)).toEqual([200, { tracked: false, reason: 'duplicate' }]);
    expect((await sync(first()))[0]).toBe(503);
    await stack.redis.restart();
    await expect.poll(async () => (await sync(first()))[0], { timeout: 20_000, interval: 500 }).toBe(200);
    expect(await views()).toEqual(['/a 40', '/b 1', '/c 1', '/d 1', '/w 1']);
  }, 60_000);

  it('are synchronised for nobody but the cron job', async () => {
    expect(await sync(first(), 'wrong')).toMatchObject([401, { code: 'cron-secret-invalid' }]);
    expect(await sync(first(), key)).toMatchObject([401, { code: 'cron-secret-invalid' }]);
  });

  it('leave neither the secret nor the address of the database in the log', () => {
    const log = servers.map((server) => server.output()).join();
    expect(log).not.toContain(CRON_SECRET);
    expect(log).not.toContain('postgres://');
    expect(log).not.toMatch(/\[Breakwater\] Failed to answer/);
  });
});
