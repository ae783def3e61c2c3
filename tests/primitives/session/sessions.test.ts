import { describe, expect, it } from 'vitest';
import { createKv, type KvClient } from '../../../lib/client/kv-client.ts';
import { createSessions, type Session, type SessionsOptions } from '../../../lib/primitives/session/index.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { onEveryKv } from '../../support/every-kv.ts';
import { anonymous, begun, CART, type Cart, dataOf, started } from '../../support/session-rig.ts';

onEveryKv('sessions', (makeKv) => {
  const open = (options: Partial<SessionsOptions> = {}, kv: KvClient = makeKv()) =>
    createSessions<Cart>({ kv, ...options });

  it('are what was put into them, by token and by what was read, and by nothing else', async () => {
    const sessions = open();
    const { token, session } = await begun(sessions);
    expect(session).toEqual({
      id: expect.stringMatching(/^[\w-]{22}\.[\w-]{43}$/),
      userId: 'ada',
      data: CART,
      version: 1,
      startedAt: expect.any(Number),
      endsAt: session.startedAt + 2_592_000_000,
      leftMs: 86_400_000,
    });
    const read = await sessions.read(token);
    expect(read).toEqual({ status: 'active', session: { ...session, leftMs: expect.any(Number) } });
    expect(await dataOf(sessions, session)).toEqual(CART);
    // What stands for it in lists lets nobody in.
    expect(await dataOf(sessions, session.id)).toBe('none');
    expect(await dataOf(sessions, `${token.slice(0, -1)}${token.endsWith('0') ? '1' : '0'}`)).toBe('none');
  });

  it('of another name, or under another pepper, are others', async () => {
    const { token } = await begun(open());
    for (const options of [{ name: 'other' }, { pepper: 'sixteen letters.' }]) {
      expect(await dataOf(open(options), token)).toBe('none');
    }
    const peppered = open({ pepper: 'sixteen letters.' });
    expect(await dataOf(peppered, (await begun(peppered)).token)).toEqual(CART);
  });

  it('take what is saved, one version more each time, and keep whose they are', async () => {
    const sessions = open();
    const { token, session } = await begun(sessions);
    const saved = await sessions.save(token, { items: ['b'] });
    expect(saved).toMatchObject({ status: 'saved', session: { id: session.id, userId: 'ada', version: 2 } });
    expect(await dataOf(sessions, token)).toEqual({ items: ['b'] });
    expect(await sessions.read(session)).toMatchObject({ session: { version: 2, userId: 'ada' } });
  });

  it('take what is saved under a version only if nobody has saved since', async () => {
    const sessions = open();
    const { token } = await begun(sessions);
    const saves = await Promise.all(
      ['b', 'c', 'd'].map((item) => sessions.save(token, { items: [item] }, { ifVersion: 1 })),
    );
    expect(saves.map(({ status }) => status).sort()).toEqual(['conflict', 'conflict', 'saved']);
  });

  it('that nobody has begun are not begun by a save', async () => {
    const sessions = open();
    const other = await begun(open({ name: 'other' }));
    expect(await sessions.save(other.token, CART)).toEqual({ status: 'ended' });
    expect(await dataOf(sessions, other.token)).toBe('none');
  });

  it('are over once destroyed, and no save, touch or rotation brings them back', async () => {
    const sessions = open();
    const { token, session } = await begun(sessions);
    expect(await sessions.destroy(token)).toEqual({ status: 'ended', archived: false });
    expect(await sessions.destroy(token)).toEqual({ status: 'none' });
    expect(await sessions.save(session, CART)).toEqual({ status: 'ended' });
    expect(await sessions.rotate(session)).toEqual({ status: 'ended' });
    expect(await dataOf(sessions, token)).toBe('none');
    expect(await sessions.list('ada')).toEqual({ status: 'listed', sessions: [] });
  });

  it('go on under another token, with their beginning and their end, and not under the old one', async () => {
    const sessions = open();
    const { token, session } = await begun(sessions);
    const rotated = started(await sessions.rotate(session));
    expect(rotated.token).not.toBe(token);
    expect(rotated.session).toMatchObject({ userId: 'ada', data: CART, version: 2, startedAt: session.startedAt });
    expect(rotated.session.endsAt).toBe(session.endsAt);
    expect(await dataOf(sessions, token)).toBe('none');
    expect(await sessions.save(session, { items: ['late'] })).toEqual({ status: 'ended' });
    expect(await dataOf(sessions, rotated.token)).toEqual(CART);
    expect(await sessions.rotate(session)).toEqual({ status: 'ended' });
  });

  it('that are rotated have what was saved last, unless they are given something else', async () => {
    const sessions = open();
    const { session } = await begun(sessions);
    await sessions.save(session, { items: ['later'] });
    const moved = await sessions.rotate(session);
    expect(moved).toMatchObject({ status: 'rotated', session: { data: { items: ['later'] } } });
    if (moved.status !== 'rotated') return;
    const given = await sessions.rotate(moved.session, { data: { items: ['given'] } });
    expect(given).toMatchObject({ status: 'rotated', session: { data: { items: ['given'] } } });
  });

  it('with a grace are read and saved by the old token too, and end with it', async () => {
    const sessions = open();
    const { token, session } = await begun(sessions);
    const rotated = started(await sessions.rotate(session, { graceMs: 30_000 }));
    expect(await dataOf(sessions, token)).toEqual(CART);
    expect(await sessions.save(token, { items: ['old'] })).toMatchObject({ status: 'saved' });
    expect(await dataOf(sessions, rotated.token)).toEqual({ items: ['old'] });
    const again = started(await sessions.rotate(rotated.session, { graceMs: 30_000 }));
    expect(await dataOf(sessions, token)).toEqual({ items: ['old'] });
    expect(await sessions.destroy(token)).toEqual({ status: 'ended', archived: false });
    for (const each of [token, rotated.token, again.token]) expect(await dataOf(sessions, each)).toBe('none');
  });

  it('of nobody become those of who logs in, and the token that was planted before is worth nothing', async () => {
    const sessions = open();
    const planted = await anonymous(sessions);
    expect(planted.session.userId).toBeUndefined();
    const login = started(await sessions.rotate(planted.session, { userId: 'ada' }));
    expect(login.session).toMatchObject({ userId: 'ada', data: CART });
    expect(await dataOf(sessions, planted.token)).toBe('none');
    expect(await dataOf(sessions, login.token)).toEqual(CART);
    expect(await sessions.rotate(planted.session, { userId: 'eve' })).toEqual({ status: 'ended' });
    const nobody = await anonymous(sessions);
    expect(await sessions.rotate(nobody.session)).toMatchObject({
      status: 'rotated',
      session: { userId: undefined },
    });
  });

  it('of a user all end at once, and those begun afterwards do not', async () => {
    const sessions = open();
    const [one, other] = [await begun(sessions), await begun(sessions)];
    const stranger = await begun(sessions, 'bob');
    expect(await sessions.revokeUser('ada')).toEqual({ status: 'revoked' });
    const next = await begun(sessions);
    for (const { token, session } of [one, other]) {
      expect(await dataOf(sessions, token)).toBe('none');
      expect(await sessions.save(session, CART)).toEqual({ status: 'ended' });
      expect(await sessions.rotate(session)).toEqual({ status: 'ended' });
    }
    expect(await dataOf(sessions, next.token)).toEqual(CART);
    expect(await dataOf(sessions, stranger.token)).toEqual(CART);
    const list = await sessions.list('ada');
    expect(list.status === 'listed' && list.sessions.map(({ id }) => id)).toEqual([next.session.id]);
    expect(await sessions.revokeUser('nobody')).toEqual({ status: 'revoked' });
  });

  it('of a user are listed, the oldest first, with what they are', async () => {
    const sessions = open();
    const all: Session<Cart>[] = [];
    for (const item of ['a', 'b', 'c', 'd']) all.push((await begun(sessions, 'ada', { items: [item] })).session);
    const [first, second, third, fourth] = all;
    if (!first || !second || !third || !fourth) throw new Error('not begun');
    await sessions.destroy(third);
    await sessions.save(first, { items: ['saved'] });
    const list = await sessions.list('ada');
    if (list.status !== 'listed') throw new Error(list.status);
    expect(list.sessions.map(({ data }) => data.items)).toEqual([['saved'], ['b'], ['d']]);
    expect(await sessions.count('ada')).toEqual({ status: 'counted', count: 3 });
    // A place in the list is enough to end one, on another device.
    expect(await sessions.destroy(list.sessions[1] ?? '')).toMatchObject({ status: 'ended' });
    expect(await dataOf(sessions, second)).toBe('none');
    expect(await sessions.list('nobody')).toEqual({ status: 'listed', sessions: [] });
    expect(await sessions.count('nobody')).toEqual({ status: 'counted', count: 0 });
  });

  it('beyond maxPerUser end the oldest of them', async () => {
    const sessions = open({ maxPerUser: 3 });
    const all: string[] = [];
    for (let count = 0; count < 5; count += 1) all.push((await begun(sessions)).token);
    const found = [];
    for (const token of all) found.push(await dataOf(sessions, token));
    expect(found).toEqual(['none', 'none', CART, CART, CART]);
    const list = await sessions.list('ada');
    expect(list.status === 'listed' && list.sessions.length).toBe(3);
    const unbounded = open({ maxPerUser: 0, name: 'unbounded' });
    for (let count = 0; count < 4; count += 1) await begun(unbounded);
    const rest = await unbounded.list('ada');
    expect(rest.status === 'listed' && rest.sessions.length).toBe(4);
  });

  it('under ids of somebody else begin with the first put, and not again once removed', async () => {
    const sessions = open();
    expect(await sessions.get('id')).toEqual({ status: 'none' });
    expect(await sessions.put('id', CART, { idleMs: 60_000 })).toMatchObject({
      status: 'saved',
      session: { version: 1, leftMs: 60_000 },
    });
    expect(await sessions.put('id', { items: ['b'] })).toMatchObject({ status: 'saved', session: { version: 2 } });
    expect(await sessions.get('id')).toMatchObject({ status: 'active', session: { data: { items: ['b'] } } });
    expect(await sessions.remove('id')).toMatchObject({ status: 'ended' });
    expect(await sessions.put('id', CART)).toEqual({ status: 'ended' });
    expect(await sessions.get('id')).toEqual({ status: 'none' });
    expect(await sessions.remove('never')).toEqual({ status: 'none' });
    expect(await sessions.put('never', CART)).toEqual({ status: 'ended' });
  });

  it('that are destroyed, or whose users are revoked, while many save them stay over', async () => {
    const [here, elsewhere] = [open(), open({}, makeKv())];
    for (let round = 0; round < 10; round += 1) {
      const { token, session } = await begun(here);
      const own = `own ${round}`;
      await here.put(own, CART);
      const saves = () => [1, 2, 3].flatMap(() => [elsewhere.save(session, CART), here.put(own, CART)]);
      const end = round % 2 === 0 ? () => here.destroy(token) : () => here.revokeUser('ada');
      await Promise.all([...saves(), end(), elsewhere.remove(own), elsewhere.rotate(session), ...saves()]);
      const list = await here.list('ada');
      // A rotation that came before a revocation is over with it, and so it is after the end of its old id.
      expect(list).toEqual({ status: 'listed', sessions: [] });
      expect([await dataOf(here, token), (await here.get(own)).status]).toEqual(['none', 'none']);
    }
  });

  it('carry whatever has a JSON form', async () => {
    const sessions = createSessions<unknown>({ kv: makeKv() });
    for (const data of [null, 0, '', 'two\nlines\r\n\u0000\ud800', [], { a: { b: ['ü', '𝄞'] } }]) {
      expect(await sessions.put('any', data)).toMatchObject({ status: 'saved' });
      expect(await sessions.get('any')).toMatchObject({ status: 'active', session: { data } });
    }
    for (const userId of ['', 'ü\n', '{}', 'x'.repeat(1_000)]) {
      const created = await sessions.create(userId, 1);
      expect(created.status === 'created' && (await sessions.read(created.token))).toMatchObject({
        session: { userId },
      });
    }
  });
});

describe('what cannot be a session', () => {
  it('is refused at once', async () => {
    const kv = createKv({ store: memoryStore() });
    const sessions = createSessions<unknown>({ kv, maxBytes: 10 });
    const cycle: unknown[] = [];
    cycle.push(cycle);
    for (const data of [undefined, () => 1, cycle, '123456789', 'üüüüü']) {
      await expect(sessions.create('ada', data)).rejects.toMatchObject({ code: 'CONFIG', setting: 'data' });
    }
    for (const data of ['12345678', 'üüüü'])
      expect(await sessions.create('ada', data)).toMatchObject({ status: 'created' });
    for (const id of ['', 'x'.repeat(1_025)]) {
      await expect(sessions.put(id, 1)).rejects.toMatchObject({ code: 'CONFIG', setting: 'id' });
    }
    expect(await sessions.put('x'.repeat(1_024), 1)).toMatchObject({ status: 'saved' });
    await expect(sessions.put('id', 1, { idleMs: 0 })).rejects.toMatchObject({ code: 'CONFIG', setting: 'idleMs' });
    await expect(sessions.read({ id: 'x' })).rejects.toMatchObject({ code: 'CONFIG', setting: 'session' });
  });

  it.each([
    ['name', { name: 'a b' }],
    ['name', { name: '' }],
    ['pepper', { pepper: 'too short' }],
    ['idleMs', { idleMs: 0 }],
    ['absoluteMs', { absoluteMs: 1.5 }],
    ['maxPerUser', { maxPerUser: 1_001 }],
    ['maxBytes', { maxBytes: 0 }],
    ['tombstoneMs', { tombstoneMs: 0 }],
    ['archiveWithinMs', { archiveWithinMs: 999 }],
  ] as const)('is not made with a wrong %s', (setting, options) => {
    const kv = createKv({ store: memoryStore() });
    expect(() => createSessions({ kv, ...options })).toThrow(expect.objectContaining({ code: 'CONFIG', setting }));
  });
});
