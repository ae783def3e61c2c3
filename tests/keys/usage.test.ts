import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { CircuitOpenError, DeadlineError, StoreError } from '../../lib/errors.ts';
import { createKeyNames } from '../../lib/keys/key-names.ts';
import { createUsage } from '../../lib/keys/usage.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { watchedStore } from '../support/watched-store.ts';

const DAY_MS = 86_400_000;
/** 23:59:59 of 2026-11-21, by UTC. */
const EVENING = Date.UTC(2026, 10, 21, 23, 59, 59);

const digestOf = (digest: string) => ({ kid: 'k1', digest });
const [ONE, TWO, THREE] = [digestOf('one'), digestOf('two'), digestOf('three')];

function uses() {
  const clock = manualClock(EVENING);
  const store = watchedStore(memoryStore({ clock }));
  const usage = createUsage(createKv({ store, clock }), createKeyNames(''));
  const note = (digest: { kid: string; digest: string }, times: number) => {
    for (let turn = 0; turn < times; turn += 1) usage.note(digest);
  };
  return { clock, store, usage, note };
}

describe('the uses of a key', () => {
  it('are counted by the day of UTC, and kept for 32 days', async () => {
    const { clock, store, usage, note } = uses();
    note(ONE, 3);
    expect([usage.today(), usage.notedOf(ONE), usage.notedOf(TWO)]).toEqual(['20261121', 3, 0]);
    await usage.flush();
    clock.advance(1_000);
    expect(usage.today()).toBe('20261122');
    note(ONE, 2);
    await usage.flush();
    expect(usage.counterOf(ONE)).toBe('usage:key:k1:one:20261122');
    const counters = ['usage:key:k1:one:20261121', 'usage:key:k1:one:20261122'];
    expect(await store.execute([['MGET', ...counters]])).toEqual([['3', '2']]);
    expect(await store.execute(counters.map((key) => ['PTTL', key]))).toEqual([32 * DAY_MS - 1_000, 32 * DAY_MS]);
  });

  it('are read for all the digests of a key, today first, in one request', async () => {
    const { clock, store, usage, note } = uses();
    note(ONE, 2);
    note(TWO, 3);
    await usage.flush();
    clock.advance(2 * DAY_MS);
    note(TWO, 5);
    await usage.flush();
    const requests = store.requests.length;
    expect(await usage.read([ONE, TWO], 4)).toEqual([
      { day: '2026-11-23', count: 5 },
      { day: '2026-11-22', count: 0 },
      { day: '2026-11-21', count: 5 },
      { day: '2026-11-20', count: 0 },
    ]);
    expect(store.requests).toHaveLength(requests + 1);
    expect((await usage.read([ONE], 3)).map(({ count }) => count)).toEqual([0, 0, 2]);
  });

  it('are none on any day of a key without digests, without a request', async () => {
    const { store, usage } = uses();
    expect(await usage.read([], 2)).toEqual([
      { day: '2026-11-21', count: 0 },
      { day: '2026-11-20', count: 0 },
    ]);
    expect(store.requests).toEqual([]);
  });

  it('are none where what stands in the place of the counter is no number, and cannot be read while Redis is away', async () => {
    const { store, usage } = uses();
    await store.execute([['SET', usage.counterOf(ONE), 'x']]);
    expect(await usage.read([ONE], 1)).toEqual([{ day: '2026-11-21', count: 0 }]);
    store.takeAway();
    await expect(usage.read([ONE], 1)).rejects.toMatchObject({ code: 'STORE' });
  });
});

describe('uses that Redis was not told of', () => {
  it('are told all at once, sixteen keys to a request, and only once', async () => {
    const { store, usage } = uses();
    await usage.flush();
    expect(store.requests).toEqual([]);
    for (let index = 0; index < 33; index += 1) usage.note(digestOf(`key${index}`));
    await usage.flush();
    expect(store.requests.map((commands) => commands.length)).toEqual([32, 32, 2]);
    await usage.flush();
    expect(store.requests).toHaveLength(3);
    for (let index = 0; index < 33; index += 1) expect(usage.notedOf(digestOf(`key${index}`))).toBe(0);
  });

  it('are those of today where a day has begun meanwhile, and are told for their own', async () => {
    const { clock, store, usage, note } = uses();
    note(ONE, 3);
    clock.advance(1_000);
    expect(usage.notedOf(ONE)).toBe(0);
    await usage.flush();
    expect(await usage.read([ONE], 2)).toMatchObject([{ count: 0 }, { count: 3 }]);
    expect(store.requests.length).toBe(2);
  });

  it.each([
    ['kept where they certainly have not run: the circuit is open', new CircuitOpenError(1), 3],
    ['kept where nothing has left', new StoreError('network', 'refused', { mayHaveRun: false }), 3],
    ['kept where no time was left', new DeadlineError(1, false), 3],
    ['never told again where they may have run', new StoreError('network', 'reset'), 0],
    ['never told again where no answer came in time', new DeadlineError(1, true), 0],
    ['never told again for an error that says nothing', new Error('x'), 0],
  ])('are %s', async (_, error, kept) => {
    const { usage, note } = uses();
    note(ONE, 3);
    const arrears = usage.take();
    expect(usage.notedOf(ONE)).toBe(0);
    note(ONE, 1);
    arrears.putBack(error);
    expect(usage.notedOf(ONE)).toBe(kept + 1);
  });

  it('are kept of the key whose counter Redis refuses, and of no other', () => {
    const { usage, note } = uses();
    note(ONE, 3);
    note(TWO, 2);
    note(THREE, 4);
    const { commands, told } = usage.take();
    expect(commands.map(([name, key]) => [name, key])).toEqual(
      [ONE, TWO, THREE].flatMap((one) => ['INCRBY', 'PEXPIRE'].map((name) => [name, usage.counterOf(one)])),
    );
    const refused = new StoreError('unavailable', 'OOM', { replyCode: 'OOM' });
    told([3, 1, 2, 1, refused, refused]);
    expect([ONE, TWO, THREE].map(usage.notedOf)).toEqual([0, 0, 4]);
  });

  it('outlast a flush while Redis is away, if they have not left', async () => {
    const { store, usage, note } = uses();
    note(ONE, 3);
    store.takeAway(new StoreError('network', 'refused', { mayHaveRun: false }));
    await usage.flush();
    expect(usage.notedOf(ONE)).toBe(3);
    store.giveBack();
    await usage.flush();
    expect(usage.notedOf(ONE)).toBe(0);
    expect(await usage.read([ONE], 1)).toMatchObject([{ count: 3 }]);
  });
});
