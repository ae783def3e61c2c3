import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { instant } from '../../lib/clock.ts';
import { createEntries } from '../../lib/keys/entries.ts';
import { createKeyNames } from '../../lib/keys/key-names.ts';
import type { IdRecord } from '../../lib/keys/record.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { eventually } from '../support/eventually.ts';
import { changed, idRecord, issued } from '../support/every-key-store.ts';
import { contentsOf, onEveryStore } from '../support/every-store.ts';
import { watchedStore } from '../support/watched-store.ts';

const names = createKeyNames('');
const entryOf = (name: string) => names.entry(issued(name));

onEveryStore('what Redis caches of keys on record elsewhere', (store) => {
  /** As a process does whose clock is so far behind. */
  const publish = (next: IdRecord, previous?: IdRecord, behindMs = 0) => {
    const clock = manualClock(Date.now() - behindMs);
    const kv = createKv({ store: store(), clock });
    const entries = createEntries({ kv, names, entryTtlMs: 300_000, tombstoneMs: 360_000 });
    return entries.publish({ next, previous, at: instant(clock) });
  };
  const entry = async (name: string) => {
    const found = (await contentsOf(store())).get(entryOf(name));
    return found && { ...JSON.parse(String(found.value)), ttlMs: found.ttlMs };
  };

  const first = idRecord({ digests: [issued('one')] });

  it('has an entry and a mark of a new key', async () => {
    expect(await publish(first)).toBe(true);
    expect(await entry('one')).toMatchObject({ status: 'active', owner: 'acme', generation: 1 });
    const contents = await contentsOf(store());
    expect(contents.get(entryOf('one'))?.ttlMs).toBeGreaterThan(290_000);
    expect(contents.get(entryOf('one'))?.ttlMs).toBeLessThanOrEqual(300_000);
    expect(contents.get(names.seen(issued('one')))?.ttlMs).toBeGreaterThan(29 * 86_400_000);
  });

  it('has a tombstone of each digest that ended, which outlives any entry', async () => {
    const both = changed(first, { digests: [issued('two'), issued('one', { until: Date.now() + 60_000 })] });
    await publish(both, first);
    expect((await entry('one'))?.ttlMs).toBeLessThanOrEqual(60_000);
    const revoked = changed(both, { status: 'revoked' });
    await publish(revoked, both);
    for (const name of ['one', 'two']) {
      expect(await entry(name)).toMatchObject({ status: 'revoked', generation: 3 });
      expect((await entry(name))?.ttlMs).toBeGreaterThan(300_000);
    }
  });

  it('takes changes in any order, and keeps the last one made', async () => {
    const second = changed(first, { owner: 'later' });
    const third = changed(second, { digests: [issued('two')] });
    await publish(second, first);
    await publish(first);
    expect(await entry('one')).toMatchObject({ owner: 'later', generation: 2 });
    await publish(third, second);
    await publish(second, first);
    expect(await entry('one')).toMatchObject({ status: 'revoked' });
    expect(await entry('two')).toMatchObject({ status: 'active', generation: 3 });
  });

  it('has nothing of a change that comes when all it says has ended, but a tombstone', async () => {
    await publish(first, undefined, 302_000);
    expect(await entry('one')).toBeUndefined();
    await publish(changed(first, { status: 'revoked' }), first, 302_000);
    expect(await entry('one')).toMatchObject({ status: 'revoked' });
  });

  it('has what was on its way for long no longer for that', async () => {
    await publish(first, undefined, 200_000);
    expect((await entry('one'))?.ttlMs).toBeLessThanOrEqual(100_000);
  });

  it('has an entry in the place of what nobody can read', async () => {
    for (const text of ['', 'x', '[]', '5', 'null', '{"generation":"9"}']) {
      await store().execute([['SET', entryOf('one'), text]]);
      await publish(first);
      expect(await entry('one')).toMatchObject({ status: 'active' });
    }
  });
});

describe('what Redis is told of keys on record elsewhere', () => {
  function telling() {
    const clock = manualClock();
    const redisClock = manualClock(clock.now());
    const store = watchedStore(memoryStore({ clock: redisClock }));
    const kv = createKv({ store, clock, breaker: { failureThreshold: 100 } });
    const entries = createEntries({ kv, names, entryTtlMs: 300_000, tombstoneMs: 360_000 });
    const publish = (next: IdRecord, previous?: IdRecord) => entries.publish({ next, previous, at: instant(clock) });
    const entry = async (name: string) => (await store.execute([['GET', entryOf(name)]]))[0];
    return { clock, redisClock, store, entries, publish, entry };
  }
  const first = idRecord({ digests: [issued('one')] });

  it('is nothing that ends in this moment, by its clock or by ours', async () => {
    const { clock, redisClock, publish, entry } = telling();
    redisClock.advance(299_999);
    expect(await publish(first)).toBe(true);
    expect(await entry('one')).toContain('acme');
    redisClock.advance(2);
    expect(await entry('one')).toBeNull();
    redisClock.jumpWall(-1);
    expect(await publish(first)).toBe(true);
    expect(await entry('one')).toBeNull();
    redisClock.jumpWall(-310_000);
    const ending = (leftMs: number) => publish(idRecord({ ...first, expiresAt: clock.now() + leftMs }));
    for (const leftMs of [0, -1]) {
      expect(await ending(leftMs)).toBe(true);
      expect(await entry('one')).toBeNull();
    }
    expect(await ending(1)).toBe(true);
    expect(await entry('one')).toContain('acme');
  });

  it('is each tombstone, however late', async () => {
    const { redisClock, publish, entry } = telling();
    redisClock.advance(400_000);
    expect(await publish(changed(first, { digests: [issued('two')] }), first)).toBe(true);
    expect(await entry('one')).toContain('revoked');
  });

  it('is never, over a tombstone, that a digest leads anywhere again', async () => {
    const { redisClock, store, publish, entry } = telling();
    const ended = changed(first, { digests: [issued('two')] });
    await publish(ended, first);
    const again = changed(ended, { digests: [issued('one'), issued('two')] });
    await publish(again, ended);
    expect(await entry('one')).toContain('revoked');
    // Another tombstone may be: it lasts longer.
    redisClock.advance(100_000);
    await publish(changed(again, { status: 'revoked' }), again);
    expect(JSON.parse(String(await entry('one')))).toMatchObject({ status: 'revoked', generation: 4 });
    expect(await store.execute([['PTTL', entryOf('one')]])).toEqual([360_000]);
  });

  it('is, when it is back, all that it has missed of a key, of the last eight changes', async () => {
    const { store, entries, publish, entry } = telling();
    store.takeAway();
    let record = first;
    for (let turn = 1; turn <= 9; turn += 1) {
      const next = changed(record, { digests: [issued(`turn${turn}`)] });
      expect(await publish(next, record)).toBe(false);
      record = next;
    }
    store.giveBack();
    entries.catchUp();
    await eventually(async () => (await entry('turn9')) !== null);
    // Of the first of nine it is not told: that would be without a bound.
    expect(await entry('one')).toBeNull();
    for (let turn = 1; turn < 9; turn += 1) expect(await entry(`turn${turn}`)).toContain('revoked');
    expect(await entry('turn9')).toContain('active');
    const told = store.requests.length;
    entries.catchUp();
    await Promise.resolve();
    expect(store.requests).toHaveLength(told);
  });
});
