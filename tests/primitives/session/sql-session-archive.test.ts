import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  type ArchivedSession,
  type SqlQuery,
  type SqlSessionArchive,
  sqlSessionArchive,
  sqlSessionSchema,
} from '../../../lib/primitives/session/index.ts';
import { begun, CART, sessionRig } from '../../support/session-rig.ts';
import { projectRoot } from '../../support/source-tree.ts';
import { sqlEngine } from '../../support/sql-engine.ts';

const engine = sqlEngine();
const query: SqlQuery = (text, params) => engine.database.query(text, params);
let table = '';
let tables = 0;
let archive: SqlSessionArchive;

beforeEach(async () => {
  tables += 1;
  table = `sessions_${tables}`;
  await engine.database.exec(sqlSessionSchema(table));
  archive = sqlSessionArchive({ query, table });
});

const row = (over: Partial<ArchivedSession> = {}): ArchivedSession => ({
  ...{ id: 'group.hash', userId: 'ada', startedAt: 1_700_000_000_000, endedAt: 1_700_000_000_001 },
  ...{ reason: 'destroyed', version: 3, data: CART },
  ...over,
});

const count = async () => (await engine.database.query(`select id from ${table}`)).rows.length;

describe('the archive of sessions in SQL', () => {
  it('has the schema that is packaged, which can be applied again', async () => {
    expect(await readFile(join(projectRoot, 'sql/sessions.sql'), 'utf8')).toBe(sqlSessionSchema());
    await archive.put([row()]);
    await engine.database.exec(sqlSessionSchema(table));
    expect(await archive.get('group.hash')).toEqual(row());
  });

  it('gives back what was put, whatever that is', async () => {
    const rows = [
      row({ id: 'a', userId: undefined, data: null }),
      row({ id: 'b', userId: '', reason: 'expired', data: { text: 'ü\u0000\ud800\n"\\' } }),
      row({ id: 'c', userId: 'ü\u0000\ud800"\\', reason: 'revoked', data: [1, 1.5, true] }),
      row({ id: 'd', reason: 'rotated', version: 9_007_199_254_740_991 }),
    ];
    await archive.put(rows);
    for (const one of rows) expect(await archive.get(one.id)).toEqual(one);
    expect(await archive.get('none')).toBeUndefined();
  });

  it('leaves what is there when it comes again, also within one call', async () => {
    await archive.put([row()]);
    await archive.put([row({ data: 'other' }), row({ id: 'new' }), row({ id: 'new', data: 'twice' })]);
    expect(await archive.get('group.hash')).toEqual(row());
    expect(await archive.get('new')).toEqual(row({ id: 'new' }));
    expect(await count()).toBe(2);
  });

  it('has each of those that have begun under one id, one after the other', async () => {
    const { sessions, clock } = sessionRig({ archive, idleMs: 3_600_000, tombstoneMs: 1_000 });
    let id = '';
    for (const item of ['first', 'second']) {
      const put = await sessions.put('own', { items: [item] });
      if (put.status === 'saved') id = put.session.id;
      await sessions.remove('own');
      clock.advance(3_600_000);
      expect(await sessions.sweep()).toMatchObject({ archived: 1 });
      expect(await archive.get(id)).toMatchObject({ data: { items: [item] } });
      clock.advance(1_001);
    }
    expect(await count()).toBe(2);
  });

  it('takes a thousand in one statement, and none in none', async () => {
    let statements = 0;
    const counted = sqlSessionArchive({
      table,
      query: (text, params, options) => {
        statements += 1;
        return query(text, params, options);
      },
    });
    await counted.put(Array.from({ length: 1_000 }, (_, index) => row({ id: `${index}` })));
    await counted.put([]);
    expect([statements, await count()]).toEqual([1, 1_000]);
  });

  it('says nothing of what was sent where the database is away, or its table missing', async () => {
    const away = sqlSessionArchive({ query: () => Promise.reject(new Error('secret ada')) });
    await expect(away.put([row()])).rejects.toMatchObject({ code: 'STORE', kind: 'network' });
    const missing = sqlSessionArchive({ query, table: 'nowhere' });
    for (const work of [() => missing.put([row()]), () => missing.get('x'), () => away.get('x')]) {
      const error = await work().catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'STORE' });
      expect(String(error)).not.toContain('ada');
    }
    await engine.database.exec(`insert into ${table} values ('x', 'u', 1, 1, 'expired', 1, '{')`);
    await expect(archive.get('x')).rejects.toMatchObject({ code: 'STORE', kind: 'protocol' });
  });

  it.each(['', 'Upper', 'a b', '1a', `t${'x'.repeat(48)}`, 'a.b.c', 'a"'])(
    'takes no table by the name of %j',
    (name) => {
      const wrong = expect.objectContaining({ code: 'CONFIG', setting: 'table' });
      expect(() => sqlSessionArchive({ query, table: name })).toThrow(wrong);
      expect(() => sqlSessionSchema(name)).toThrow(wrong);
    },
  );

  it('has a session that has ended', async () => {
    const { sessions } = sessionRig({ archive });
    const { token, session } = await begun(sessions);
    expect(await sessions.end(token)).toEqual({ status: 'ended', archived: true });
    expect(await archive.get(session.id)).toMatchObject({ userId: 'ada', data: CART, reason: 'destroyed' });
    const kept = await engine.database.query(`select * from ${table}`);
    expect(JSON.stringify(kept.rows)).not.toContain(token.split('.')[1]);
  });
});
