import { beforeEach, describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import { CommandError, StoreError } from '../../../lib/errors.ts';
import { createSessions, type Sessions } from '../../../lib/primitives/session/index.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { eventually } from '../../support/eventually.ts';
import { AWAY } from '../../support/scripted-client.ts';
import { type Begun, begun, CART, type Cart, dataOf, sessionRig } from '../../support/session-rig.ts';
import { allowNoUnhandledRejection } from '../../support/unhandled-rejections.ts';
import { watchedStore } from '../../support/watched-store.ts';

type Rig = ReturnType<typeof sessionRig>;

const LOST = new StoreError('network', 'lost');

let rig: Rig;
let session: Begun;

allowNoUnhandledRejection();
beforeEach(async () => {
  rig = sessionRig();
  session = await begun(rig.sessions);
  await begun(rig.sessions, 'bob');
});

const OPERATIONS: readonly (readonly [string, (sessions: Sessions<Cart>) => Promise<unknown>])[] = [
  ['create', (sessions) => sessions.create('ada', CART)],
  ['read', (sessions) => sessions.read(session.token)],
  ['save', (sessions) => sessions.save(session.session, CART)],
  ['rotate', (sessions) => sessions.rotate(session.session)],
  ['rotate to another user', (sessions) => sessions.rotate(session.session, { userId: 'bob' })],
  ['destroy', (sessions) => sessions.destroy(session.token)],
  ['end', (sessions) => sessions.end(session.token)],
  ['revokeUser', (sessions) => sessions.revokeUser('ada')],
  ['list', (sessions) => sessions.list('ada')],
  ['count', (sessions) => sessions.count('ada')],
  ['put', (sessions) => sessions.put('id', CART)],
  ['get', (sessions) => sessions.get('id')],
  ['remove', (sessions) => sessions.remove('id')],
];

describe('while Redis is away', () => {
  it.each(OPERATIONS)('%s says so, and when to ask again, and never that there is no session', async (_name, work) => {
    rig.store.takeAway(AWAY);
    expect(await work(rig.sessions)).toEqual({ status: 'unavailable', retryAfterMs: 1_000, mayHaveRun: false });
    rig.store.takeAway(LOST);
    const read = ['read', 'list', 'count', 'get'].includes(_name);
    rig = sessionRig();
    rig.store.takeAway(LOST);
    expect(await work(rig.sessions)).toEqual({ status: 'unavailable', retryAfterMs: 1_000, mayHaveRun: !read });
  });

  it.each(OPERATIONS)('%s says so at once where the circuit is open', async (_name, work) => {
    rig.kv.circuit.force('FORCED_OPEN');
    const sent = rig.store.requests.length;
    const answer = await work(rig.sessions);
    expect(answer).toMatchObject({ status: 'unavailable', mayHaveRun: false });
    expect(rig.store.requests.length).toBe(sent);
  });

  it('what has begun before is on again afterwards', async () => {
    rig.store.takeAway(AWAY);
    expect(await dataOf(rig.sessions, session.token)).toBe('unavailable');
    rig.store.giveBack();
    expect(await dataOf(rig.sessions, session.token)).toEqual(CART);
  });

  it('a session that is destroyed is over here at once, and for everybody with the next answer of Redis', async () => {
    const { sessions, store, kv, clock } = rig;
    const elsewhere = createSessions<Cart>({ kv: createKv({ store: { ...store, execute: store.execute }, clock }) });
    store.takeAway(AWAY);
    expect(await sessions.destroy(session.token)).toMatchObject({ status: 'unavailable' });
    store.giveBack();
    for (const work of [
      () => sessions.read(session.token),
      () => sessions.save(session.session, CART),
      () => sessions.rotate(session.session),
    ]) {
      expect(['none', 'ended']).toContain((await work()).status);
    }
    const list = await sessions.list('ada');
    expect(list).toEqual({ status: 'listed', sessions: [] });
    expect(await dataOf(elsewhere, session.token)).toEqual(CART);
    clock.advance(1_000);
    await begun(sessions, 'bob');
    await sessions.settled();
    expect(await dataOf(elsewhere, session.token)).toBe('none');
    expect(kv.circuit.state().state).toBe('CLOSED');
    // And there it stays: nothing is told twice.
    const sent = store.requests.length;
    clock.advance(1_000);
    await sessions.read(session.token);
    await sessions.settled();
    expect(store.requests.length).toBe(sent + 1);
  });

  it('what is over here is told while nothing but it is asked about, and not more than once a second', async () => {
    const { sessions, store, clock } = rig;
    await sessions.remove('so that Redis knows the script');
    store.takeAway(AWAY);
    await sessions.destroy(session.token);
    const asked = async () => {
      const from = store.requests.length;
      expect(await dataOf(sessions, session.token)).toBe('none');
      await sessions.settled();
      return store.requests.length - from;
    };
    expect(await asked()).toBe(0);
    clock.advance(999);
    expect(await asked()).toBe(0);
    clock.advance(1);
    expect([await asked(), await asked()]).toEqual([1, 0]);
    store.giveBack();
    clock.advance(1_000);
    // What has been told is asked about again.
    expect([await asked(), await asked()]).toEqual([1, 1]);
    clock.advance(1_000);
    expect(await asked()).toBe(1);
  });

  it('a session that was read before it was destroyed here is not handed out after that', async () => {
    const { sessions, store } = rig;
    const reading = sessions.read(session.token);
    await sessions.settled();
    const execute = store.execute;
    let isFirst = true;
    const racing = createSessions<Cart>({
      kv: createKv({
        clock: rig.clock,
        store: {
          ...store,
          async execute(commands, options) {
            const replies = await execute(commands, options);
            if (!isFirst) throw AWAY;
            isFirst = false;
            await racing.destroy(session.token);
            return replies;
          },
        },
      }),
    });
    expect((await reading).status).toBe('active');
    expect(await dataOf(racing, session.token)).toBe('none');
  });

  it('ends are kept, and told in requests of a hundred', async () => {
    const { sessions, store, clock } = rig;
    await sessions.remove('so that Redis knows the script');
    rig.kv.circuit.force('FORCED_OPEN');
    for (let index = 0; index < 250; index += 1) await sessions.remove(`id ${index}`);
    rig.kv.circuit.release();
    clock.advance(1_000);
    const from = store.requests.length;
    await sessions.get('other');
    await sessions.settled();
    const told = store.requests.slice(from).map((commands) => commands.length);
    expect(told.filter((count) => count > 2)).toEqual([100, 100, 50]);
    for (const index of [0, 99, 100, 249]) expect(await sessions.put(`id ${index}`, CART)).toEqual({ status: 'ended' });
  });

  it('an end whose answer was lost is told again, which changes nothing', async () => {
    const { sessions, store, clock } = rig;
    store.takeAway(LOST);
    expect(await sessions.destroy(session.token)).toMatchObject({ status: 'unavailable', mayHaveRun: true });
    store.giveBack();
    clock.advance(1_000);
    const next = await begun(sessions);
    await sessions.settled();
    expect([await dataOf(sessions, session.token), await dataOf(sessions, next.token)]).toEqual(['none', CART]);
  });

  it('an end of an old token ends what it leads to, also when it is told later', async () => {
    const { sessions, store, clock } = rig;
    const rotated = await sessions.rotate(session.session, { graceMs: 30_000 });
    store.takeAway(AWAY);
    await sessions.destroy(session.token);
    store.giveBack();
    for (let round = 0; round < 3; round += 1) {
      clock.advance(1_000);
      await begun(sessions, 'bob');
      await sessions.settled();
    }
    expect(rotated.status === 'rotated' && (await dataOf(sessions, rotated.token))).toBe('none');
  });

  it('a silent Redis costs no more than the deadline of the client', async () => {
    const clock = manualClock();
    let isAsked = false;
    const execute = () => {
      isAsked = true;
      return new Promise<never>(() => undefined);
    };
    const kv = createKv({ clock, store: { ...memoryStore({ clock }), execute } });
    const reading = createSessions({ kv }).read(session.token);
    await eventually(() => isAsked);
    await clock.run(1_000);
    expect(await reading).toEqual({ status: 'unavailable', retryAfterMs: 1_000, mayHaveRun: false });
  });
});

describe('what is no outage', () => {
  it('rejects: another type of value, a script that fails', async () => {
    const { sessions, kv } = rig;
    const [name] = [await kv.command(['KEYS', '*:index'])].flat();
    await kv.command(['SET', String(name), 'x']);
    for (const [, work] of OPERATIONS.filter(([operation]) => operation === 'list')) {
      await expect(work(sessions)).rejects.toBeInstanceOf(CommandError);
    }
  });

  it('keeps what it says of a wrong password apart from a session that is over', async () => {
    const store = watchedStore(memoryStore());
    store.takeAway(new StoreError('auth', 'denied', { mayHaveRun: false }));
    const sessions = createSessions<Cart>({ kv: createKv({ store }) });
    expect(await sessions.read(session.token)).toMatchObject({ status: 'unavailable' });
  });
});
