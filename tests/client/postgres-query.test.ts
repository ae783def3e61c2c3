import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { postgresQuery } from '../../lib/client/postgres-query.ts';
import { createSqlAsk } from '../../lib/client/sql-query.ts';
import { ConfigError } from '../../lib/errors.ts';
import { type PostgresWire, startPostgresWire } from '../support/postgres-wire.ts';
import { sqlEngine } from '../support/sql-engine.ts';

const engine = sqlEngine();
let wire: PostgresWire;
beforeAll(async () => {
  wire = await startPostgresWire(engine.database);
});
afterAll(() => wire.close());

const open = (options: Partial<Parameters<typeof postgresQuery>[0]> = {}) =>
  postgresQuery({ url: wire.url, ...options });

describe('a query through node-postgres', () => {
  it('sends a statement with its parameters, and answers its rows', async () => {
    const query = open();
    const ask = createSqlAsk(query, 'tests');
    expect(await ask('select $1::text || $2::text as both', ['a', 'b'])).toEqual([{ both: 'ab' }]);
    await query.close();
  });

  it('connects with the first statement, to no more connections than it may, and closes them', async () => {
    const query = open({ maxConnections: 2 });
    await vi.waitFor(() => expect(wire.connections).toBe(0));
    await Promise.all(Array.from({ length: 8 }, () => query('select 1', [], {})));
    expect(wire.connections).toBe(2);
    await query.close();
    await vi.waitFor(() => expect(wire.connections).toBe(0));
  });

  it('outlives connections that break while nobody uses them, and a database that is away', async () => {
    const query = open();
    const ask = createSqlAsk(query, 'tests');
    await ask('select 1::text as one', []);
    wire.goAway();
    await vi.waitFor(() => expect(wire.connections).toBe(0));
    for (let turns = 0; turns < 20; turns += 1) await turn();
    await expect(ask('select 1::text as one', [])).rejects.toMatchObject({ code: 'STORE', kind: 'network' });
    wire.comeBack();
    expect(await ask('select 1::text as one', [])).toEqual([{ one: '1' }]);
    await query.close();
  });

  it('tells of what the database refuses by its code, and never by its text', async () => {
    const query = open();
    const ask = createSqlAsk(query, 'tests');
    await expect(ask('select secret from nowhere', [])).rejects.toMatchObject({
      message: 'The tables of tests are missing',
      cause: '42P01',
    });
    await query.close();
  });

  it('can be asked again after it was closed, and closed without having been asked', async () => {
    const query = open();
    await query.close();
    expect(await query('select 1 as one', [], {})).toMatchObject({ rows: [{ one: 1 }] });
    await query.close();
  });

  it('says which package is missing, and says it of the database too', async () => {
    vi.doMock('pg', () => {
      throw new Error('not found');
    });
    const query = open();
    const ask = createSqlAsk(query, 'tests');
    for (const asked of [query('select 1', [], {}), ask('select 1', [])]) {
      await expect(asked).rejects.toEqual(new ConfigError('postgresQuery', 'needs the package pg: npm install pg'));
    }
    vi.doUnmock('pg');
  });

  it.each([
    ['url', { url: 'mysql://localhost/app' }, 'must begin with postgres:// or postgresql://'],
    ['maxConnections', { maxConnections: 0 }, 'must be a whole number from 1 to 1000, got 0'],
    ['statementTimeoutMs', { statementTimeoutMs: 0.5 }, 'must be a whole number from 1 to 2147482647, got 0.5'],
    ['connectTimeoutMs', { connectTimeoutMs: 0 }, 'must be a whole number from 1 to 2147483647, got 0'],
    ['idleTimeoutMs', { idleTimeoutMs: -1 }, 'must be a whole number from 1 to 2147483647, got -1'],
  ])('refuses an option that cannot be: %s', (option, options, expectation) => {
    expect(() => open(options)).toThrow(new ConfigError(option, expectation));
  });
});
