import { expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { instant } from '../../lib/clock.ts';
import { createEntries } from '../../lib/keys/entries.ts';
import { createKeyNames } from '../../lib/keys/key-names.ts';
import type { IdRecord } from '../../lib/keys/record.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { changed, idRecord, issued } from '../support/every-key-store.ts';
import { contentsOf, onEveryStore } from '../support/every-store.ts';

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
