import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { StoreError } from '../../lib/errors.ts';
import type { BreakwaterEvent } from '../../lib/events.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { watchedStore } from '../support/watched-store.ts';

/** A limiter, its store, and what it has said of where it counts. */
function limiterOnTrial() {
  const clock = manualClock();
  const store = watchedStore(memoryStore({ clock }));
  const said: string[] = [];
  const onEvent = ({ type }: BreakwaterEvent) => {
    if (type === 'fallback' || type === 'recovered') said.push(type);
  };
  const kv = createKv({ store, clock, onEvent });
  const limiter = createLimiter({ kv, policies: [{ name: 'p', limit: 1_000, windowMs: 60_000 }] });
  return { clock, store, said, kv, limiter, check: (subject = 'a') => limiter.check({ p: subject }) };
}

describe('what a limiter says of an outage', () => {
  it('is one line at its end, although the half-open circuit lets one in and turns others away', async () => {
    const { clock, store, said, kv, check } = limiterOnTrial();
    store.takeAway(new StoreError('network', 'gone'));
    for (let failure = 0; failure < 5; failure += 1) await check();
    store.giveBack();
    clock.advance(10_000);
    // Each time the first is the probe, and the others find the circuit half open.
    for (let round = 0; round < 3; round += 1) await Promise.all([check('a'), check('b'), check('c')]);
    expect(kv.circuit.state().state).toBe('CLOSED');
    expect(said).toEqual(['fallback']);
    clock.advance(5_000);
    for (let round = 0; round < 3; round += 1) await Promise.all([check('a'), check('b'), check('c')]);
    expect(said).toEqual(['fallback', 'recovered']);
  });

  it('is one line as long as Redis refuses some requests and answers others, as one without memory does', async () => {
    const { clock, store, said, kv, check } = limiterOnTrial();
    for (let turn = 0; turn < 50; turn += 1) {
      store.takeAway(new StoreError('unavailable', 'OOM'));
      expect((await check()).basis).toBe('local');
      store.giveBack();
      expect((await check()).basis).toBe('store');
      clock.advance(1_000);
    }
    expect(kv.circuit.state().state).toBe('CLOSED');
    expect(said).toEqual(['fallback']);
    clock.advance(5_000);
    await check();
    expect(said).toEqual(['fallback', 'recovered']);
  });
});
