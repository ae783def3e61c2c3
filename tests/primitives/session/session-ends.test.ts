import { describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import { StoreError } from '../../../lib/errors.ts';
import { createSessions } from '../../../lib/primitives/session/index.ts';
import type { Reply, Store } from '../../../lib/store/store.ts';
import { AWAY } from '../../support/scripted-client.ts';
import { begun, CART, type Cart, dataOf, sessionRig, started } from '../../support/session-rig.ts';

const LOST = new StoreError('network', 'lost');

/** A store that does what it is asked, and whose answers can be lost, or be no more from the next but `after` on. */
function unsteady() {
  let fault: 'none' | 'lost' | 'away' = 'none';
  let heard = 0;
  return {
    loseAnswers: () => {
      fault = 'lost';
    },
    goAway: (after = 0) => {
      fault = 'away';
      heard = after;
    },
    comeBack: () => {
      fault = 'none';
    },
    around: (store: Store): Store => ({
      ...store,
      async execute(commands, options): Promise<readonly Reply[]> {
        if (fault === 'away' && heard <= 0) throw AWAY;
        heard -= 1;
        const replies = await store.execute(commands, options);
        if (fault === 'lost') throw LOST;
        return replies;
      },
    }),
  };
}

/** Two processes, of which one is on a store that fails. */
async function rig() {
  const store = unsteady();
  const whole = sessionRig();
  const kv = createKv({ store: store.around(whole.store), clock: whole.clock });
  const sessions = createSessions<Cart>({ kv });
  // The scripts are known.
  const { token, session } = await begun(sessions, 'carl');
  await sessions.rotate(session);
  await sessions.destroy(token);
  /** Redis hears what it has not heard. */
  const catchUp = async () => {
    store.comeBack();
    for (let round = 0; round < 3; round += 1) {
      whole.clock.advance(1_000);
      await sessions.count('carl');
      await sessions.settled();
    }
  };
  return { store, sessions, elsewhere: whole.sessions, clock: whole.clock, kv, catchUp };
}

describe('the end of a session by an old token', () => {
  it.each([0, 30_000])('is told again where its answer was lost, with a grace of %d ms', async (graceMs) => {
    const { store, sessions, elsewhere, catchUp } = await rig();
    const { token, session } = await begun(sessions);
    const rotated = started(await sessions.rotate(session, { graceMs }));
    store.loseAnswers();
    expect(await sessions.destroy(token)).toMatchObject({ status: 'unavailable', mayHaveRun: true });
    await catchUp();
    expect(await dataOf(elsewhere, rotated.token)).toBe('none');
  });

  it('is told again where Redis went away in the middle of it, and is in force here meanwhile', async () => {
    const { store, sessions, elsewhere, catchUp } = await rig();
    const { token, session } = await begun(sessions);
    const rotated = started(await sessions.rotate(session));
    store.goAway(1);
    expect(await sessions.destroy(token)).toMatchObject({ status: 'unavailable' });
    store.comeBack();
    expect(await dataOf(sessions, rotated.token)).toBe('none');
    await catchUp();
    expect(await dataOf(elsewhere, rotated.token)).toBe('none');
  });

  it('can be asked for again by whoever had no answer', async () => {
    const { store, sessions, elsewhere } = await rig();
    const { token, session } = await begun(sessions);
    const rotated = started(await sessions.rotate(session));
    store.goAway(1);
    await sessions.destroy(token);
    expect(await elsewhere.destroy(token)).toEqual({ status: 'ended', archived: false });
    expect(await dataOf(elsewhere, rotated.token)).toBe('none');
    expect(await elsewhere.destroy(token)).toEqual({ status: 'none' });
  });

  it('comes to an end where what stands there leads in a circle', async () => {
    const { sessions, kv, catchUp, store } = await rig();
    const { token, session } = await begun(sessions);
    const [group, hash] = session.id.split('.');
    const [name] = [await kv.command(['KEYS', `*${group}*:s:${hash}`])].flat();
    await kv.command(['SET', String(name), `1 m 60000\n${hash}`, 'PX', 60_000]);
    expect(await sessions.destroy(token)).toEqual({ status: 'none' });
    store.goAway();
    await sessions.destroy(token);
    await catchUp();
  });

  it('keeps what is saved by the old token meanwhile from being answered as saved', async () => {
    const { store, sessions } = await rig();
    const { token, session } = await begun(sessions);
    const rotated = started(await sessions.rotate(session, { graceMs: 30_000 }));
    store.goAway();
    await sessions.destroy(rotated.token);
    store.comeBack();
    expect(await sessions.save(token, CART)).toEqual({ status: 'ended' });
  });
});

describe('an end that Redis has not heard', () => {
  it('is told although others fail all the time', async () => {
    const { store, sessions, elsewhere, clock } = await rig();
    const { token } = await begun(sessions);
    store.goAway();
    await sessions.destroy(token);
    for (let half = 0; half < 4; half += 1) {
      clock.advance(500);
      // Of the shard of another user, say, that is away for longer.
      store.goAway();
      await sessions.remove('other');
      store.comeBack();
      await sessions.count('carl');
      await sessions.settled();
    }
    expect(await dataOf(elsewhere, token)).toBe('none');
  });

  it('is told behind whatever is asked next', async () => {
    for (const ask of ['count', 'revokeUser', 'list', 'get'] as const) {
      const { store, sessions, elsewhere, clock } = await rig();
      const { token } = await begun(sessions);
      store.goAway();
      await sessions.destroy(token);
      store.comeBack();
      clock.advance(1_000);
      await sessions[ask]('carl');
      await sessions.settled();
      expect(await dataOf(elsewhere, token)).toBe('none');
    }
  });

  it('does not end what another process has begun under the same id since', async () => {
    const { store, sessions, elsewhere, clock, catchUp } = await rig();
    await sessions.put('id', CART);
    store.loseAnswers();
    expect(await sessions.remove('id')).toMatchObject({ status: 'unavailable', mayHaveRun: true });
    clock.advance(300_001);
    expect(await elsewhere.put('id', { items: ['anew'] })).toMatchObject({ status: 'saved' });
    clock.advance(1);
    await catchUp();
    for (const process of [sessions, elsewhere]) expect(await process.get('id')).toMatchObject({ status: 'active' });
  });

  it('ends what was on by then, however late it is told, and also where the clock of Redis is set back before its beginning', async () => {
    for (const backMs of [0, 3_700_000]) {
      const { store, sessions, elsewhere, clock, catchUp } = await rig();
      await sessions.put('id', CART);
      store.goAway();
      await sessions.remove('id');
      clock.advance(3_600_000);
      await elsewhere.put('id', CART);
      clock.jumpWall(-backMs);
      await catchUp();
      expect(await elsewhere.get('id')).toEqual({ status: 'none' });
    }
  });

  it('does not hold up others where it cannot be told at all', async () => {
    const { store, sessions, elsewhere, clock, kv, catchUp } = await rig();
    await sessions.put('id', CART);
    const [name] = [await kv.command(['KEYS', '*:s:*'])].flat();
    store.goAway();
    await sessions.remove('id');
    store.comeBack();
    for (const key of [await kv.command(['KEYS', '*:s:*'])].flat().map(String)) {
      const text = String(await kv.command(['GET', key]));
      if (text.includes('"items"') && name !== undefined) {
        await kv.command(['DEL', key]);
        await kv.command(['LPUSH', key, 'x']);
      }
    }
    await catchUp();
    clock.advance(300_001);
    for (const key of [await kv.command(['KEYS', '*:s:*'])].flat().map(String)) await kv.command(['DEL', key]);
    await elsewhere.put('id', CART);
    await catchUp();
    expect(await sessions.get('id')).toMatchObject({ status: 'active' });
  });
});

describe('a login', () => {
  it('that Redis has not heard of leaves the session as it was', async () => {
    const { store, sessions, elsewhere, catchUp } = await rig();
    const { token, session } = await begun(sessions);
    store.goAway();
    const answer = await sessions.rotate(session, { userId: 'bob' });
    expect(answer).toMatchObject({ status: 'unavailable', mayHaveRun: false });
    await catchUp();
    for (const process of [sessions, elsewhere]) expect(await dataOf(process, token)).toEqual(CART);
    expect(await sessions.rotate(session, { userId: 'bob' })).toMatchObject({ status: 'rotated' });
  });

  it('that was done by half may have been done', async () => {
    const { store, sessions } = await rig();
    const { session } = await begun(sessions);
    store.goAway(1);
    const answer = await sessions.rotate(session, { userId: 'bob' });
    expect(answer).toMatchObject({ status: 'unavailable', mayHaveRun: true });
  });

  it('takes over no data where it is given null', async () => {
    const { kv } = sessionRig();
    const sessions = createSessions<Cart | null>({ kv });
    const created = await sessions.create('ada', CART);
    if (created.status !== 'created') throw new Error(created.status);
    const rotated = await sessions.rotate(created.session, { userId: 'bob', data: null });
    expect(rotated).toMatchObject({ status: 'rotated', session: { data: null } });
  });
});
