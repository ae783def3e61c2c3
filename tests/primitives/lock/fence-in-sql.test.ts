import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { acquired, lockRig } from '../../support/lock-rig.ts';
import { projectRoot } from '../../support/source-tree.ts';
import { sqlEngine } from '../../support/sql-engine.ts';

/** The statements of docs/locks.md, in their order. */
const statements = async (): Promise<readonly string[]> => {
  const page = await readFile(join(projectRoot, 'docs/locks.md'), 'utf8');
  return [...page.matchAll(/```sql\n([\s\S]*?)```/g)].map(([, text = '']) => text);
};

describe('a table that compares fences as docs/locks.md says', () => {
  const engine = sqlEngine();

  it('refuses the write of a holder whose lock has ended, once the next one has written', async () => {
    const { database } = engine;
    const [addColumn = '', update = ''] = await statements();
    await database.exec("CREATE TABLE invoices (id int PRIMARY KEY, total text); INSERT INTO invoices VALUES (7, '0')");
    await database.exec(addColumn);
    const write = async (total: string, fence: number) =>
      (await database.query(update, [total, fence, 7])).rows.length === 1;
    const written = async () => (await database.query('SELECT total, fence FROM invoices')).rows;

    const { locks, elsewhere, clock } = await lockRig();
    const { lock: late } = acquired(await locks.acquire('invoice:7'));
    expect(await write('1', late.fence)).toBe(true);
    clock.suspend(30_001);
    const { lock: next } = acquired(await elsewhere.acquire('invoice:7'));
    expect(await write('2', next.fence)).toBe(true);
    // It wakes up, and has not looked.
    expect(await write('3', late.fence)).toBe(false);
    expect(await write('4', next.fence)).toBe(true);
    expect(await written()).toEqual([{ total: '4', fence: next.fence }]);
  });
});
