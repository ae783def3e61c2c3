import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import { expressSessionStore } from '../../../lib/primitives/session/index.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { onEveryKv } from '../../support/every-kv.ts';
import { AWAY } from '../../support/scripted-client.ts';
import { watchedStore } from '../../support/watched-store.ts';

/** What express-session has for a store to build on. */
class Store extends EventEmitter {
  regenerate(): string {
    return 'inherited';
  }
}

const session = { cookie: { originalMaxAge: null }, user: 'ada' };

onEveryKv('a store for express-session', (makeKv) => {
  const open = (options = {}) => expressSessionStore({ kv: makeKv(), Store, ...options });

  it('has what was set, until it is destroyed, and not again afterwards', async () => {
    const store = open();
    expect(await store.get('id')).toBeNull();
    await store.set('id', session);
    expect(await store.get('id')).toEqual(session);
    await store.touch('id', session);
    await store.destroy('id');
    await store.set('id', session);
    await store.touch('id', session);
    expect([await store.get('id'), await store.length()]).toEqual([null, 0]);
    expect(store.regenerate()).toBe('inherited');
  });

  it('names, counts and clears its sessions, and no others', async () => {
    const [store, plain] = [open({ keepIds: true }), open({ name: 'other' })];
    for (const id of ['a', 'b']) await store.set(id, session);
    await plain.set('c', session);
    expect([await store.length(), (await store.ids()).sort()]).toEqual([2, ['a', 'b']]);
    expect((await store.all()).map((one) => ({ ...one }))).toEqual(
      expect.arrayContaining([
        { ...session, id: 'a' },
        { ...session, id: 'b' },
      ]),
    );
    expect([await plain.ids(), await plain.all()]).toEqual([[], [session]]);
    await store.clear();
    expect([await store.length(), await store.get('a'), await store.all()]).toEqual([0, null, []]);
    expect(await plain.get('c')).toEqual(session);
  });
});

describe('a store for express-session', () => {
  const rig = () => {
    const clock = manualClock();
    const watched = watchedStore(memoryStore({ clock }));
    return { clock, watched, store: expressSessionStore({ kv: createKv({ store: watched, clock }), Store }) };
  };

  it('calls back instead of answering, where it is given something to call', async () => {
    const { store } = rig();
    const told: unknown[][] = [];
    const told2 = (...args: unknown[]) => told.push(args);
    await store.set('id', session, told2);
    await store.get('id', told2);
    await store.touch('id', session, told2);
    await store.length(told2);
    await store.all(told2);
    await store.ids(told2);
    await store.destroy('id', told2);
    await store.clear(told2);
    const nothing = [null, undefined];
    expect(told).toEqual([
      nothing,
      [null, session],
      nothing,
      [null, 1],
      [null, [session]],
      [null, []],
      nothing,
      nothing,
    ]);
  });

  it('keeps a session for as long as its cookie says, from when it is touched; else for a day', async () => {
    const { store, clock } = rig();
    const until = (ms: number) => ({ cookie: { expires: new Date(clock.now() + ms) } });
    await store.set('short', until(60_000));
    await store.set('day', session);
    await store.set('odd', { cookie: { expires: 'no date' } });
    clock.advance(59_999);
    expect(await store.get('short')).not.toBeNull();
    await store.touch('short', { cookie: { expires: new Date(clock.now() + 10_000).toISOString() } });
    clock.advance(9_999);
    expect(await store.get('short')).not.toBeNull();
    clock.advance(1);
    expect(await store.get('short')).toBeNull();
    clock.advance(86_400_000 - 70_000);
    expect([await store.get('day'), await store.get('odd'), await store.length()]).toEqual([
      session,
      expect.anything(),
      2,
    ]);
    clock.advance(1);
    expect([await store.get('day'), await store.get('odd'), await store.length()]).toEqual([null, null, 0]);
  });

  it('ends a session whose cookie is over, when it is set or touched', async () => {
    const { store, clock } = rig();
    const over = { cookie: { expires: new Date(clock.now()) } };
    for (const id of ['set', 'touched']) await store.set(id, session);
    await store.set('set', over);
    await store.touch('touched', over);
    expect([await store.get('set'), await store.get('touched'), await store.length()]).toEqual([null, null, 0]);
  });

  it('says by an error with status 503 that Redis is away, and never that there is no session', async () => {
    const { store, watched } = rig();
    await store.set('id', session);
    watched.takeAway(AWAY);
    const error = { code: 'STORE', kind: 'unavailable', status: 503 };
    for (const work of [
      () => store.get('id'),
      () => store.set('id', session),
      () => store.touch('id', session),
      () => store.destroy('id'),
      () => store.length(),
      () => store.all(),
      () => store.clear(),
    ]) {
      await expect(work()).rejects.toMatchObject(error);
    }
    const told = await new Promise((resolve) => store.get('other', resolve));
    expect(told).toMatchObject(error);
    watched.giveBack();
    // What was destroyed meanwhile is over here already.
    expect(await store.get('id')).toBeNull();
  });

  it('has ids in Redis as digests only, unless it is to keep them', async () => {
    const { store, watched } = rig();
    await store.set('an id that is secret', session);
    expect(JSON.stringify(watched.requests)).not.toContain('secret');
  });

  it('costs one request for each call', async () => {
    const { store, watched } = rig();
    await store.set('id', session);
    await store.touch('id', session);
    await store.destroy('other');
    await store.clear();
    for (const work of [
      () => store.set('next', session),
      () => store.get('next'),
      () => store.touch('next', session),
      () => store.length(),
      () => store.destroy('next'),
      () => store.clear(),
    ]) {
      const from = watched.requests.length;
      await work();
      expect(watched.requests.length - from).toBe(1);
    }
  });
});
