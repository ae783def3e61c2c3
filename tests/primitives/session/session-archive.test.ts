import { describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import {
  type ArchivedSession,
  createSessions,
  type SessionArchive,
  type SessionsOptions,
} from '../../../lib/primitives/session/index.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Store } from '../../../lib/store/store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { onEveryKv } from '../../support/every-kv.ts';
import { AWAY } from '../../support/scripted-client.ts';
import { begun, CART, type Cart, dataOf, sessionRig, started } from '../../support/session-rig.ts';

const HOUR_MS = 3_600_000;

/** An archive in memory, as the port asks for it: what is there already stays. */
function mapArchive() {
  const rows = new Map<string, ArchivedSession>();
  const puts: (readonly ArchivedSession[])[] = [];
  let fault: Error | undefined;
  const archive: SessionArchive = {
    async put(sessions) {
      puts.push(sessions);
      if (fault) throw fault;
      for (const session of sessions) if (!rows.has(session.id)) rows.set(session.id, session);
    },
  };
  return {
    archive,
    rows,
    puts,
    fail: (error: Error | undefined) => {
      fault = error;
    },
  };
}

const archiveRig = (options: Partial<SessionsOptions> = {}, around?: (store: Store) => Store) => {
  const kept = mapArchive();
  return { ...kept, ...sessionRig({ archive: kept.archive, idleMs: HOUR_MS, touchOnRead: false, ...options }, around) };
};

onEveryKv('an archive', (makeKv) => {
  const open = (options: Partial<SessionsOptions> = {}) => {
    const kept = mapArchive();
    return { ...kept, sessions: createSessions<Cart>({ kv: makeKv(), archive: kept.archive, ...options }) };
  };

  it('has a session with its end: who ended it, and its last data', async () => {
    const { sessions, rows } = open();
    const { token, session } = await begun(sessions);
    await sessions.save(token, { items: ['last'] });
    expect(await sessions.end(token)).toEqual({ status: 'ended', archived: true });
    const row = rows.get(session.id);
    expect(row).toEqual({
      id: session.id,
      userId: 'ada',
      startedAt: session.startedAt,
      endedAt: expect.any(Number),
      reason: 'destroyed',
      version: 2,
      data: { items: ['last'] },
    });
    expect(row?.endedAt).toBeGreaterThanOrEqual(session.startedAt);
    expect(await sessions.end(token)).toEqual({ status: 'none' });
    expect(await sessions.save(session, CART)).toEqual({ status: 'ended' });
    expect(await dataOf(sessions, token)).toBe('none');
  });

  it('has a session that is ended by an old token under the id that it has by then, once', async () => {
    const { sessions, rows } = open();
    const { token, session } = await begun(sessions);
    const rotated = started(await sessions.rotate(session, { graceMs: 30_000 }));
    expect(await sessions.end(token)).toEqual({ status: 'ended', archived: true });
    expect([...rows.keys()]).toEqual([rotated.session.id]);
    expect(await sessions.end(rotated.token)).toEqual({ status: 'none' });
  });

  it('has what expired with the next sweep, and what is on is left alone', async () => {
    const { sessions, rows } = open({ idleMs: 50, touchOnRead: false });
    const short = await begun(sessions);
    await expect.poll(() => dataOf(sessions, short.token)).toBe('none');
    const long = await sessions.put('long', CART, { idleMs: HOUR_MS });
    expect(long.status).toBe('saved');
    const swept = await sessions.sweep();
    expect(swept).toEqual({ status: 'swept', archived: 1, more: false });
    expect([...rows.values()]).toEqual([
      expect.objectContaining({ id: short.session.id, reason: 'expired', data: CART }),
    ]);
    expect(await sessions.sweep()).toEqual({ status: 'swept', archived: 0, more: false });
    expect(await sessions.get('long')).toMatchObject({ status: 'active' });
  });

  it('has what was destroyed or revoked once that is looked at, and of a rotated session one row', async () => {
    const { sessions, rows, archive } = open();
    const [destroyed, revoked, rotated] = [await begun(sessions), await begun(sessions), await begun(sessions, 'bob')];
    expect(await sessions.destroy(destroyed.token)).toEqual({ status: 'ended', archived: false });
    await sessions.revokeUser('ada');
    const next = started(await sessions.rotate(rotated.session));
    expect(await sessions.sweep()).toMatchObject({ archived: 0 });
    // Whose clock is a month ahead looks at all of them.
    const kv = makeKv();
    const ahead = { ...kv, clock: { ...kv.clock, now: () => kv.clock.now() + 31 * 24 * HOUR_MS } };
    expect(await createSessions({ kv: ahead, archive }).sweep()).toMatchObject({ archived: 2 });
    expect([destroyed, revoked].map(({ session }) => rows.get(session.id)?.reason)).toEqual(['destroyed', 'revoked']);
    expect(await sessions.end(next.token)).toEqual({ status: 'ended', archived: true });
    expect([...rows.keys()].sort()).toEqual([destroyed, revoked, next].map(({ session }) => session.id).sort());
  });
});

describe('a sweep', () => {
  it('finds what has ended by the instant of its end, and not before', async () => {
    const { sessions, clock, rows, requests } = archiveRig();
    const { session } = await begun(sessions);
    clock.advance(HOUR_MS - 1);
    expect(await sessions.sweep()).toMatchObject({ archived: 0 });
    clock.advance(1);
    expect(await sessions.sweep()).toMatchObject({ archived: 1 });
    expect(rows.get(session.id)).toMatchObject({ reason: 'expired', endedAt: session.startedAt + HOUR_MS });
    await begun(sessions);
    clock.advance(10 * HOUR_MS);
    expect(await requests(() => sessions.sweep())).toEqual(['ZRANGEBYSCORE', 'EVALSHA', 'EVALSHA EVALSHA']);
    expect([...rows.values()].map(({ endedAt, startedAt }) => endedAt - startedAt)).toEqual([HOUR_MS, HOUR_MS]);
    expect(await requests(() => sessions.sweep())).toEqual(['ZRANGEBYSCORE']);
  });

  it('looks again later at a session that is used', async () => {
    const { sessions, clock, rows, kv, requests } = archiveRig();
    const { token } = await begun(sessions);
    for (let round = 0; round < 5; round += 1) {
      clock.advance(HOUR_MS - 1);
      await sessions.save(token, CART);
      expect(await sessions.sweep()).toEqual({ status: 'swept', archived: 0, more: false });
      expect(await requests(() => sessions.sweep())).toEqual(['ZRANGEBYSCORE']);
    }
    expect(rows.size).toBe(0);
    clock.advance(HOUR_MS);
    await sessions.sweep();
    expect(rows.size).toBe(1);
    const [due] = [await kv.command(['KEYS', '*due*'])].flat();
    expect(due).toBeUndefined();
  });

  it('takes at most so many, and says whether there may be more', async () => {
    const { sessions, clock, rows } = archiveRig({ maxPerUser: 0 });
    for (let index = 0; index < 5; index += 1) await begun(sessions);
    clock.advance(HOUR_MS);
    expect(await sessions.sweep({ limit: 2 })).toEqual({ status: 'swept', archived: 2, more: true });
    expect(await sessions.sweep({ limit: 2 })).toEqual({ status: 'swept', archived: 2, more: true });
    expect(await sessions.sweep({ limit: 2 })).toEqual({ status: 'swept', archived: 1, more: false });
    expect(rows.size).toBe(5);
    for (const limit of [0, 1_001]) {
      await expect(sessions.sweep({ limit })).rejects.toMatchObject({ setting: 'limit' });
    }
    await expect(sessionRig().sessions.sweep()).rejects.toMatchObject({ setting: 'archive' });
  });

  it('finds what the cap of a user has ended', async () => {
    const { sessions, clock, rows } = archiveRig({ maxPerUser: 1 });
    const first = await begun(sessions);
    const second = await begun(sessions);
    clock.advance(HOUR_MS);
    await sessions.sweep();
    expect([first, second].map(({ session }) => rows.get(session.id)?.reason)).toEqual(['revoked', 'expired']);
  });

  it('finds what has waited archiveWithinMs and not longer', async () => {
    const { sessions, clock, rows } = archiveRig({ archiveWithinMs: HOUR_MS });
    await begun(sessions);
    clock.advance(2 * HOUR_MS);
    await sessions.sweep();
    expect(rows.size).toBe(1);
    await begun(sessions);
    clock.advance(2 * HOUR_MS + 1);
    expect(await sessions.sweep()).toMatchObject({ archived: 0 });
    expect(rows.size).toBe(1);
  });

  it('looks in time at what has less left than idleMs, rotated or not', async () => {
    const DAY_MS = 24 * HOUR_MS;
    const short = archiveRig({ idleMs: DAY_MS, absoluteMs: HOUR_MS, archiveWithinMs: HOUR_MS });
    await begun(short.sessions);
    short.clock.advance(HOUR_MS);
    expect(await short.sessions.sweep()).toMatchObject({ archived: 1 });
    const { sessions, clock, rows } = archiveRig({ idleMs: 30 * DAY_MS, absoluteMs: 30 * DAY_MS });
    const { session } = await begun(sessions);
    clock.advance(29 * DAY_MS);
    const rotated = started(await sessions.rotate(started(await sessions.rotate(session)).session));
    for (let day = 0; day < 40; day += 1) {
      clock.advance(DAY_MS);
      await sessions.sweep();
    }
    expect([...rows.keys()]).toEqual([rotated.session.id]);
    const own = archiveRig({ idleMs: 30 * DAY_MS });
    await own.sessions.put('id', CART, { idleMs: HOUR_MS });
    const read = await own.sessions.get('id');
    if (read.status === 'active') await own.sessions.rotate(read.session);
    own.clock.advance(HOUR_MS);
    expect(await own.sessions.sweep()).toMatchObject({ archived: 1 });
  });

  it('passes by what is damaged, says so, and does not meet it again', async () => {
    const { sessions, clock, rows, kv, events } = archiveRig();
    const begunHere = () => begun(sessions);
    const [broken, odd, list, fine] = [await begunHere(), await begunHere(), await begunHere(), await begunHere()];
    const [base = ''] = [await kv.command(['KEYS', '*:index'])].flat().map(String);
    const nameOf = (id: string) => base.replace(':index', `:s:${id.split('.')[1]}`);
    await kv.command(['SET', nameOf(broken.session.id), 'x', 'PX', 5 * HOUR_MS]);
    await kv.command(['SET', nameOf(odd.session.id), '1 e 1 2 3 destroyed\nnull\n{', 'PX', 5 * HOUR_MS]);
    await kv.command(['DEL', nameOf(list.session.id)]);
    await kv.command(['LPUSH', nameOf(list.session.id), 'x']);
    await kv.command(['ZADD', base.replace(/\{.*\}.*/, '{default:due}'), 1, 'no id']);
    clock.advance(HOUR_MS);
    expect(await sessions.sweep()).toMatchObject({ archived: 1 });
    expect([...rows.keys()]).toEqual([fine.session.id]);
    expect(events.map(({ type }) => type)).toEqual(Array(4).fill('unreadable'));
    expect(await sessions.sweep()).toMatchObject({ archived: 0 });
    expect(events).toHaveLength(4);
  });

  it('does not take off its index what has begun anew under its id meanwhile', async () => {
    const { sessions, clock, rows, archive, kv } = archiveRig({ tombstoneMs: 1 });
    await sessions.put('id', CART);
    await sessions.remove('id');
    clock.advance(HOUR_MS);
    const meanwhile = createSessions<Cart>({
      kv,
      idleMs: HOUR_MS,
      tombstoneMs: 1,
      archive: {
        async put(some) {
          await archive.put(some);
          await kv.command(['DEL', ...[await kv.command(['KEYS', '*:s:*'])].flat().map(String)]);
          await sessions.put('id', { items: ['anew'] });
        },
      },
    });
    expect(await meanwhile.sweep()).toMatchObject({ archived: 1 });
    expect(rows.size).toBe(1);
    expect(await kv.command(['EXISTS', ...[await kv.command(['KEYS', '*due*'])].flat().map(String)])).toBe(1);
  });
});

describe('an archive that fails', () => {
  const fault = new Error('the database is away');

  it('ends a session all the same, and has it with a later sweep', async () => {
    const { sessions, rows, fail, clock } = archiveRig();
    const { token, session } = await begun(sessions);
    fail(fault);
    expect(await sessions.end(token)).toEqual({ status: 'ended', archived: false });
    expect(await dataOf(sessions, token)).toBe('none');
    expect(await sessions.save(session, CART)).toEqual({ status: 'ended' });
    clock.advance(HOUR_MS);
    await expect(sessions.sweep()).rejects.toBe(fault);
    await expect(sessions.sweep()).rejects.toBe(fault);
    fail(undefined);
    expect(await sessions.sweep()).toMatchObject({ archived: 1 });
    expect(rows.get(session.id)).toMatchObject({ reason: 'destroyed', endedAt: session.startedAt });
  });

  it('has it when it is ended again, too', async () => {
    const { sessions, rows, fail } = archiveRig();
    const { token, session } = await begun(sessions);
    fail(fault);
    await sessions.end(token);
    fail(undefined);
    expect(await sessions.end(token)).toEqual({ status: 'ended', archived: true });
    expect(rows.has(session.id)).toBe(true);
  });
});

/** A store that is there for so many requests, and for no more: the process that sends them has ended. */
function crashing(store: Store, after: number): Store {
  let left = after;
  return {
    ...store,
    async execute(commands, options) {
      if (left <= 0) throw AWAY;
      left -= 1;
      return store.execute(commands, options);
    },
  };
}

describe('a process that ends in the middle', () => {
  const ENDINGS = ['end', 'sweep'] as const;
  const CUTS = Array.from({ length: 8 }, (_, requests) =>
    [0, 1, 2].map((archived) => [requests, archived] as const),
  ).flat();

  it.each(ENDINGS)(
    'of an %s leaves a session that is archived once, with its last data, whatever was done',
    async (ending) => {
      for (const [requests, archived] of CUTS) {
        const clock = manualClock();
        const store = memoryStore({ clock });
        const kept = mapArchive();
        const options = { archive: kept.archive, idleMs: HOUR_MS, tombstoneMs: 2 * HOUR_MS };
        const whole = createSessions<Cart>({ kv: createKv({ store, clock }), ...options });
        const { token, session } = await begun(whole);
        await whole.save(token, { items: ['last'] });
        if (ending === 'sweep') clock.advance(HOUR_MS);
        // It ends before the archive has it, after that, or is never heard by it.
        const put: SessionArchive['put'] = async (some) => {
          if (archived > 0) await kept.archive.put(some);
          if (archived < 2) throw new Error('ended');
        };
        const kv = createKv({ store: crashing(store, requests), clock });
        const cut = createSessions<Cart>({ kv, ...options, archive: { put } });
        await (ending === 'sweep' ? cut.sweep() : cut.end(token)).catch(() => undefined);
        const before = kept.rows.get(session.id);
        // A late save meets what is left of it.
        if (before || ending === 'sweep') expect(await whole.save(session, CART)).toEqual({ status: 'ended' });
        clock.advance(HOUR_MS);
        await Promise.all([whole.sweep(), whole.sweep()]);
        expect([...kept.rows.keys()]).toEqual([session.id]);
        const sent = kept.puts.flat();
        for (const row of sent) expect(row).toEqual(sent[0]);
        expect(kept.rows.get(session.id)?.data).toEqual({ items: ['last'] });
        expect(await whole.sweep()).toEqual({ status: 'swept', archived: 0, more: false });
      }
    },
  );
});

describe('a sweep while Redis is away', () => {
  it('says so, whatever it has done, and asks nothing of the archive where it knows nothing', async () => {
    const { sessions, store, clock, puts, rows } = archiveRig();
    await begun(sessions);
    clock.advance(HOUR_MS);
    store.takeAway(AWAY);
    expect(await sessions.sweep()).toMatchObject({ status: 'unavailable', retryAfterMs: 1_000 });
    expect(puts).toEqual([]);
    store.giveBack();
    expect(await sessions.sweep()).toMatchObject({ archived: 1 });
    expect(rows.size).toBe(1);
  });

  it('begins no session that no sweep would find', async () => {
    const rig = archiveRig({}, (store) => ({
      ...store,
      async execute(commands, options) {
        const replies = await store.execute(commands, options);
        return replies.map((reply, place) => (commands[place]?.[0] === 'ZADD' ? { error: 'LOADING wait' } : reply));
      },
    }));
    expect(await rig.sessions.create('ada', CART)).toMatchObject({ status: 'unavailable', mayHaveRun: true });
  });
});
