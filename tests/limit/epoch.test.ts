import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { createEpoch } from '../../lib/limit/epoch.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { scriptedStore } from '../../lib/testing/scripted-store.ts';
import { watchedStore } from '../support/watched-store.ts';

function shared() {
  const clock = manualClock();
  const store = watchedStore(memoryStore({ clock }));
  const process = () => {
    const kv = createKv({ store, clock });
    return {
      epoch: createEpoch(kv),
      limiter: createLimiter({ kv, policies: [{ name: 'p', limit: 3, windowMs: 3_600_000 }] }),
    };
  };
  return { clock, store, process };
}

describe('clearing all limits', () => {
  it('is seen at once by the limiter that clears, and within a second by every other', async () => {
    const { clock, process } = shared();
    const [one, other] = [process().limiter, process().limiter];
    await one.check({ p: 'a' }, { cost: 3 });
    expect((await other.check({ p: 'a' })).allowed).toBe(false);
    await one.clear();
    expect(await one.check({ p: 'a' })).toMatchObject({ allowed: true, remaining: 2 });
    clock.advance(999);
    expect((await other.check({ p: 'a' })).allowed).toBe(false);
    clock.advance(1);
    expect(await other.check({ p: 'a' })).toMatchObject({ allowed: true, remaining: 1 });
    expect(await one.check({ p: 'a' })).toMatchObject({ allowed: true, remaining: 0 });
  });

  it('is seen by a process that was suspended meanwhile, as soon as it wakes', async () => {
    const { clock, process } = shared();
    const [one, other] = [process().limiter, process().limiter];
    await other.check({ p: 'a' }, { cost: 3 });
    await one.clear();
    clock.suspend(1_000);
    expect((await other.check({ p: 'a' })).allowed).toBe(true);
  });

  it('asks for the epoch along with a check, once a second and never alone', async () => {
    const { clock, store, process } = shared();
    const { limiter } = process();
    await limiter.check({ p: 'a' });
    const first = store.requests.length;
    await limiter.check({ p: 'a' });
    clock.advance(1_000);
    await limiter.check({ p: 'a' });
    expect(store.requests.slice(first).map((request) => request.map(([name]) => name))).toEqual([
      ['EVALSHA'],
      ['EVALSHA', 'GET'],
    ]);
  });

  it('lets a fresh process reset a subject in the epoch of today', async () => {
    const { process } = shared();
    const one = process().limiter;
    await one.clear();
    await one.check({ p: 'a' }, { cost: 3 });
    await process().limiter.reset({ p: 'a' });
    expect((await one.check({ p: 'a' })).allowed).toBe(true);
  });

  it('leaves no old key behind for ever', async () => {
    const { clock, store, process } = shared();
    const { limiter } = process();
    await limiter.check({ p: 'a' }, { cost: 3 });
    await limiter.clear();
    clock.advance(3_600_001);
    expect(
      await store.execute([
        ['EXISTS', 'ratelimit:p:a'],
        ['GET', 'ratelimit:epoch'],
      ]),
    ).toEqual([0, '1']);
  });

  it('stands against an answer that was asked for before it', async () => {
    const { process } = shared();
    const { epoch } = process();
    const early = epoch.query();
    expect(early.commands).toEqual([['GET', 'ratelimit:epoch']]);
    await epoch.raise();
    // Whoever has asked with it has charged keys that are no more.
    expect(early.learn(null)).toBe(true);
    expect(epoch.key('p', 'a')).toBe('ratelimit:e1:p:a');
  });

  it('is not undone by the late answer to an earlier question', () => {
    const { epoch } = shared().process();
    const [first, second] = [epoch.query(), epoch.query()];
    expect(second.learn('7')).toBe(true);
    expect(first.learn('6')).toBe(true);
    expect(epoch.key('p', 'a')).toBe('ratelimit:e7:p:a');
    expect(epoch.query().learn(undefined)).toBe(false);
  });

  it('is not undone by the answer to an earlier clear that comes after that of a later one', async () => {
    const clock = manualClock();
    const store = scriptedStore();
    const epoch = createEpoch(createKv({ store, clock }));
    const first = epoch.raise();
    await clock.run(0);
    const second = epoch.raise();
    await clock.run(0);
    store.sent[1]?.answer([2]);
    await second;
    store.sent[0]?.answer([1]);
    await first;
    expect(epoch.key('p', 'a')).toBe('ratelimit:e2:p:a');
  });

  it('is learnt by all who were under way in the old one, not only by the first whose answer tells of it', () => {
    const { epoch } = shared().process();
    const early = [epoch.query(), epoch.query(), epoch.query()];
    expect(early.map(({ learn }) => learn('7'))).toEqual([true, true, true]);
    const [young, later] = [epoch.query(), epoch.query()];
    expect([young.commands, young.learn(undefined)]).toEqual([[], false]);
    expect(later.learn('7')).toBe(false);
  });

  it('is followed back when Redis has lost the epoch', async () => {
    const { clock, process } = shared();
    const { epoch } = process();
    epoch.query().learn('7');
    clock.advance(1_000);
    expect(epoch.query().learn(null)).toBe(true);
    expect(epoch.key('p', 'a')).toBe('ratelimit:p:a');
  });

  it('goes on counting where the epoch cannot be read, and asks again', async () => {
    const { store, process } = shared();
    await store.execute([['RPUSH', 'ratelimit:epoch', 'x']]);
    const { limiter } = process();
    expect(await limiter.check({ p: 'a' })).toMatchObject({ allowed: true, remaining: 2, basis: 'store' });
    expect(await limiter.check({ p: 'a' })).toMatchObject({ allowed: true, remaining: 1, basis: 'store' });
    expect(store.requests.at(-1)).toContainEqual(['GET', 'ratelimit:epoch']);
    await expect(limiter.clear()).rejects.toMatchObject({ code: 'COMMAND' });
  });
});
