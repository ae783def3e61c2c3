import { describe, expect, it } from 'vitest';
import type { ConsoleSnapshot } from '../../../../api/_console/snapshot.ts';
import { createConsoleStore } from '../../../../app/_console/live/console-store.ts';
import type { FeedListener, FeedOptions } from '../../../../app/_console/live/feed.ts';
import { look, STARTED_AT } from '../../../support/looks.ts';

/** A store, and the feed that it believes to read. */
function rig(found: ConsoleSnapshot | undefined = undefined) {
  const asked: unknown[] = [];
  const feeds: FeedOptions[] = [];
  const ended: number[] = [];
  const store = createConsoleStore({
    ask: async ({ headers }) => {
      asked.push(headers);
      return found;
    },
    start: (options) => {
      const at = feeds.push(options) - 1;
      return () => ended.push(at);
    },
  });
  const feed = (): FeedListener => feeds.at(-1)?.listener as FeedListener;
  return { store, feeds, ended, feed, asked };
}

const LIVE = { state: 'live', by: 'stream' } as const;
const LOST = { state: 'lost', why: 'network', retryInMs: 500 } as const;

describe('what the panels share', () => {
  it('shows the token of the demo or the key in the header of its kind, and nowhere else', () => {
    const { store, feeds } = rig();
    store.connect({ kind: 'demo', token: 'token-of-the-run' });
    store.connect({ kind: 'key', key: 'bw_live_secret' });
    expect(feeds.map(({ headers }) => headers)).toEqual([
      { 'x-breakwater-demo': 'token-of-the-run' },
      { authorization: 'Bearer bw_live_secret' },
    ]);
    expect(JSON.stringify(store.current())).not.toMatch(/token-of-the-run|bw_live_secret/);
  });

  it('begins with nothing known for other credentials, and takes no look that was asked for with those before', async () => {
    let answer: (found: ConsoleSnapshot) => void = () => undefined;
    const store = createConsoleStore({
      ask: () => new Promise((resolve) => (answer = resolve)),
      start: ({ listener }) => {
        listener.look(look(STARTED_AT));
        return () => undefined;
      },
    });
    store.connect({ kind: 'key', key: 'a' });
    const late = store.refresh();
    store.say('seen');
    store.connect({ kind: 'key', key: 'b' });
    expect(store.current()).toMatchObject({ log: [], points: [{ at: STARTED_AT }] });
    answer(look(STARTED_AT + 5_000));
    await late;
    expect(store.current().look?.at).toBe(STARTED_AT);
  });

  it('reads one feed at a time, and none when it is closed', () => {
    const { store, ended } = rig();
    store.connect({ kind: 'key', key: 'a' });
    store.connect({ kind: 'key', key: 'b' });
    expect(ended).toEqual([0]);
    store.close();
    store.close();
    expect(ended).toEqual([0, 1]);
  });

  it('tells of each look once, and of nothing that has not changed', () => {
    const { store, feed } = rig();
    store.connect({ kind: 'key', key: 'a' });
    let told = 0;
    const leave = store.subscribe(() => told++);
    feed().look(look(STARTED_AT));
    feed().look(look(STARTED_AT));
    feed().connection(LIVE);
    feed().connection(LIVE);
    expect(told).toBe(2);
    leave();
    feed().look(look(STARTED_AT + 1_000));
    expect(told).toBe(2);
  });

  it('takes a look when it is told to, with the same credentials, and none after its end', async () => {
    const { store, asked } = rig(look(STARTED_AT));
    store.connect({ kind: 'key', key: 'a' });
    await store.refresh();
    expect(asked).toEqual([{ authorization: 'Bearer a' }]);
    expect(store.current().look?.at).toBe(STARTED_AT);
    const { store: closed } = rig(look(STARTED_AT));
    closed.connect({ kind: 'key', key: 'a' });
    closed.close();
    await closed.refresh();
    expect(closed.current().look).toBeNull();
  });

  it('is as it was where no look is to be had', async () => {
    const { store } = rig(undefined);
    store.connect({ kind: 'key', key: 'a' });
    const before = store.current();
    await store.refresh();
    expect(store.current()).toBe(before);
  });

  it('keeps the charts as they are when only the connection changes', () => {
    const { store, feed } = rig();
    store.connect({ kind: 'key', key: 'a' });
    feed().look(look(STARTED_AT));
    const { points, rows } = store.current();
    feed().connection(LOST);
    expect(store.current()).toMatchObject({ connection: LOST });
    expect(store.current().points).toBe(points);
    expect(store.current().rows).toBe(rows);
  });

  it('says once that the server is lost, however often it is tried, and once that it is found', () => {
    const { store, feed } = rig();
    store.connect({ kind: 'key', key: 'a' });
    for (const connection of [LIVE, LOST, LOST, LIVE, LIVE]) feed().connection(connection);
    expect(store.current().log.map(({ text }) => text)).toEqual([
      'The page has lost the server.',
      'The page has found the server again.',
    ]);
  });
});
