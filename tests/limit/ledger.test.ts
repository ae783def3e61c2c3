import { describe, expect, it } from 'vitest';
import { CommandError, ConfigError, StoreError } from '../../lib/errors.ts';
import { heldRig, limitRig, sharedStore } from '../support/limit-rig.ts';
import { allowNoUnhandledRejection } from '../support/unhandled-rejections.ts';

allowNoUnhandledRejection();

/** Nothing comes back within a test. */
const POLICY = { limit: 100, windowMs: 31_622_400_000 } as const;

const typesOf = ({ events }: ReturnType<typeof limitRig>) =>
  events.filter((event) => 'feature' in event && event.feature === 'limit').map(({ type }) => type);

describe('limits', () => {
  it('are said to be back once Redis has answered for five seconds without fail, and once', async () => {
    const rig = limitRig(POLICY);
    await rig.take();
    expect(typesOf(rig)).toEqual([]);
    rig.store.takeAway();
    await rig.take();
    await rig.take();
    rig.store.giveBack();
    rig.clock.advance(4_999);
    expect(await rig.take()).toMatchObject({ basis: 'store' });
    expect(typesOf(rig)).toEqual(['fallback']);
    rig.clock.advance(1);
    for (let turn = 0; turn < 2; turn += 1) await rig.take();
    expect(typesOf(rig)).toEqual(['fallback', 'recovered']);
  });

  it('are not said to be back by a probe: while the circuit is not closed, others still count here', async () => {
    const rig = limitRig(POLICY);
    await rig.take();
    rig.store.takeAway();
    for (let turn = 0; turn < 10; turn += 1) await rig.take();
    rig.store.giveBack();
    rig.clock.advance(60_000);
    expect(await rig.take()).toMatchObject({ basis: 'store' });
    expect(rig.kv.circuit.state().state).toBe('HALF_OPEN');
    expect(typesOf(rig)).toEqual(['fallback']);
    rig.kv.circuit.reset();
    await rig.take();
    expect(typesOf(rig)).toEqual(['fallback', 'recovered']);
  });

  it('are counted here for an error that says that Redis is away or cannot read a key, and for no other', async () => {
    const { limiter, events } = limitRig(POLICY);
    const charges = [await limiter.chargeOf('p', 'alice')];
    const call = { mode: 'take', cost: 1, need: 1, id: '' } as const;
    const away = new StoreError('network', 'gone');
    expect(limiter.ledger.fallBack(charges, call, away)).toMatchObject({ remaining: 99, basis: 'local' });
    const unreadable = new CommandError('WRONGTYPE', 'no account');
    expect(limiter.ledger.fallBack(charges, call, unreadable)).toMatchObject({ remaining: 98, basis: 'local' });
    expect(events.map(({ type }) => type)).toEqual(['fallback', 'unreadable']);
    for (const error of [new ConfigError('name', 'is wrong'), new Error('a bug'), { code: 'COMMAND' }]) {
      let thrown: unknown;
      try {
        limiter.ledger.fallBack(charges, call, error);
      } catch (caught) {
        thrown = caught;
      }
      expect(thrown).toBe(error);
    }
  });
});

describe('a clear of all limits elsewhere', () => {
  it('ends what this process held in advance, as soon as it hears of it', async () => {
    const shared = sharedStore();
    const policies = [
      { name: 'p', ...POLICY, maxOverAdmission: 0.5 },
      { name: 'q', ...POLICY },
    ];
    const [here, there] = [limitRig(POLICY, { policies }, shared), limitRig(POLICY, { policies }, shared)];
    const charge = await here.limiter.chargeOf('p', 'alice');
    while (here.limiter.leases.held(charge) === 0) await here.take();
    await there.limiter.clear();
    shared.clock.advance(10_000);
    expect(here.limiter.leases.held(charge)).toBeGreaterThan(0);
    for (let turn = 0; turn < 2; turn += 1) await here.limiter.check({ q: 'bob' });
    expect(here.limiter.leases.held(charge)).toBe(0);
    expect(await here.take()).toMatchObject({ allowed: true, basis: 'store' });
  });
});

describe('what was granted here while Redis was away', () => {
  it('is not charged by what gives back: it goes with the next check, once', async () => {
    const { store, take, peek, refund } = limitRig(POLICY);
    await take(20);
    store.takeAway();
    await take(30);
    store.giveBack();
    expect(await refund(5)).toMatchObject({ remaining: 85, basis: 'store' });
    expect((await peek()).remaining).toBe(55);
    expect((await take()).remaining).toBe(54);
    expect((await peek()).remaining).toBe(54);
  });

  it('is charged by a check although a look is under way', async () => {
    const { clock, held, store, take, peek } = heldRig(POLICY);
    await peek();
    store.takeAway();
    await take(40);
    store.giveBack();
    held.hold();
    const look = peek();
    await clock.run(0);
    const check = take();
    await clock.run(0);
    held.deliver();
    expect((await look).remaining).toBe(60);
    expect((await check).remaining).toBe(59);
  });

  it('is owed although Redis has refused the same check, too late to be heard', async () => {
    const { clock, held, take, peek } = heldRig(POLICY);
    await take(97);
    held.hold();
    const impatient = take(5, { timeoutMs: 50 });
    await clock.run(50);
    expect(await impatient).toMatchObject({ allowed: true, basis: 'local' });
    held.deliver();
    await clock.run(0);
    expect((await peek()).remaining).toBe(0);
  });
});
