import { describe, expect, it } from 'vitest';
import { createKv, type KvClient } from '../../../lib/client/kv-client.ts';
import { createHandover, type Handover, type HandoverOptions } from '../../../lib/primitives/migration/handover.ts';
import { createRecordMigration } from '../../../lib/primitives/migration/record-migration.ts';
import { mapRecords } from '../../../lib/primitives/migration/records/map-records.ts';
import { readHandoverStatus, setHandover } from '../../../lib/primitives/migration/status.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Store } from '../../../lib/store/store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { dice } from '../../support/dice.ts';
import { onEveryKv } from '../../support/every-kv.ts';
import { AWAY } from '../../support/scripted-client.ts';
import { watchedStore } from '../../support/watched-store.ts';

const [LEASE_MS, GRACE_MS, TTL_MS] = [1_000, 200, 10_000];
const WAIT_MS = Math.ceil((LEASE_MS + GRACE_MS + TTL_MS) * 1.01) + 2;
const OPTIONS = { name: 'locks', longestTtlMs: TTL_MS, leaseMs: LEASE_MS, graceMs: GRACE_MS };

function rig(own: Partial<HandoverOptions> = {}, store: (sound: Store) => Store = (sound) => sound) {
  const clock = manualClock();
  const redis = memoryStore({ clock });
  const operator = createKv({ store: redis, clock });
  const process = () => {
    const watched = watchedStore(store(redis));
    const kv = createKv({ store: watched, clock });
    return { handover: createHandover({ kv, ...OPTIONS, ...own }), store: watched };
  };
  const to = (side: 'old' | 'new') => setHandover(operator, 'locks', side);
  return { ...process(), process, clock, operator, to };
}

const held = (handover: Handover) => handover.choose({ purpose: 'held' });
const waits = (retryAfterMs: number) => ({ status: 'unavailable', retryAfterMs, mayHaveRun: false });

describe('a handover', () => {
  it('chooses old from the start, with no request within the lease', async () => {
    const { handover, store, clock } = rig();
    expect(await handover.choose()).toEqual({ status: 'old', epoch: 1 });
    // The script, sent once more in full because Redis does not know it yet.
    const before = store.requests.length;
    clock.advance(LEASE_MS - 1);
    for (let round = 0; round < 20; round += 1) await handover.choose();
    expect(store.requests.length).toBe(before);
    clock.advance(1);
    await Promise.all(Array.from({ length: 20 }, () => handover.choose()));
    expect(store.requests.length).toBe(before + 1);
  });

  it('lets nobody grant until all has ended that was granted, and what is held go to who granted it', async () => {
    const { handover, clock, to } = rig();
    await handover.choose();
    expect(await to('new')).toEqual({ status: 'changed', waitMs: WAIT_MS });
    // It may not know yet.
    expect(await handover.choose()).toEqual({ status: 'old', epoch: 1 });
    clock.advance(LEASE_MS);
    expect(await handover.choose()).toEqual(waits(WAIT_MS - LEASE_MS));
    expect(await held(handover)).toEqual({ status: 'old', epoch: 1 });
    clock.advance(WAIT_MS - LEASE_MS - 1);
    expect(await handover.choose()).toEqual(waits(1));
    clock.advance(1);
    expect(await handover.choose()).toEqual({ status: 'new', epoch: 2 });
    expect(await held(handover)).toEqual({ status: 'new', epoch: 2 });
  });

  it('goes back in the same way, under a further epoch', async () => {
    const { handover, clock, to } = rig();
    await handover.choose();
    await to('new');
    clock.advance(WAIT_MS);
    expect(await handover.choose()).toEqual({ status: 'new', epoch: 2 });
    await to('old');
    clock.advance(WAIT_MS);
    expect(await handover.choose()).toEqual({ status: 'old', epoch: 3 });
  });

  it('that is taken back while it waits has what was granted before go on being held there', async () => {
    const { handover, clock, to } = rig();
    await handover.choose();
    await to('new');
    clock.advance(LEASE_MS);
    await to('old');
    expect(await handover.choose()).toEqual(waits(WAIT_MS));
    expect(await held(handover)).toEqual({ status: 'old', epoch: 1 });
    clock.advance(WAIT_MS);
    expect(await handover.choose()).toEqual({ status: 'old', epoch: 3 });
  });

  it('waits as long as the process with the longest grants needs', async () => {
    const { handover, process, operator, clock, to } = rig();
    await handover.choose();
    const kv = createKv({ store: process().store, clock });
    await createHandover({ kv, ...OPTIONS, longestTtlMs: 60_000 }).choose();
    expect(await to('new')).toEqual({ status: 'changed', waitMs: Math.ceil(61_200 * 1.01) + 2 });
    expect(await readHandoverStatus(operator, 'locks')).toMatchObject({ mode: 'waiting', side: 'new', epoch: 2 });
  });

  it('with Redis away is good for the lease, and then unavailable: what has one authority stays where it is', async () => {
    const { handover, store, clock } = rig();
    await handover.choose();
    store.takeAway(AWAY);
    clock.advance(LEASE_MS - 1);
    expect(await handover.choose()).toEqual({ status: 'old', epoch: 1 });
    clock.advance(1);
    expect(await handover.choose()).toEqual(waits(1_000));
    expect(await held(handover)).toEqual(waits(1_000));
    store.giveBack();
    expect(await handover.choose()).toEqual({ status: 'old', epoch: 1 });
  });

  it('does not believe an answer that took longer than the lease', async () => {
    const { handover, clock } = rig({ leaseMs: 50 }, (sound) => ({
      ...sound,
      async execute(commands, options) {
        const replies = await sound.execute(commands, options);
        clock.advance(50);
        return replies;
      },
    }));
    expect(await handover.choose()).toMatchObject({ status: 'unavailable' });
  });

  it('is put back by who knows it, when Redis has lost everything', async () => {
    const { handover, store, process, clock, to } = rig();
    await handover.choose();
    await to('new');
    clock.advance(WAIT_MS);
    await handover.choose();
    await store.execute([['FLUSHALL']]);
    clock.advance(LEASE_MS);
    await handover.choose();
    expect(await process().handover.choose()).toEqual({ status: 'new', epoch: 2 });
  });

  it('waits no longer than it has to when the clock of Redis is set back', async () => {
    const { handover, clock, to } = rig();
    await handover.choose();
    await to('new');
    await clock.run(WAIT_MS);
    expect(await handover.choose()).toEqual({ status: 'new', epoch: 2 });
    clock.jumpWall(-86_400_000);
    await clock.run(LEASE_MS);
    expect(await handover.choose()).toEqual(waits(WAIT_MS));
    await clock.run(WAIT_MS - 1);
    expect(await handover.choose()).toEqual(waits(1));
    await clock.run(1);
    expect(await handover.choose()).toEqual({ status: 'new', epoch: 2 });
  });

  it('of an unknown name changes nothing, and of the side that has it already neither', async () => {
    const { handover, to } = rig();
    expect(await to('new')).toEqual({ status: 'unknown' });
    await handover.choose();
    expect(await to('old')).toEqual({ status: 'unchanged' });
  });

  it('is no migration of records, and the other way round', async () => {
    const { handover, operator } = rig();
    await handover.choose();
    const records = createRecordMigration({ kv: operator, name: 'locks', old: mapRecords(), new: mapRecords() });
    await expect(records.get('k')).rejects.toThrow('of another kind');
    const other = createRecordMigration({ kv: operator, name: 'users', old: mapRecords(), new: mapRecords() });
    await other.get('k');
    expect(await readHandoverStatus(operator, 'users')).toBeUndefined();
    const wrong = createHandover({ kv: operator, ...OPTIONS, name: 'users' });
    await expect(wrong.choose()).rejects.toThrow('of another kind');
  });

  it.each([
    ['name', { name: '' }],
    ['longestTtlMs', { longestTtlMs: 0 }],
    ['leaseMs', { leaseMs: 0.5 }],
    ['graceMs', { graceMs: -1 }],
    ['initial', { initial: 'waiting' as 'old' }],
  ])('refuses %s as %j', (option, wrong) => {
    expect(() => rig(wrong)).toThrow(expect.objectContaining({ code: 'CONFIG', setting: option }));
  });
});

/** An exclusive claim, made of SET NX PX. */
async function claim(side: KvClient, name: string, owner: string, ttlMs: number): Promise<boolean> {
  return (await side.command(['SET', name, owner, 'NX', 'PX', ttlMs])) === 'OK';
}

describe('an exclusive claim', () => {
  it('is never had by two at once, while authority goes back and forth between two stores', async () => {
    for (let seed = 1; seed <= 30; seed += 1) {
      const random = dice(seed);
      const { process, clock, to } = rig();
      const sides = {
        old: createKv({ store: memoryStore({ clock }), clock }),
        new: createKv({ store: memoryStore({ clock }), clock }),
      };
      const processes = Array.from({ length: 3 }, process);
      let claimedUntil = 0;
      let grants = 0;
      for (let step = 0; step < 200; step += 1) {
        if (random.chance(0.05)) await to(random.pick(['old', 'new']));
        const { handover, store } = random.pick([...(processes as [(typeof processes)[0], ...typeof processes])]);
        if (random.chance(0.05)) store.takeAway(AWAY);
        if (random.chance(0.2)) store.giveBack();
        const choice = await handover.choose();
        if (choice.status !== 'unavailable') {
          // The grant arrives late, but within the grace.
          clock.advance(random.whole(0, GRACE_MS));
          if (await claim(sides[choice.status], `${choice.epoch}:k`, 'me', TTL_MS)) {
            expect(clock.now(), `seed ${seed}, step ${step}`).toBeGreaterThanOrEqual(claimedUntil);
            claimedUntil = clock.now() + TTL_MS;
            grants += 1;
          }
        }
        clock.advance(random.whole(0, 2_000));
      }
      expect(grants).toBeGreaterThan(3);
    }
  });
});

onEveryKv('a handover', (makeKv) => {
  it('waits, and is told', async () => {
    const kv = makeKv();
    const options = { kv, name: 'locks', longestTtlMs: 1, leaseMs: 1, graceMs: 0 };
    const handover = createHandover({ ...options, leaseMs: 60_000 });
    expect(await handover.choose()).toEqual({ status: 'old', epoch: 1 });
    expect(await setHandover(kv, 'locks', 'new')).toEqual({ status: 'changed', waitMs: expect.any(Number) });
    expect(await createHandover({ ...options, leaseMs: 60_000 }).choose()).toMatchObject({ status: 'unavailable' });
    expect(await readHandoverStatus(kv, 'locks')).toMatchObject({
      kind: 'handover',
      mode: 'waiting',
      side: 'new',
      epoch: 2,
    });
    expect(await readHandoverStatus(kv, 'none')).toBeUndefined();
  });
});
