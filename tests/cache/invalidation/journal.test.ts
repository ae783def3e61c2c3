import { describe, expect, it } from 'vitest';
import { createJournal, keyNotice, type Notice } from '../../../lib/cache/invalidation/journal.ts';
import type { Command, Reply } from '../../../lib/store/store.ts';
import { AWAY, scriptedClient } from '../../support/scripted-client.ts';
import { allowNoUnhandledRejection } from '../../support/unhandled-rejections.ts';

describe('the journal of invalidations', () => {
  allowNoUnhandledRejection();

  const rig = (maxNotices = 1_000) => {
    const client = scriptedClient({ breaker: { failureThreshold: 1_000 } });
    const { clock, kv, store } = client;
    const told: string[] = [];
    let overflows = 0;
    const journal = createJournal({
      kv,
      maxNotices,
      onOverflow: () => {
        overflows += 1;
        journal.keep('all', notice('all'));
      },
    });
    const notice = (name: string, value = name): Notice => ({
      commands: [['SET', name, value]],
      told: () => told.push(value),
    });
    const tell = (name: string, value = name) => journal.tell(name, notice(name, value));
    const away = () => store.respond(() => AWAY);
    const back = (reply: (command: Command) => Reply = () => 'OK') => store.respond((commands) => commands.map(reply));
    /** Tells again after the time that has to pass. */
    const replay = async () => {
      clock.advance(1_000);
      await journal.replay();
    };
    return { ...client, journal, told, notice, tell, away, back, replay, overflows: () => overflows };
  };

  it('tells Redis at once, in one request, and keeps nothing of it', async () => {
    const { journal, told, tell, back, wire } = rig();
    back();
    expect(await tell('a')).toBe(true);
    expect([wire(), told, journal.size, journal.has('a')]).toEqual([['SET a a'], ['a'], 0, false]);
    expect(journal.replay()).toBeUndefined();
  });

  it('keeps what Redis has not heard, and tells it in order when it is back, once', async () => {
    const { journal, told, tell, away, back, wire, replay } = rig();
    away();
    expect([await tell('a'), await tell('b')]).toEqual([false, false]);
    expect([told, journal.size, journal.has('a'), journal.has('b')]).toEqual([[], 2, true, true]);
    back();
    await replay();
    expect([wire().slice(2), told, journal.size]).toEqual([['SET a a, SET b b'], ['a', 'b'], 0]);
    await replay();
    expect(wire().length).toBe(3);
  });

  it('knows of a notice from the moment that it is to be told', () => {
    const { journal, tell } = rig();
    tell('a');
    expect(journal.has('a')).toBe(true);
  });

  it('tells the latest of one name only', async () => {
    const { told, tell, away, back, wire, replay } = rig();
    away();
    await tell('a', 'old');
    await tell('a', 'new');
    back();
    await replay();
    expect([wire().at(-1), told]).toEqual(['SET a new', ['new']]);
  });

  it('keeps a notice that came while an older one of its name was being told', async () => {
    const { clock, journal, told, tell, away, store, replay, back, request } = rig();
    away();
    await tell('a', 'old');
    store.respond(undefined);
    clock.advance(1_000);
    const replaying = journal.replay();
    await clock.run(0);
    tell('a', 'new');
    request(1).answer(['OK']);
    await replaying;
    expect([told, journal.has('a')]).toEqual([['old'], true]);
    await clock.run(1_000);
    back();
    await replay();
    expect([told, journal.size]).toEqual([['old', 'new'], 0]);
  });

  it('asks nothing of Redis for what is only kept, and drops what it has heard better', () => {
    const { journal, notice, wire } = rig();
    journal.keep(keyNotice('k'), notice('k'));
    expect([journal.has(keyNotice('k')), journal.size, wire()]).toEqual([true, 1, []]);
    journal.drop(keyNotice('k'));
    expect([journal.has(keyNotice('k')), journal.size]).toEqual([false, 0]);
  });

  it('tries again at most once a second, after a notice that failed too', async () => {
    const { clock, journal, tell, away, wire } = rig();
    away();
    await tell('a');
    clock.advance(999);
    expect(journal.replay()).toBeUndefined();
    clock.advance(1);
    await journal.replay();
    expect(wire().length).toBe(2);
    clock.advance(999);
    expect(journal.replay()).toBeUndefined();
    clock.advance(1);
    expect(journal.replay()).toBeDefined();
  });

  it('tells again once at a time', async () => {
    const { clock, journal, tell, away, store } = rig();
    away();
    await tell('a');
    store.respond(undefined);
    clock.advance(1_000);
    const replaying = journal.replay();
    await clock.run(500);
    expect(journal.replay()).toBeUndefined();
    await clock.run(500);
    await replaying;
    expect(journal.size).toBe(1);
  });

  it('asks nothing of an open circuit', async () => {
    const { clock, kv, journal, tell, away, wire } = rig();
    away();
    await tell('a');
    kv.circuit.force('FORCED_OPEN');
    clock.advance(1_000);
    expect([journal.replay(), wire().length]).toEqual([undefined, 1]);
    kv.circuit.release();
    expect(journal.replay()).toBeDefined();
  });

  it('tells a hundred in a request, and stops at the first request that fails', async () => {
    const { journal, notice, back, away, replay, wire, told } = rig();
    for (let index = 0; index < 250; index += 1) journal.keep(`n${index}`, notice(`n${index}`));
    away();
    await replay();
    expect([wire().map((line) => line.split(', ').length), journal.size]).toEqual([[100], 250]);
    back();
    await replay();
    expect(wire().map((line) => line.split(', ').length)).toEqual([100, 100, 100, 50]);
    expect([journal.size, told.length, told[249]]).toEqual([0, 250, 'n249']);
  });

  it('keeps those that Redis refused, and only those', async () => {
    const { journal, notice, back, replay, told } = rig();
    for (const name of ['a', 'b', 'c']) journal.keep(name, notice(name));
    back(([, name]) => (name === 'b' ? { error: 'OOM command not allowed' } : 'OK'));
    await replay();
    expect([told, journal.size, journal.has('b')]).toEqual([['a', 'c'], 1, true]);
  });

  it('keeps one of several commands where Redis refused any of them', async () => {
    const { journal, back, told, replay } = rig();
    const both: Notice = {
      commands: [
        ['HSET', 'h', 'f', 'v'],
        ['SET', 'k', 'v'],
      ],
      told: () => told.push('both'),
    };
    journal.keep('both', both);
    back(([name]) => (name === 'SET' ? { error: 'OOM' } : 1));
    await replay();
    expect([told, journal.size]).toEqual([[], 1]);
  });

  it('keeps so many: with one more all of them go, for one that ends everything', async () => {
    const { journal, tell, away, back, replay, told, overflows } = rig(3);
    away();
    for (const name of ['a', 'b', 'c']) await tell(name);
    expect(await tell('b')).toBe(false);
    expect([journal.size, overflows()]).toEqual([3, 0]);
    expect(await tell('d')).toBe(false);
    expect([journal.size, journal.has('all'), overflows()]).toEqual([1, true, 1]);
    back();
    await replay();
    expect(told).toEqual(['all']);
  });
});
