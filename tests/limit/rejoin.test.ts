import { describe, expect, it } from 'vitest';
import type { Store } from '../../lib/store/store.ts';
import { ALGORITHMS, heldRig, limitRig, sharedStore } from '../support/limit-rig.ts';
import { allowNoUnhandledRejection } from '../support/unhandled-rejections.ts';
import { watchedStore } from '../support/watched-store.ts';

allowNoUnhandledRejection();

/** Nothing comes back within a test. */
const HOUR_MS = 3_600_000;
const COUNTING = ALGORITHMS.filter((algorithm) => algorithm !== 'concurrency');

describe.each(COUNTING)('after an outage, %s', (algorithm) => {
  const policy = { algorithm, limit: 100, windowMs: 100 * HOUR_MS };

  it('charges to Redis what was counted here, with the first check that is granted, and once', async () => {
    const { store, take, peek } = limitRig(policy);
    expect(await take(20)).toMatchObject({ remaining: 80, basis: 'store' });
    store.takeAway();
    expect(await take(30)).toMatchObject({ remaining: 70, basis: 'local' });
    store.giveBack();
    expect(await peek()).toMatchObject({ remaining: 50, basis: 'store' });
    expect(await take(51)).toMatchObject({ allowed: false, remaining: 50 });
    expect(await take()).toMatchObject({ allowed: true, remaining: 49, basis: 'store' });
    expect(await take()).toMatchObject({ allowed: true, remaining: 48 });
    expect(await limitRig(policy, {}, { clock: limitRig(policy).clock, store }).peek()).toMatchObject({
      remaining: 48,
    });
  });

  it('lets nobody through at the return who would not have been let through without the outage', async () => {
    const { kv, store, take } = limitRig(policy);
    store.takeAway();
    for (let permit = 0; permit < 100; permit += 1) expect((await take()).allowed).toBe(true);
    expect((await take()).allowed).toBe(false);
    store.giveBack();
    kv.circuit.reset();
    expect(await take()).toMatchObject({ allowed: false, remaining: 0, basis: 'store' });
  });

  it('charges a debt once, whatever the number and the costs of the checks that come back together', async () => {
    const { clock, held, store, take, peek } = heldRig(policy);
    await peek();
    store.takeAway();
    await take(40);
    store.giveBack();
    held.hold();
    const first = take();
    await clock.run(0);
    const others = [take(1), take(2), take(3), take(3)];
    await clock.run(0);
    held.deliver();
    const results = await Promise.all([first, ...others]);
    expect(results.every(({ allowed }) => allowed)).toBe(true);
    expect((await peek()).remaining).toBe(100 - 40 - 1 - 1 - 2 - 3 - 3);
  });

  it('charges a debt once that leaves with the probe of a half-open circuit, and still owes what is granted beside it', async () => {
    const { clock, held, kv, store, take, peek } = heldRig(policy);
    await peek();
    store.takeAway();
    for (let turn = 0; turn < 10; turn += 1) await take(4);
    expect(kv.circuit.state().state).toBe('OPEN');
    store.giveBack();
    clock.advance(60_000);
    held.hold();
    const probe = take();
    await clock.run(0);
    for (let turn = 0; turn < 5; turn += 1) expect((await take()).basis).toBe('local');
    held.deliver();
    expect((await probe).basis).toBe('store');
    kv.circuit.reset();
    expect((await peek()).remaining).toBe(100 - 40 - 1 - 5);
    await take();
    expect((await peek()).remaining).toBe(100 - 40 - 1 - 5 - 1);
  });

  it('charges a debt once although another check fails while the one that carries it is under way', async () => {
    const { clock, held, store, take, peek } = heldRig(policy);
    await peek();
    store.takeAway();
    await take(40);
    store.giveBack();
    held.hold();
    const carrier = take(1);
    await clock.run(0);
    store.takeAway();
    expect(await take(2)).toMatchObject({ basis: 'local' });
    store.giveBack();
    const later = take(3);
    await clock.run(0);
    held.deliver();
    await Promise.all([carrier, later]);
    expect((await peek()).remaining).toBe(100 - 40 - 1 - 2 - 3);
    expect((await take()).remaining).toBe(100 - 40 - 1 - 2 - 3 - 1);
  });

  it('still owes what left with a check that never got there, though another one that carried nothing was granted', async () => {
    const shared = sharedStore();
    let isLost = false;
    const execute: Store['execute'] = (commands, options) =>
      isLost ? new Promise(() => {}) : shared.store.execute(commands, options);
    const { clock, store, take, peek } = limitRig(
      policy,
      {},
      { clock: shared.clock, store: watchedStore({ ...shared.store, execute }) },
    );
    await peek();
    store.takeAway();
    await take(40);
    store.giveBack();
    isLost = true;
    const carrier = take(1);
    await clock.run(0);
    isLost = false;
    expect(await take(2)).toMatchObject({ allowed: true, basis: 'store' });
    await clock.run(1_000);
    expect(await carrier).toMatchObject({ basis: 'local' });
    expect((await peek()).remaining).toBe(100 - 40 - 1 - 2);
  });

  it('still owes what left with a check whose reply was lost, and never more than the account can hold', async () => {
    const { clock, held, store, take, peek } = heldRig(policy);
    await peek();
    store.takeAway();
    await take(60);
    store.giveBack();
    held.hold();
    const lost = take();
    await clock.run(0);
    held.lose();
    expect(await lost).toMatchObject({ allowed: true, remaining: 39, basis: 'local' });
    expect(await peek()).toMatchObject({ allowed: false, remaining: 0 });
    clock.advance(100 * HOUR_MS);
    clock.advance(100 * HOUR_MS);
    expect((await peek()).remaining).toBe(100);
  });

  it('still owes what left with a check that was refused, or whose caller has left', async () => {
    const { store, take, peek } = limitRig(policy);
    await peek();
    store.takeAway();
    await take(60);
    store.giveBack();
    expect((await take(50)).allowed).toBe(false);
    await expect(take(1, { signal: AbortSignal.abort('left') })).rejects.toBe('left');
    expect((await peek()).remaining).toBe(40);
    expect(await take()).toMatchObject({ allowed: true, remaining: 39 });
  });

  it('charges a check once that was granted by Redis after its own deadline, and counted here', async () => {
    const { clock, held, take, peek } = heldRig(policy);
    await peek();
    held.hold();
    const impatient = take(5, { timeoutMs: 50 });
    await clock.run(50);
    expect(await impatient).toMatchObject({ allowed: true, remaining: 95, basis: 'local' });
    held.deliver();
    await clock.run(0);
    expect((await peek()).remaining).toBe(95);
    expect((await take()).remaining).toBe(94);
  });

  it('forgets a debt with a reset and with a clear', async () => {
    const { store, limiter, take, peek, reset } = limitRig(policy);
    for (const forget of [reset, limiter.clear]) {
      store.takeAway();
      await take(60);
      store.giveBack();
      await forget();
      expect((await peek()).remaining).toBe(100);
    }
  });

  it('still owes what left for keys of an epoch that is over', async () => {
    const shared = sharedStore();
    await limitRig(policy, {}, shared).limiter.clear();
    const { store, take, peek } = limitRig(policy, {}, shared);
    store.takeAway();
    await take(60);
    store.giveBack();
    expect(await take()).toMatchObject({ allowed: true, remaining: 39, basis: 'store' });
    expect((await peek()).remaining).toBe(39);
  });

  it('owes what each of several processes has granted, and each of them grants its part only', async () => {
    const shared = sharedStore();
    const processes = Array.from({ length: 4 }, () => limitRig(policy, { expectedProcesses: 4 }, shared));
    shared.store.takeAway();
    let admitted = 0;
    for (const { take } of processes) {
      for (let turn = 0; turn < 60; turn += 1) if ((await take()).allowed) admitted += 1;
    }
    expect(admitted).toBe(100);
    shared.store.giveBack();
    for (const { take } of processes) await take();
    expect((await processes[0]?.peek())?.remaining).toBe(0);
  });
});

describe('a limit that is divided while Redis is away', () => {
  it.each(COUNTING)('leaves each process one permit at least, and what it says is its part: %s', async (algorithm) => {
    const { store, take } = limitRig({ algorithm, limit: 3, windowMs: HOUR_MS }, { expectedProcesses: 10 });
    store.takeAway();
    expect(await take()).toMatchObject({ allowed: true, remaining: 0, basis: 'local' });
    expect(await take()).toMatchObject({ allowed: false, basis: 'local' });
  });

  it.each(COUNTING)('holds for all processes together over many windows: %s', async (algorithm) => {
    const [limit, windowMs, processes, windows] = [24, 1_000, 4, 10];
    const shared = sharedStore();
    const rigs = Array.from({ length: processes }, () =>
      limitRig({ algorithm, limit, windowMs }, { expectedProcesses: processes }, shared),
    );
    shared.store.takeAway();
    let admitted = 0;
    for (let ms = 0; ms < windows * windowMs; ms += 20) {
      for (const { take } of rigs) if ((await take()).allowed) admitted += 1;
      shared.clock.advance(20);
    }
    const bound = limit * (windows + 1);
    expect(admitted).toBeLessThanOrEqual(bound);
    expect(admitted).toBeGreaterThanOrEqual(limit * (windows - 1));
  });
});

describe('a check of two policies that Redis grants after its own deadline', () => {
  const RATE = { name: 'rate', limit: 100, windowMs: 100 * HOUR_MS } as const;

  const impatient = async ({ clock, held, limiter }: ReturnType<typeof heldRig>) => {
    held.hold();
    const check = limiter.check({ rate: 'a', other: 'a' }, { timeoutMs: 50 });
    await clock.run(50);
    expect(await check).toMatchObject({ allowed: true, basis: 'local' });
    held.deliver();
    await clock.run(0);
  };

  it('is charged once beside slots', async () => {
    const slots = { name: 'other', algorithm: 'concurrency', limit: 5, windowMs: HOUR_MS } as const;
    const rig = heldRig(RATE, { policies: [RATE, slots] });
    await rig.limiter.peek({ rate: 'a' });
    await impatient(rig);
    expect((await rig.limiter.peek({ rate: 'a' })).remaining).toBe(99);
    expect((await rig.limiter.peek({ other: 'a' })).remaining).toBe(5);
  });

  it('is charged once to an account of which it was held in advance', async () => {
    const leased = { name: 'other', limit: 100, windowMs: 100 * HOUR_MS, maxOverAdmission: 0.5 } as const;
    const rig = heldRig(RATE, { policies: [RATE, leased], prefetch: false });
    const charge = await rig.limiter.chargeOf('other', 'a');
    while (rig.limiter.leases.held(charge) === 0) await rig.limiter.check({ other: 'a' });
    const { remaining } = await rig.limiter.peek({ other: 'a' });
    await impatient(rig);
    expect((await rig.limiter.peek({ other: 'a' })).remaining).toBe(remaining);
    expect((await rig.limiter.peek({ rate: 'a' })).remaining).toBe(99);
  });
});
