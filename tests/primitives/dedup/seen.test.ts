import { describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import { DeadlineError } from '../../../lib/errors.ts';
import { createDedup } from '../../../lib/primitives/dedup/dedup.ts';
import type { DedupOptions } from '../../../lib/primitives/dedup/dedup-options.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { onEveryKv } from '../../support/every-kv.ts';
import { AWAY } from '../../support/scripted-client.ts';
import { watchedStore } from '../../support/watched-store.ts';

const FIRST = { status: 'first', approximate: false };
const DUPLICATE = { status: 'duplicate', approximate: false };
const ttlMs = 60_000;

onEveryKv('an event', (makeKv) => {
  it('is first once for all processes, however many see it at the same time', async () => {
    const processes = [createDedup({ kv: makeKv() }), createDedup({ kv: makeKv() })];
    const seen = await Promise.all(
      Array.from({ length: 50 }, (_, index) => processes[index % 2]?.seen('view:1', { ttlMs })),
    );
    expect(seen.filter((one) => one?.status === 'first')).toEqual([FIRST]);
    expect(seen.filter((one) => one?.status === 'duplicate')).toHaveLength(49);
  });

  it('has a key of its own, by a name of its own', async () => {
    const kv = makeKv();
    const dedup = createDedup({ kv, name: 'a' });
    const outcomes = [];
    for (const key of ['x', 'x:y', 'y', '', 'x'.repeat(300)]) outcomes.push(await dedup.seen(key, { ttlMs }));
    outcomes.push(await createDedup({ kv, name: 'b' }).seen('x', { ttlMs }));
    expect(outcomes).toEqual(outcomes.map(() => FIRST));
    expect(await dedup.seen('x'.repeat(300), { ttlMs })).toEqual(DUPLICATE);
  });

  it('is not claimed by being seen', async () => {
    const dedup = createDedup({ kv: makeKv() });
    await dedup.seen('x', { ttlMs });
    expect(await dedup.claim('x')).toMatchObject({ status: 'claimed' });
  });
});

const rig = (options: Partial<DedupOptions> = {}) => {
  const clock = manualClock();
  const store = watchedStore(memoryStore({ clock }));
  const kv = createKv({ store, clock });
  const dedup = createDedup({ kv, ...options });
  const away = () => store.takeAway(AWAY);
  const back = () => {
    store.giveBack();
    kv.circuit.reset();
  };
  return { clock, store, kv, dedup, away, back };
};

describe('an event', () => {
  it('is asked about in one request, also the first time', async () => {
    const { store, dedup } = rig();
    await dedup.seen('x', { ttlMs });
    await dedup.seen('x', { ttlMs });
    expect(store.requests.map((commands) => commands.map(([name]) => name))).toEqual([['SET'], ['SET']]);
  });

  it('is a duplicate until the time to live of the first has passed, which duplicates do not push back', async () => {
    const { clock, dedup } = rig();
    expect(await dedup.seen('x', { ttlMs })).toEqual(FIRST);
    clock.advance(ttlMs);
    expect(await dedup.seen('x', { ttlMs })).toEqual(DUPLICATE);
    clock.advance(1);
    expect(await dedup.seen('x', { ttlMs })).toEqual(FIRST);
  });

  it.each([0, -1, 1.5, Number.NaN, 1e15])('cannot be remembered for %s ms', async (wrong) => {
    await expect(rig().dedup.seen('x', { ttlMs: wrong })).rejects.toMatchObject({ code: 'CONFIG', setting: 'ttlMs' });
  });
});

describe('an event while Redis is away', () => {
  const FIRST_HERE = { status: 'first', approximate: true };
  const KNOWN_HERE = { status: 'duplicate', approximate: true };

  it('is let through, approximately, unless this process has seen it, then or before', async () => {
    const { dedup, away } = rig();
    await dedup.seen('before', { ttlMs });
    away();
    expect(await dedup.seen('x', { ttlMs })).toEqual(FIRST_HERE);
    expect(await dedup.seen('x', { ttlMs })).toEqual(KNOWN_HERE);
    expect(await dedup.seen('before', { ttlMs })).toEqual(KNOWN_HERE);
  });

  it('is known here where this process has met it as a duplicate, from the first time on', async () => {
    const { clock, store, kv, dedup, away } = rig();
    await createDedup({ kv: createKv({ store, clock }) }).seen('elsewhere', { ttlMs: 2 * ttlMs });
    await dedup.seen('elsewhere', { ttlMs });
    clock.advance(ttlMs - 1);
    await dedup.seen('elsewhere', { ttlMs });
    away();
    expect(await dedup.seen('elsewhere', { ttlMs })).toEqual(KNOWN_HERE);
    clock.advance(1);
    kv.circuit.reset();
    expect(await dedup.seen('elsewhere', { ttlMs })).toEqual(FIRST_HERE);
  });

  it('is forgotten when its time to live has passed', async () => {
    const { clock, dedup, away } = rig();
    away();
    await dedup.seen('x', { ttlMs });
    clock.advance(ttlMs - 1);
    expect(await dedup.seen('x', { ttlMs })).toEqual(KNOWN_HERE);
    clock.advance(1);
    expect(await dedup.seen('x', { ttlMs })).toEqual(FIRST_HERE);
  });

  it('is a duplicate afterwards too, where it was let through here', async () => {
    const { dedup, away, back } = rig();
    away();
    await dedup.seen('x', { ttlMs });
    back();
    expect(await dedup.seen('x', { ttlMs })).toEqual(KNOWN_HERE);
    expect(await dedup.seen('x', { ttlMs })).toEqual(DUPLICATE);
    expect(await dedup.seen('y', { ttlMs })).toEqual(FIRST);
  });

  it('ends when it would have, where it was let through here and Redis heard of it late', async () => {
    const { clock, dedup, away, back } = rig();
    away();
    await dedup.seen('x', { ttlMs });
    clock.advance(ttlMs - 0.5);
    back();
    expect(await dedup.seen('x', { ttlMs })).toEqual(KNOWN_HERE);
    clock.advance(2);
    expect(await dedup.seen('x', { ttlMs })).toEqual(FIRST);
  });

  it('counts as new once Redis has lost it, though this process remembers it', async () => {
    const { dedup, store } = rig();
    await dedup.seen('x', { ttlMs });
    await store.execute([['FLUSHALL']]);
    expect(await dedup.seen('x', { ttlMs })).toEqual(FIRST);
  });

  it('takes bounded room: the longest unused go first', async () => {
    const { dedup, away } = rig({ maxLocalKeys: 2 });
    away();
    for (const key of ['a', 'b', 'c']) await dedup.seen(key, { ttlMs });
    expect([await dedup.seen('c', { ttlMs }), await dedup.seen('a', { ttlMs })]).toEqual([KNOWN_HERE, FIRST_HERE]);
  });

  it('cannot be told where that is wanted, with when to ask again and whether it was noted', async () => {
    const { store, dedup } = rig({ onUnavailable: 'closed' });
    store.takeAway(AWAY);
    const unavailable = { status: 'unavailable', retryAfterMs: 1_000, mayHaveRun: false };
    expect(await dedup.seen('x', { ttlMs })).toEqual(unavailable);
    store.takeAway(new DeadlineError(1_000, true));
    expect(await dedup.seen('x', { ttlMs })).toEqual({ ...unavailable, mayHaveRun: true });
  });
});

describe('a dedup', () => {
  it.each([
    ['maxLocalKeys', { maxLocalKeys: 0 }],
    ['maxResultBytes', { maxResultBytes: -1 }],
    ['onUnavailable', { onUnavailable: 'maybe' as never }],
  ])('is not made with a wrong %s', (setting, wrong) => {
    expect(() => rig(wrong)).toThrow(expect.objectContaining({ code: 'CONFIG', setting }));
  });

  it('takes what is undefined for unset', async () => {
    const { dedup, away } = rig({
      name: undefined,
      onUnavailable: undefined,
      maxLocalKeys: undefined,
      maxResultBytes: undefined,
    });
    away();
    expect(await dedup.seen('x', { ttlMs })).toMatchObject({ status: 'first' });
  });
});
