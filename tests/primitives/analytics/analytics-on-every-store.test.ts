import { expect, it } from 'vitest';
import { createAnalytics } from '../../../lib/primitives/analytics/analytics.ts';
import { analyticsSchema } from '../../../lib/primitives/analytics/analytics-sql.ts';
import { onEveryKv } from '../../support/every-kv.ts';
import { sqlEngine } from '../../support/sql-engine.ts';

const engine = sqlEngine();

onEveryKv('events', (openKv) => {
  it('are counted by several processes at once, once for each id, and drained by all, each exactly once', async () => {
    const table = await engine.freshTable(analyticsSchema);
    const all = [1, 2, 3].map(() => createAnalytics({ kv: openKv({ namespace: 'app:' }), batchFields: 7 }));
    const counted = await Promise.all(
      Array.from({ length: 600 }, (_, index) => {
        const once = index % 2 === 0 ? { id: `visitor ${index % 100}` } : undefined;
        return all[index % 3]?.count('view', { path: `/${index % 40}` }, { once });
      }),
    );
    // 300 without an id, and 50 ids.
    expect(counted.filter((answer) => answer?.status === 'counted')).toHaveLength(350);
    expect(counted.filter((answer) => answer?.status === 'duplicate')).toHaveLength(250);
    const drains = all.map((analytics) => analytics.drain({ query: engine.query, table }));
    expect((await Promise.all(drains)).map(({ status }) => status)).toEqual(['drained', 'drained', 'drained']);
    const { rows } = await engine.database.query(`select sum(n)::int as n from ${table}`);
    expect(rows).toEqual([{ n: 350 }]);
    expect(await all[0]?.drain({ query: engine.query, table })).toEqual({ status: 'drained', rows: 0 });
  });
});
