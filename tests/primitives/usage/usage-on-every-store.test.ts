import { expect, it } from 'vitest';
import { createUsage } from '../../../lib/primitives/usage/usage.ts';
import { usageSchema } from '../../../lib/primitives/usage/usage-sql.ts';
import { onEveryKv } from '../../support/every-kv.ts';
import { sqlEngine } from '../../support/sql-engine.ts';

const engine = sqlEngine();

onEveryKv('uses', (openKv) => {
  it('are counted by several processes at once, read by each, and drained by all, without a loss', async () => {
    const table = await engine.freshTable(usageSchema);
    const all = [1, 2, 3].map(() => createUsage({ kv: openKv({ namespace: 'app:' }) }));
    for (let use = 0; use < 900; use += 1) all[use % 3]?.record(`key ${use % 30}`);
    await Promise.all(all.map((usage) => usage.flush()));
    expect(all.map((usage) => usage.stats().sent)).toEqual([300, 300, 300]);
    for (const usage of all) {
      expect(await usage.read('key 7')).toMatchObject({ status: 'found', total: 30 });
      expect(await usage.checkLimit('key 7', 30)).toEqual({ status: 'exceeded', used: 30, limit: 30 });
    }
    const outcomes = await Promise.all(all.map((usage) => usage.drain({ query: engine.query, table })));
    expect(outcomes.map(({ status }) => status)).toEqual(['drained', 'drained', 'drained']);
    for (const usage of all) {
      expect(await usage.readDrained('key 7', 30, { query: engine.query, table })).toMatchObject({ total: 30 });
      expect(await usage.drain({ query: engine.query, table })).toEqual({ status: 'drained', rows: 0 });
    }
    const { rows } = await engine.database.query(`select sum(n)::int as n from ${table}`);
    expect(rows).toEqual([{ n: 900 }]);
  });
});
