import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { GET } from '../../api/cron/sync-usage.ts';
import { GET as dispatch } from '../../app/api/[...path]/route.ts';
import { appendEvents, configureAnalytics, trackEvent } from '../../lib/analytics.ts';
import { analyticsSchema } from '../../lib/primitives/analytics/analytics-sql.ts';
import { sqlEventSchema } from '../../lib/primitives/event-stream/sql-event-schema.ts';
import { usageSchema } from '../../lib/primitives/usage/usage-sql.ts';
import { flushUsage, trackUsage } from '../../lib/usage.ts';
import { middleware } from '../../middleware.ts';
import { useDefaultEnvironment } from '../support/default-environment.ts';
import { eventually } from '../support/eventually.ts';
import { manageKeys } from '../support/managed-keys.ts';
import { AWAY } from '../support/scripted-client.ts';
import { projectRoot } from '../support/source-tree.ts';
import { sqlEngine } from '../support/sql-engine.ts';

const SECRET = 'the secret of the cron job';
useDefaultEnvironment({ CRON_SECRET: SECRET });
const engine = sqlEngine();

beforeEach(async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  await engine.database.exec(
    'drop table if exists breakwater_usage, breakwater_analytics, breakwater_analytics_batches, breakwater_events',
  );
  await engine.database.exec(usageSchema() + analyticsSchema() + sqlEventSchema());
  configureAnalytics({ query: engine.query });
});

const request = (authorization?: string) =>
  new Request('https://example.test/api/cron/sync-usage', { headers: authorization ? { authorization } : {} });
const sync = () => GET(request(`Bearer ${SECRET}`));
const sumOf = async (table: string) =>
  (await engine.database.query<{ n: number }>(`select sum(n)::int as n from ${table}`)).rows[0]?.n ?? 0;

describe('GET /api/cron/sync-usage', () => {
  it('brings uses and events into the database, each once, and says how many rows', async () => {
    trackUsage('key_1', 3);
    await trackEvent('view', {}, { by: 4 });
    await appendEvents([{ path: '/' }]);
    const response = await sync();
    expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store']);
    const one = { status: 'drained', rows: 1 };
    expect(await response.json()).toEqual({ synced: true, drained: { usage: one, analytics: one, events: one } });
    const none = { status: 'drained', rows: 0 };
    expect(await (await sync()).json()).toEqual({
      synced: true,
      drained: { usage: none, analytics: none, events: none },
    });
    expect([await sumOf('breakwater_usage'), await sumOf('breakwater_analytics')]).toEqual([3, 4]);
  });

  it.each([
    undefined,
    'Bearer',
    'Bearer ',
    'Bearer wrong',
    `Bearer ${SECRET}x`,
    `Bearer ${SECRET.slice(0, -1)}`,
    `Basic ${SECRET}`,
    SECRET,
    `Bearer ${'x'.repeat(2_000)}`,
  ])('does nothing for who does not show the secret: %s', async (authorization) => {
    trackUsage('key_1', 3);
    const response = await GET(request(authorization));
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="cron"']);
    expect(await response.json()).toMatchObject({ code: 'cron-secret-invalid' });
    expect(await sumOf('breakwater_usage')).toBe(0);
  });

  it('does nothing where no secret is set, not for an empty one either', async () => {
    vi.stubEnv('CRON_SECRET', '');
    for (const authorization of [undefined, 'Bearer ', 'Bearer undefined']) {
      const response = await GET(request(authorization));
      expect([response.status, await response.json()]).toMatchObject([503, { code: 'misconfigured' }]);
    }
  });

  it.each(['x'.repeat(15), 'x'.repeat(1_025), `${'x'.repeat(16)}é`])(
    'does nothing where the secret is one that cannot be shown, or guessed, and the rest goes on: %s',
    async (secret) => {
      vi.stubEnv('CRON_SECRET', secret);
      const response = await GET(request(`Bearer ${secret}`));
      expect([response.status, await response.json()]).toMatchObject([503, { code: 'misconfigured' }]);
      expect(trackUsage('key_1')).toBe(true);
    },
  );

  it.each([`bearer ${SECRET}`, `BEARER   ${SECRET}`, ` Bearer ${SECRET} `])(
    'knows the secret however it is written: %j',
    async (authorization) => {
      expect((await GET(request(authorization))).status).toBe(200);
    },
  );

  it('is 503 while Redis is away, and loses nothing', async () => {
    const { store } = await manageKeys();
    trackUsage('key_1', 3);
    await trackEvent('view');
    store.takeAway(AWAY);
    const response = await sync();
    expect(response.status).toBe(503);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    const away = { status: 'unavailable', rows: 0 };
    expect(await response.json()).toMatchObject({
      ...{ code: 'sync-incomplete', synced: false },
      drained: { usage: away, analytics: away, events: away },
    });
    store.giveBack();
    expect((await sync()).status).toBe(200);
    expect([await sumOf('breakwater_usage'), await sumOf('breakwater_analytics')]).toEqual([3, 1]);
  });

  it('is 503 while the database is away, says in the log why, and loses nothing', async () => {
    trackUsage('key_1', 3);
    await trackEvent('view');
    configureAnalytics({ query: () => Promise.reject(new Error('secret')) });
    const response = await sync();
    expect(response.status).toBe(503);
    expect(JSON.stringify(await response.json())).not.toContain('secret');
    const log = vi.mocked(console.warn).mock.calls.flat().join();
    expect(log).toContain('database: The database of usage counters did not answer');
    expect(log).not.toContain('secret');
    configureAnalytics({ query: engine.query });
    expect((await sync()).status).toBe(200);
    expect([await sumOf('breakwater_usage'), await sumOf('breakwater_analytics')]).toEqual([3, 1]);
  });

  it('brings what it can where something is wrong with one of the counters', async () => {
    const { store } = await manageKeys();
    await trackEvent('view');
    await store.execute([['SET', `usage:{keys:0}:${new Date(1_700_000_000_000).toISOString().slice(0, 10)}`, 'x']]);
    const response = await sync();
    expect([response.status, await response.json()]).toMatchObject([
      503,
      { drained: { usage: { status: 'failed', rows: 0 }, analytics: { status: 'drained', rows: 1 } } },
    ]);
  });

  it('drains all at once, so that a slow one takes no time from the others', async () => {
    trackUsage('key_1', 3);
    await trackEvent('view');
    let hasEvents = () => {};
    const events = new Promise<void>((resolve) => {
      hasEvents = resolve;
    });
    configureAnalytics({
      async query(text, params, options) {
        const isOfUsage = text.includes('breakwater_usage');
        if (isOfUsage) await events;
        const answer = await engine.query(text, params, options);
        if (!isOfUsage) hasEvents();
        return answer;
      },
    });
    expect((await sync()).status).toBe(200);
    expect([await sumOf('breakwater_usage'), await sumOf('breakwater_analytics')]).toEqual([3, 1]);
  });

  it('waits for no database that never answers', async () => {
    const { clock } = await manageKeys();
    trackUsage('key_1', 3);
    await trackEvent('view');
    await appendEvents([{ a: 1 }]);
    let asked = 0;
    configureAnalytics({
      query: () => {
        asked += 1;
        return new Promise(() => {});
      },
    });
    const answered = sync();
    await eventually(() => asked === 3);
    await clock.run(10_000);
    const response = await answered;
    const away = { status: 'unavailable', rows: 0 };
    expect([response.status, await response.json()]).toMatchObject([
      503,
      { drained: { usage: away, analytics: away, events: away } },
    ]);
  });

  it('brings the other uses though this process has one that cannot be counted', async () => {
    const { store } = await manageKeys();
    trackUsage('key_1', 3);
    await flushUsage();
    const today = new Date(1_700_000_000_000).toISOString().slice(0, 10);
    const names = Array.from({ length: 16 }, (_, shard) => `usage:{keys:${shard}}:${today}`);
    const types = await store.execute(names.map((name) => ['TYPE', name]));
    await store.execute(names.filter((_, shard) => types[shard] === 'none').map((name) => ['SET', name, 'x']));
    for (const keyId of 'abcdefgh') trackUsage(keyId);
    expect((await sync()).status).toBe(503);
    expect(await sumOf('breakwater_usage')).toBeGreaterThanOrEqual(3);
  });

  it('is 503 where no database is named, which the log says', async () => {
    configureAnalytics({ query: undefined });
    const response = await dispatch(request(`Bearer ${SECRET}`), {
      params: Promise.resolve({ path: ['cron', 'sync-usage'] }),
    });
    expect([response.status, await response.json()]).toMatchObject([503, { code: 'misconfigured' }]);
  });

  it('needs no API key: the middleware lets it through, up to the limit of an address', async () => {
    const answers = await Promise.all(Array.from({ length: 301 }, () => middleware(request(`Bearer ${SECRET}`))));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(300);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(1);
  });

  it('is called every hour by Vercel', async () => {
    const { crons } = JSON.parse(await readFile(join(projectRoot, 'vercel.json'), 'utf8'));
    expect(crons).toEqual([{ path: '/api/cron/sync-usage', schedule: '0 * * * *' }]);
  });
});
