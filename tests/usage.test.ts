import { beforeEach, describe, expect, it } from 'vitest';
import { appendEvents, configureAnalytics, syncAnalytics, syncEvents, trackEvent } from '../lib/analytics.ts';
import { getDefaults } from '../lib/default-client.ts';
import { ConfigError } from '../lib/errors.ts';
import { analyticsSchema } from '../lib/primitives/analytics/analytics-sql.ts';
import { sqlEventSchema } from '../lib/primitives/event-stream/sql-event-schema.ts';
import { usageSchema } from '../lib/primitives/usage/usage-sql.ts';
import { checkUsageLimit, flushUsage, getUsage, syncUsage, trackUsage } from '../lib/usage.ts';
import { useDefaultEnvironment } from './support/default-environment.ts';
import { manageKeys } from './support/managed-keys.ts';
import { AWAY } from './support/scripted-client.ts';
import { sqlEngine } from './support/sql-engine.ts';

useDefaultEnvironment({ DATABASE_URL: 'mysql://not-ours' });
const engine = sqlEngine();

beforeEach(async () => {
  await engine.database.exec(
    'drop table if exists breakwater_usage, breakwater_analytics, breakwater_analytics_batches, breakwater_events',
  );
  await engine.database.exec(usageSchema() + analyticsSchema() + sqlEventSchema());
});

const sumOf = async (table: string) =>
  (await engine.database.query<{ n: number }>(`select sum(n)::int as n from ${table}`)).rows[0]?.n;

describe('the helpers of usage', () => {
  it('count, read and check the uses of a key on the default client', async () => {
    expect(trackUsage('key_1')).toBe(true);
    expect(trackUsage('key_1', 4)).toBe(true);
    expect(await flushUsage()).toEqual({ status: 'flushed' });
    const usage = await getUsage('key_1');
    expect(usage).toMatchObject({ status: 'found', total: 5 });
    expect(usage.status === 'found' && usage.days).toHaveLength(30);
    expect(await checkUsageLimit('key_1', 6)).toEqual({ status: 'within', used: 5, limit: 6, remaining: 1 });
    expect(await checkUsageLimit('key_1', 5, { days: 1 })).toEqual({ status: 'exceeded', used: 5, limit: 5 });
  });

  it('bring what was counted into the database that the application names, also what Redis has not heard of yet', async () => {
    configureAnalytics({ query: engine.query });
    trackUsage('key_1', 3);
    expect(await syncUsage()).toEqual({ status: 'drained', rows: 1 });
    expect(await syncUsage()).toEqual({ status: 'drained', rows: 0 });
    expect(await sumOf('breakwater_usage')).toBe(3);
  });
});

describe('the helpers of analytics', () => {
  it('count events, once for an id, and bring them into the database', async () => {
    configureAnalytics({ query: engine.query });
    expect(await trackEvent('view', { path: '/a' }, { by: 2 })).toEqual({ status: 'counted' });
    expect(await trackEvent('view', { path: '/a' }, { once: { id: 'v7' } })).toEqual({ status: 'counted' });
    expect(await trackEvent('view', { path: '/a' }, { once: { id: 'v7' } })).toEqual({ status: 'duplicate' });
    await syncAnalytics();
    expect(await sumOf('breakwater_analytics')).toBe(3);
  });

  it('count on one client, whichever copy of the module is asked', async () => {
    expect(getDefaults().kv).toBe(getDefaults().kv);
    trackUsage('key_1');
    expect(await getUsage('key_1')).toMatchObject({ total: 1 });
  });
});

describe('events of their own', () => {
  const stored = async () =>
    (await engine.database.query<{ event: unknown }>('select event from breakwater_events order by id')).rows;

  it('are appended, and brought into the database once', async () => {
    configureAnalytics({ query: engine.query });
    expect(await syncEvents()).toEqual({ status: 'drained', rows: 0 });
    expect(await appendEvents([{ path: '/a' }, { path: '/b' }])).toMatchObject({ status: 'appended', length: 2 });
    expect(await syncEvents()).toEqual({ status: 'drained', rows: 2 });
    expect(await syncEvents()).toEqual({ status: 'drained', rows: 0 });
    expect(await stored()).toEqual([{ event: { path: '/a' } }, { event: { path: '/b' } }]);
  });

  it('stay in Redis while the database is away, and wait here while Redis is', async () => {
    const { store } = await manageKeys();
    configureAnalytics({ query: () => Promise.reject(new Error('secret')) });
    await appendEvents(['first']);
    const reason = 'The database of events did not answer';
    expect(await syncEvents()).toEqual({
      status: 'unavailable',
      where: 'database',
      reason,
      retryAfterMs: 1_000,
      rows: 0,
    });
    configureAnalytics({ query: engine.query });
    store.takeAway(AWAY);
    expect(await appendEvents(['second'])).toMatchObject({ status: 'unavailable', buffered: 1 });
    expect(await syncEvents()).toMatchObject({ status: 'unavailable', where: 'redis', rows: 0 });
    store.giveBack();
    getDefaults().kv.circuit.reset();
    expect(await syncEvents()).toEqual({ status: 'drained', rows: 2 });
    expect(await stored()).toEqual([{ event: 'first' }, { event: 'second' }]);
  });
});

describe('a database that is none', () => {
  it('is told by the name of the variable, once somebody asks for it', async () => {
    const error = new ConfigError(
      'DATABASE_URL',
      'must be set to postgres://…, or a database be given to configureAnalytics',
    );
    await expect(syncUsage()).rejects.toEqual(error);
    await expect(syncAnalytics()).rejects.toEqual(error);
    await expect(syncEvents()).rejects.toEqual(error);
    configureAnalytics({ query: engine.query });
    expect(await syncUsage()).toMatchObject({ status: 'drained' });
    configureAnalytics({ query: undefined });
    await expect(syncUsage()).rejects.toEqual(error);
    expect(() => configureAnalytics({ query: 'x' as never })).toThrow('query must be a function');
  });
});
