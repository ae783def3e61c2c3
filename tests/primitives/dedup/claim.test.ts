import { describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import { createDedup } from '../../../lib/primitives/dedup/dedup.ts';
import type { Claim, Claimed, ClaimOptions } from '../../../lib/primitives/dedup/dedup-options.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { onEveryKv } from '../../support/every-kv.ts';
import { heldStore } from '../../support/held-store.ts';
import { AWAY } from '../../support/scripted-client.ts';
import { watchedStore } from '../../support/watched-store.ts';

function owned(claim: Claim | undefined): Claimed {
  if (claim?.status !== 'claimed') throw new Error(`It is ${claim?.status}`);
  return claim;
}

const UNAVAILABLE = { status: 'unavailable', retryAfterMs: 1_000, mayHaveRun: false };

onEveryKv('work', (makeKv) => {
  it('is claimed once, however many ask for it at the same time', async () => {
    const processes = [createDedup({ kv: makeKv() }), createDedup({ kv: makeKv() })];
    const claims = await Promise.all(Array.from({ length: 50 }, (_, index) => processes[index % 2]?.claim('job')));
    expect(claims.filter((claim) => claim?.status === 'claimed')).toHaveLength(1);
    const others = claims.filter((claim) => claim?.status === 'in-progress');
    expect(others).toHaveLength(49);
    for (const other of others) {
      expect(other?.status === 'in-progress' && other.retryAfterMs).toBeGreaterThan(50_000);
      expect(other?.status === 'in-progress' && other.retryAfterMs).toBeLessThanOrEqual(60_000);
    }
  });

  it.each([['an answer'], [''], ['é日本😀'], [undefined]])(
    'that is finished is known, with what came of it: %j',
    async (result) => {
      const dedup = createDedup({ kv: makeKv() });
      const claim = owned(await dedup.claim('job'));
      expect(await claim.finish(result)).toEqual({ status: 'finished' });
      expect(await dedup.claim('job')).toEqual({ status: 'duplicate', result });
    },
  );

  it('that failed is for the next one to do', async () => {
    const dedup = createDedup({ kv: makeKv() });
    expect(await owned(await dedup.claim('job')).fail()).toEqual({ status: 'freed' });
    expect(await dedup.claim('job')).toMatchObject({ status: 'claimed' });
  });

  it('under the same key for something else is told apart, before and after it is done', async () => {
    const dedup = createDedup({ kv: makeKv() });
    const claim = owned(await dedup.claim('job', { fingerprint: 'a'.repeat(200) }));
    expect(await dedup.claim('job', { fingerprint: 'b' })).toEqual({ status: 'mismatch' });
    await claim.finish('r');
    expect(await dedup.claim('job')).toEqual({ status: 'mismatch' });
    expect(await dedup.claim('job', { fingerprint: 'a'.repeat(200) })).toEqual({ status: 'duplicate', result: 'r' });
  });

  it('is settled by its owner alone', async () => {
    const dedup = createDedup({ kv: makeKv() });
    const first = owned(await dedup.claim('job'));
    await first.fail();
    const second = owned(await dedup.claim('job'));
    expect(second.token).not.toBe(first.token);
    const lost = { status: 'lost' };
    expect([await first.finish('late'), await first.fail(), await first.extend()]).toEqual([lost, lost, lost]);
    expect(await second.finish('its own')).toEqual({ status: 'finished' });
    expect([await second.fail(), await second.extend()]).toEqual([lost, lost]);
    expect(await dedup.claim('job')).toEqual({ status: 'duplicate', result: 'its own' });
  });

  it('leaves nothing in Redis without a time to live, and no token', async () => {
    const kv = makeKv();
    const dedup = createDedup({ kv, name: 'n' });
    const claim = owned(await dedup.claim('job', { processingMs: 5_000, retentionMs: 100_000 }));
    const pttl = async () => Number(await kv.command(['PTTL', 'dedup:{work:n:job}']));
    expect(await pttl()).toBeGreaterThan(3_000);
    expect(await pttl()).toBeLessThanOrEqual(5_000);
    await claim.finish();
    expect(await pttl()).toBeGreaterThan(90_000);
    expect(await pttl()).toBeLessThanOrEqual(100_000);
    expect(JSON.stringify(await kv.command(['HGETALL', 'dedup:{work:n:job}']))).not.toContain(claim.token);
  });
});

const rig = () => {
  const clock = manualClock();
  const held = heldStore(memoryStore({ clock }));
  const store = watchedStore(held);
  const kv = createKv({ store, clock });
  const dedup = createDedup({ kv, maxResultBytes: 4 });
  const claim = (options: ClaimOptions = {}) =>
    dedup.claim('job', { processingMs: 1_000, retentionMs: 9_000, ...options });
  return { clock, held, store, kv, dedup, claim, elsewhere: createDedup({ kv }) };
};

describe('work', () => {
  it('takes two requests in all, and two more on a server that has not seen the scripts', async () => {
    const { store, claim } = rig();
    await owned(await claim()).fail();
    await owned(await claim()).finish();
    for (const commands of store.requests) expect(commands).toHaveLength(1);
    expect(store.requests.map(([command]) => command?.[0])).toEqual([
      ...['EVALSHA', 'EVAL', 'EVALSHA', 'EVAL'],
      ...['EVALSHA', 'EVALSHA', 'EVAL'],
    ]);
    const before = store.requests.length;
    const other = createDedup({ kv: createKv({ store }) });
    await owned(await other.claim('other')).finish();
    expect(store.requests.length - before).toBe(2);
  });

  it('whose owner has crashed is free when its time is up, and not before', async () => {
    const { clock, claim } = rig();
    await claim();
    clock.advance(1_000);
    expect(await claim()).toEqual({ status: 'in-progress', retryAfterMs: 1 });
    clock.advance(1);
    expect(await claim()).toMatchObject({ status: 'claimed' });
  });

  it('that takes longer keeps others off by extending', async () => {
    const { clock, claim } = rig();
    const owner = owned(await claim());
    clock.advance(900);
    expect(await owner.extend()).toEqual({ status: 'extended' });
    clock.advance(900);
    expect(await claim()).toEqual({ status: 'in-progress', retryAfterMs: 100 });
  });

  it('that is finished late does not overwrite what another one is at, or has done', async () => {
    const { clock, claim } = rig();
    const late = owned(await claim());
    clock.advance(1_001);
    const next = owned(await claim());
    expect(await late.finish('late')).toEqual({ status: 'lost' });
    expect(await claim()).toMatchObject({ status: 'in-progress' });
    await next.finish('next');
    expect(await late.finish('late')).toEqual({ status: 'lost' });
    expect(await claim()).toEqual({ status: 'duplicate', result: 'next' });
  });

  it('that is finished late is known where nobody has claimed it since', async () => {
    const { clock, claim } = rig();
    const late = owned(await claim({ fingerprint: 'f' }));
    clock.advance(1_001);
    expect(await late.finish('late')).toEqual({ status: 'finished' });
    expect(await claim({ fingerprint: 'f' })).toEqual({ status: 'duplicate', result: 'late' });
    expect(await claim()).toEqual({ status: 'mismatch' });
    clock.advance(9_001);
    expect(await claim()).toMatchObject({ status: 'claimed' });
  });

  it('is not lost with the answer to its claim: the next claim of this process takes it over, and no other', async () => {
    const { held, dedup, claim, elsewhere } = rig();
    await dedup.claim('so that the script is known');
    held.hold();
    const first = claim();
    await expect.poll(() => held.held).toBe(1);
    held.lose();
    expect(await first).toMatchObject({ status: 'unavailable', mayHaveRun: true });
    const statuses = [];
    for (const next of [elsewhere.claim('job'), claim(), claim()]) statuses.push((await next).status);
    expect(statuses).toEqual(['in-progress', 'claimed', 'in-progress']);
  });

  it('is taken over as well by the next claim for it where several were lost, or one was for other work', async () => {
    const { held, dedup, claim } = rig();
    await dedup.claim('so that the script is known');
    held.hold();
    const lost = [claim(), claim()];
    await expect.poll(() => held.held).toBeGreaterThan(0);
    held.lose();
    for (const one of lost) expect(await one).toMatchObject({ status: 'unavailable' });
    expect(await claim({ fingerprint: 'other' })).toEqual({ status: 'mismatch' });
    expect(await claim()).toMatchObject({ status: 'claimed' });
  });

  it('is taken over as well when Redis could not be asked in between', async () => {
    const { kv, held, store, dedup, claim } = rig();
    await dedup.claim('so that the script is known');
    held.hold();
    const lost = claim();
    await expect.poll(() => held.held).toBe(1);
    held.lose();
    await lost;
    store.takeAway(AWAY);
    expect(await claim()).toEqual(UNAVAILABLE);
    kv.circuit.force('FORCED_OPEN');
    expect(await claim()).toMatchObject({ status: 'unavailable', mayHaveRun: false });
    kv.circuit.release();
    store.giveBack();
    expect(await claim()).toMatchObject({ status: 'claimed' });
  });

  it('is not taken for claimed by who hears of it when its time is up', async () => {
    const { clock, held, dedup, claim, elsewhere } = rig();
    await dedup.claim('so that the script is known');
    const late = async (suspendedMs: number) => {
      held.hold();
      const answer = claim();
      await expect.poll(() => held.held).toBe(1);
      clock.suspend(suspendedMs);
      held.deliver();
      return answer;
    };
    expect(await late(1_000)).toEqual({ status: 'unavailable', retryAfterMs: 1_000, mayHaveRun: true });
    const owner = owned(await claim());
    await owner.fail();
    await owned(await late(999)).fail();
    expect(await late(1_001)).toMatchObject({ status: 'unavailable' });
    expect(await elsewhere.claim('job')).toMatchObject({ status: 'claimed' });
    expect(await claim()).toMatchObject({ status: 'in-progress' });
  });

  it('may be finished again when nobody answered, with the same outcome', async () => {
    const { claim } = rig();
    const owner = owned(await claim());
    await owner.finish('r');
    expect(await owner.finish('r')).toEqual({ status: 'finished' });
  });

  it('has a result of bounded size, in bytes', async () => {
    const { claim } = rig();
    const owner = owned(await claim());
    await expect(owner.finish('éé€')).rejects.toMatchObject({ code: 'CONFIG', setting: 'result' });
    expect(await owner.finish('éé')).toEqual({ status: 'finished' });
  });

  it.each([
    ['processingMs', { processingMs: 0 }],
    ['retentionMs', { retentionMs: 1.5 }],
  ])('is not claimed with a wrong %s', async (setting, wrong) => {
    const { claim, store } = rig();
    await expect(claim(wrong)).rejects.toMatchObject({ code: 'CONFIG', setting });
    expect(store.requests).toEqual([]);
  });

  it('is not taken for claimed when something else lies there', async () => {
    const { store, claim } = rig();
    await store.execute([['SET', 'dedup:{work:default:job}', 'x']]);
    await expect(claim()).rejects.toMatchObject({ code: 'COMMAND', replyCode: 'WRONGTYPE' });
  });
});

describe('work while Redis is away', () => {
  it('is not to be done, nor known to be settled: fails closed', async () => {
    const { store, claim } = rig();
    const owner = owned(await claim());
    store.takeAway(AWAY);
    expect(await claim()).toEqual(UNAVAILABLE);
    expect([await owner.finish(), await owner.fail(), await owner.extend()]).toEqual([
      UNAVAILABLE,
      UNAVAILABLE,
      UNAVAILABLE,
    ]);
  });
});
