import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import type { SqlQuery } from '../../lib/client/sql-query.ts';
import { CircuitOpenError, CommandError, ConfigError, StoreError } from '../../lib/errors.ts';
import { fromAnywhere, runDrain } from '../../lib/primitives/drain.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

const clock = manualClock();
const kv = createKv({ store: memoryStore({ clock }), clock });
const answers: SqlQuery = async () => [{ one: '1' }];

describe('a drain', () => {
  it('counts what it has brought', async () => {
    const drained = await runDrain(kv, { query: answers }, 'tests', async ({ ask, saved }) => {
      await ask('select 1', [], ([row]) => row?.one);
      saved(3);
      saved(4);
    });
    expect(drained).toEqual({ status: 'drained', rows: 7 });
  });

  it('that Redis fails says so, when to come back, and what it has brought by then', async () => {
    const drained = await runDrain(kv, { query: answers }, 'tests', async ({ ask, saved }) => {
      await ask('select 1', [], ([row]) => row?.one);
      saved(3);
      throw new CircuitOpenError(2_500);
    });
    const reason = 'The circuit is open; the store was not asked';
    expect(drained).toEqual({ status: 'unavailable', where: 'redis', reason, retryAfterMs: 2_500, rows: 3 });
  });

  it('that the database fails says so, and nothing of what it was asked', async () => {
    const query: SqlQuery = () => Promise.reject(Object.assign(new Error('secret'), { code: '42P01' }));
    const drained = await runDrain(kv, { query }, 'tests', ({ ask }) => ask('x', [], () => true).then(() => {}));
    const reason = 'The tables of tests are missing';
    expect(drained).toEqual({ status: 'unavailable', where: 'database', reason, retryAfterMs: 1_000, rows: 0 });
  });

  it('waits for the database up to its deadline, whether the driver heeds the signal or not', async () => {
    let signal: AbortSignal | undefined;
    const query: SqlQuery = (_text, _params, options) => {
      signal = options.signal;
      return new Promise(() => {});
    };
    const options = { query, queryTimeoutMs: 500 };
    const drained = runDrain(kv, options, 'tests', ({ ask }) => ask('x', [], () => true).then(() => {}));
    await clock.run(499);
    expect(signal?.aborted).toBe(false);
    await clock.run(1);
    expect(await drained).toMatchObject({ where: 'database', reason: 'No answer within 500 ms' });
    expect(signal?.aborted).toBe(true);
  });

  it('names who has failed it, also where it goes on to ask the other', async () => {
    const query: SqlQuery = () => Promise.reject(new Error('away'));
    const drained = await runDrain(kv, { query }, 'tests', async ({ ask }) => {
      await ask('x', [], () => true).catch(() => {});
      throw new StoreError('network', 'gone');
    });
    expect(drained).toMatchObject({ where: 'redis', reason: 'gone' });
  });

  it.each([
    ['a defect', new TypeError('defect'), 2],
    ['data that the database refuses', new StoreError('protocol', 'refused', { cause: '22P05' }), 2],
    ['a row that is too large', new StoreError('protocol', 'refused', { cause: '54000' }), 2],
    ['a table that is missing', new StoreError('protocol', 'missing', { cause: '42P01' }), 1],
    ['an answer that cannot be read', new StoreError('protocol', 'unreadable'), 1],
    ['an outage', new StoreError('network', 'gone', { cause: 'ECONNRESET' }), 1],
  ])('goes on with its other parts after %s, unless that would fail them too', async (_name, error, parts) => {
    let begun = 0;
    const drain = runDrain(kv, { query: answers }, 'tests', async ({ part }) => {
      for (let index = 0; index < 2; index += 1) {
        await part(() => {
          begun += 1;
          return Promise.reject(error);
        });
      }
    });
    if (error instanceof StoreError)
      expect(await drain).toMatchObject({ status: 'unavailable', reason: error.message });
    else await expect(drain).rejects.toBe(error);
    expect(begun).toBe(parts);
  });

  it.each([new CommandError('WRONGTYPE', 'no'), new TypeError('defect')])(
    'throws what is no outage: %s',
    async (error) => {
      const drain = runDrain(kv, { query: answers }, 'tests', () => Promise.reject(error));
      await expect(drain).rejects.toBe(error);
    },
  );

  it('that gets another answer than it has asked for stops, and knows of no row', async () => {
    const drained = await runDrain(kv, { query: answers }, 'tests', async ({ ask, saved }) => {
      await ask('select 1', [], ([row]) => row?.two);
      saved(1);
    });
    const reason = 'The database of tests holds something that cannot be read';
    expect(drained).toMatchObject({ status: 'unavailable', where: 'database', reason, rows: 0 });
  });

  it('is refused with a query that is none, and a deadline that is none', async () => {
    const notAFunction = 'select 1' as unknown as SqlQuery;
    const nothing = async () => {};
    await expect(runDrain(kv, { query: notAFunction }, 'tests', nothing)).rejects.toEqual(
      new ConfigError('query', 'must be a function'),
    );
    const options = { query: answers, queryTimeoutMs: 0 };
    await expect(runDrain(kv, options, 'tests', nothing)).rejects.toThrow('queryTimeoutMs');
  });

  it('is unavailable by errors of the store', async () => {
    const error = new StoreError('network', 'gone');
    const drained = await runDrain(kv, { query: answers }, 'tests', () => Promise.reject(error));
    expect(drained).toMatchObject({ status: 'unavailable', where: 'redis', reason: 'gone' });
  });
});

describe('the order of a drain', () => {
  it('begins anywhere, and has everything once', () => {
    const orders = Array.from({ length: 200 }, () => fromAnywhere(['a', 'b', 'c']).join(''));
    expect([...new Set(orders)].sort()).toEqual(['abc', 'bca', 'cab']);
    expect(fromAnywhere([])).toEqual([]);
  });
});
