import { describe, expect, it } from 'vitest';
import { createSessions } from '../../../lib/primitives/session/index.ts';
import { begun, CART, dataOf, sessionRig, started } from '../../support/session-rig.ts';

const HOUR_MS = 3_600_000;

describe('a session', () => {
  it('ends without use after idleMs, and not a millisecond earlier', async () => {
    const { sessions, clock } = sessionRig({ idleMs: HOUR_MS, touchOnRead: false });
    const { token, session } = await begun(sessions);
    clock.advance(HOUR_MS - 1);
    expect(await sessions.read(token)).toMatchObject({ status: 'active', session: { leftMs: 1 } });
    expect(await sessions.count('ada')).toEqual({ status: 'counted', count: 1 });
    clock.advance(1);
    expect(await sessions.count('ada')).toEqual({ status: 'counted', count: 0 });
    expect(await dataOf(sessions, token)).toBe('none');
    expect(await sessions.save(session, CART)).toEqual({ status: 'ended' });
    expect(await sessions.list('ada')).toEqual({ status: 'listed', sessions: [] });
  });

  it('has all of its idle time again with each save', async () => {
    const { sessions, clock } = sessionRig({ idleMs: HOUR_MS, touchOnRead: false });
    const { token } = await begun(sessions);
    clock.advance(HOUR_MS - 1);
    expect(await sessions.save(token, CART)).toMatchObject({ status: 'saved', session: { leftMs: HOUR_MS } });
    clock.advance(HOUR_MS - 1);
    expect(await dataOf(sessions, token)).toEqual(CART);
    clock.advance(1);
    expect(await dataOf(sessions, token)).toBe('none');
  });

  it('has it again with a read, but only one that finds less than half of it left', async () => {
    const { sessions, clock, requests } = sessionRig({ idleMs: HOUR_MS });
    const { token } = await begun(sessions);
    await requests(() => sessions.save(token, CART));
    clock.advance(HOUR_MS / 2);
    expect(await requests(() => sessions.read(token))).toEqual(['PTTL MGET']);
    clock.advance(1);
    expect(await requests(() => sessions.read(token))).toEqual(['PTTL MGET', 'EVALSHA', 'EVAL']);
    expect(await sessions.read(token)).toMatchObject({ session: { leftMs: HOUR_MS, version: 2 } });
    clock.advance(HOUR_MS - 1);
    expect(await requests(() => sessions.read(token))).toEqual(['PTTL MGET', 'EVALSHA']);
    clock.advance(HOUR_MS - 1);
    expect(await dataOf(sessions, token)).toEqual(CART);
  });

  it('tells the platform of a touch, and has it done before it is settled', async () => {
    const told: Promise<unknown>[] = [];
    const { sessions, clock } = sessionRig({ idleMs: HOUR_MS, waitUntil: (promise) => told.push(promise) });
    const { token } = await begun(sessions);
    expect(told).toEqual([]);
    clock.advance(HOUR_MS - 1);
    await sessions.read(token);
    expect(told).toHaveLength(1);
    await Promise.all(told);
    expect(await sessions.read(token)).toMatchObject({ session: { leftMs: HOUR_MS } });
  });

  it('ends absoluteMs after its beginning however much it is used or rotated, and not a millisecond earlier', async () => {
    const { sessions, clock } = sessionRig({ idleMs: HOUR_MS, absoluteMs: 2 * HOUR_MS });
    let { token, session } = await begun(sessions);
    for (let minute = 1; minute < 120; minute += 1) {
      clock.advance(60_000);
      await sessions.read(token);
      await sessions.settled();
      if (minute % 10 === 0) await sessions.save(token, CART);
      if (minute === 60) ({ token, session } = started(await sessions.rotate(session)));
    }
    clock.advance(59_999);
    expect(await sessions.read(token)).toMatchObject({ status: 'active', session: { leftMs: 1 } });
    expect(await sessions.save(token, CART)).toMatchObject({ status: 'saved', session: { leftMs: 1 } });
    clock.advance(1);
    expect(await dataOf(sessions, token)).toBe('none');
  });

  it('is asked to live on a few times only where its absolute end leaves it less than half of its idle time', async () => {
    const { sessions, clock, requests } = sessionRig({ idleMs: HOUR_MS, absoluteMs: HOUR_MS });
    const { token } = await begun(sessions);
    clock.advance(HOUR_MS / 2 + 1);
    const sent = await requests(async () => {
      for (let minute = 0; minute < 29; minute += 1) {
        await sessions.read(token);
        clock.advance(60_000);
      }
    });
    expect(sent.filter((names) => names === 'PTTL MGET')).toHaveLength(29);
    expect(sent.filter((names) => names === 'EVALSHA')).toHaveLength(2);
  });

  it('without absolute end lives as long as it is used', async () => {
    const { sessions, clock } = sessionRig({ idleMs: HOUR_MS, absoluteMs: false });
    const { token, session } = await begun(sessions);
    expect(session.endsAt).toBeUndefined();
    for (let hour = 0; hour < 24 * 40; hour += 1) {
      clock.advance(HOUR_MS - 1);
      expect(await dataOf(sessions, token)).toEqual(CART);
      await sessions.settled();
    }
    expect(await sessions.revokeUser('ada')).toEqual({ status: 'revoked' });
    expect(await dataOf(sessions, token)).toBe('none');
  });

  it('that is rotated can be read by its old token until the grace is over, and not a millisecond longer', async () => {
    const { sessions, clock } = sessionRig();
    const { token, session } = await begun(sessions);
    const rotated = started(await sessions.rotate(session, { graceMs: 5_000 }));
    clock.advance(4_999);
    expect(await dataOf(sessions, token)).toEqual(CART);
    clock.advance(1);
    expect(await dataOf(sessions, token)).toBe('none');
    expect(await sessions.save(token, CART)).toEqual({ status: 'ended' });
    expect(await dataOf(sessions, rotated.token)).toEqual(CART);
  });

  it('that is rotated can be ended by its old token for tombstoneMs after that', async () => {
    const { sessions, clock } = sessionRig({ tombstoneMs: 60_000 });
    const one = await begun(sessions);
    const other = await begun(sessions);
    const rotated = started(await sessions.rotate(one.session, { graceMs: 5_000 }));
    const rotatedToo = started(await sessions.rotate(other.session));
    clock.advance(59_999);
    expect(await sessions.destroy(other.token)).toMatchObject({ status: 'ended' });
    expect(await dataOf(sessions, rotatedToo.token)).toBe('none');
    clock.advance(5_000);
    expect(await sessions.destroy(one.token)).toMatchObject({ status: 'ended' });
    expect(await dataOf(sessions, rotated.token)).toBe('none');
  });

  it.each([-1, 30_001, 0.5])('takes no grace of %d ms', async (graceMs) => {
    const { sessions } = sessionRig();
    const { session } = await begun(sessions);
    await expect(sessions.rotate(session, { graceMs })).rejects.toMatchObject({ code: 'CONFIG', setting: 'graceMs' });
    expect(await sessions.rotate(session, { graceMs: 30_000 })).toMatchObject({ status: 'rotated' });
  });

  it('under an id of somebody else may begin anew when its tombstone is gone', async () => {
    const { sessions, clock } = sessionRig({ tombstoneMs: 60_000 });
    await sessions.put('id', CART);
    await sessions.remove('id');
    clock.advance(60_000);
    expect(await sessions.put('id', CART)).toEqual({ status: 'ended' });
    clock.advance(1);
    expect(await sessions.put('id', CART)).toMatchObject({ status: 'saved', session: { version: 1 } });
  });

  it('that was revoked is not begun anew by a late put, although it would have expired by then', async () => {
    const { sessions, clock } = sessionRig({ idleMs: HOUR_MS, tombstoneMs: 60_000, maxPerUser: 1 });
    const [id, other] = [await sessions.newId('ada'), await sessions.newId('bob')];
    for (const one of [id, other]) await sessions.put(one, CART);
    clock.advance(HOUR_MS - 1);
    await sessions.revokeUser('ada');
    await begun(sessions, 'bob');
    for (const ms of [1, 60_000]) {
      clock.advance(ms);
      for (const one of [id, other]) expect(await sessions.put(one, CART)).toEqual({ status: 'ended' });
    }
    clock.advance(1);
    expect(await sessions.put(id, CART)).toMatchObject({ status: 'saved', session: { version: 1 } });
  });

  it('that has only expired can be begun anew by a put at once, and by no save', async () => {
    const { sessions, clock } = sessionRig({ idleMs: HOUR_MS, touchOnRead: false });
    const id = await sessions.newId('ada');
    for (let round = 0; round < 3; round += 1) {
      expect(await sessions.put(id, CART)).toMatchObject({ status: 'saved', session: { version: 1, leftMs: HOUR_MS } });
      clock.advance(HOUR_MS);
      expect(await sessions.get(id)).toEqual({ status: 'none' });
      expect(await sessions.count('ada')).toEqual({ status: 'counted', count: 0 });
      expect(await sessions.save(id, CART)).toEqual({ status: 'ended' });
    }
  });

  it('is not there any more than its user’s record is: of one that was lost nobody knows who was revoked', async () => {
    const { sessions, kv, clock } = sessionRig();
    const [revoked, lost] = [await begun(sessions), await begun(sessions, 'bob')];
    await sessions.revokeUser('ada');
    const names = await kv.command(['KEYS', '*:user']);
    for (const name of Array.isArray(names) ? names.map(String) : []) await kv.command(['DEL', name]);
    expect([await dataOf(sessions, revoked.token), await dataOf(sessions, lost.token)]).toEqual(['none', 'none']);
    // Nor does the next one bring them back.
    clock.advance(1);
    const next = await begun(sessions);
    expect([await dataOf(sessions, revoked.token), await dataOf(sessions, next.token)]).toEqual(['none', CART]);
  });

  it('is revoked with all that was issued in the same millisecond, and followed by one that is not', async () => {
    const { sessions } = sessionRig();
    const before = [await begun(sessions), await begun(sessions)];
    await sessions.revokeUser('ada');
    const after = await begun(sessions);
    for (const { token } of before) expect(await dataOf(sessions, token)).toBe('none');
    expect(await dataOf(sessions, after.token)).toEqual(CART);
  });

  it('is revoked by the clock of Redis, whatever the clocks of processes say', async () => {
    const { sessions, clock, kv } = sessionRig();
    const late = createSessions<typeof CART>({ kv: { ...kv, clock: { ...clock, now: () => clock.now() - HOUR_MS } } });
    const early = createSessions<typeof CART>({ kv: { ...kv, clock: { ...clock, now: () => clock.now() + HOUR_MS } } });
    const { token } = await begun(early);
    clock.advance(1);
    await late.revokeUser('ada');
    clock.advance(1);
    const next = await begun(late);
    expect([await dataOf(sessions, token), await dataOf(sessions, next.token)]).toEqual(['none', CART]);
    // Also where that clock is set back.
    clock.jumpWall(-HOUR_MS);
    await sessions.revokeUser('ada');
    const last = await begun(sessions);
    expect([await dataOf(sessions, next.token), await dataOf(sessions, last.token)]).toEqual(['none', CART]);
  });

  it('that is damaged is none, and an event', async () => {
    const { sessions, kv, events } = sessionRig();
    const { token, session } = await begun(sessions);
    const [name] = [await kv.command(['KEYS', '*:s:*'])].flat();
    for (const text of [
      '',
      'x',
      '1 a 1 2',
      '1 a 1 9999999999999 1 0 1 0\nnull\n{',
      '1 a 1 9999999999999 1 0 1 0\n{}\n1',
    ]) {
      await kv.command(['SET', String(name), text, 'PX', 60_000]);
      expect(await dataOf(sessions, token)).toBe('none');
    }
    expect(events.map((event) => event.type)).toEqual(Array(5).fill('unreadable'));
    expect(await sessions.save(session, CART)).toMatchObject({ status: 'saved' });
    await kv.command(['SET', String(name), 'x', 'PX', 60_000]);
    expect(await sessions.save(session, CART)).toEqual({ status: 'ended' });
    expect(await sessions.destroy(token)).toEqual({ status: 'none' });
    expect(await kv.command(['GET', String(name)])).toBe('1 x');
    expect(JSON.stringify(events)).not.toContain(token.slice(0, 22));
  });
});
