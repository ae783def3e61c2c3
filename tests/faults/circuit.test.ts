import { describe, expect, it } from 'vitest';
import type { KvOptions } from '../../lib/client/kv-client.ts';
import type { BreakwaterEvent } from '../../lib/events.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { type Plant, SOUND, turnsRed, UNBOUNDED_PROBES, WALL_ONLY_CLOCK } from '../support/planted-defects.ts';
import { AWAY, scriptedClient, told } from '../support/scripted-client.ts';

const HOUR_MS = 3_600_000;

/** A client whose every request fails (f) or succeeds (s) at once. */
function scripted(options: Partial<KvOptions> = {}) {
  const client = scriptedClient({ batch: { maxInFlight: 1_000 }, ...options });
  const { kv, store, clock } = client;
  const play = async (outcomes: string) => {
    for (const outcome of outcomes) {
      store.respond((commands) => (outcome === 'f' ? AWAY : commands.map(() => 'OK')));
      await kv.command(['SET', 'a', 1]).catch(() => {});
    }
    store.respond(undefined);
  };
  /** A write that stays under way, in a request of its own. */
  const begin = async () => {
    const before = store.sent.length;
    const outcome = kv.command(['SET', 'a', 1]).then(() => 'ok', told);
    await clock.run(0);
    const request = store.sent[before];
    if (!request) throw new Error(`not sent: ${await outcome}`);
    return { request, outcome };
  };
  const state = () => kv.circuit.state();
  return { ...client, play, begin, state };
}

async function oneProbe(plant: Plant): Promise<void> {
  const { clock, store, seen, execute, trip } = scripted({ breaker: plant.breaker });
  await trip();
  clock.advance(10_000);
  const before = store.sent.length;
  for (let call = 0; call < 100; call += 1) execute([['SET', `${call}`, 1]]);
  await clock.run(0);
  expect(store.sent.length - before).toBe(1);
  expect(seen.filter((line) => line.includes('! CIRCUIT_OPEN'))).toHaveLength(99);
}

async function jumpingWall(plant: Plant): Promise<void> {
  const times = scriptedClient().clock;
  const clock = plant.clock ? plant.clock(times) : times;
  const back = scripted({ clock });
  await back.trip();
  times.jumpWall(-HOUR_MS);
  times.advance(9_999);
  expect(back.state()).toMatchObject({ state: 'OPEN', retryAfterMs: 1 });
  times.advance(1);
  expect(back.state().state).toBe('HALF_OPEN');

  const ahead = scripted({ clock });
  await ahead.trip();
  times.jumpWall(HOUR_MS);
  const before = ahead.store.sent.length;
  await ahead.play('fff');
  expect(ahead.store.sent.length - before).toBe(1);
  expect(ahead.state()).toMatchObject({ state: 'OPEN', reopenCount: 1, retryAfterMs: 10_000 });
}

describe('the circuit', () => {
  it('fault 16 flapping ok/fail', async () => {
    const consecutive = scripted();
    await consecutive.play('sf'.repeat(100));
    expect(consecutive.state()).toMatchObject({ state: 'CLOSED', totals: { failures: 100, opened: 0 } });
    const rate = scripted({ breaker: { failureRate: {} } });
    await rate.play('sf'.repeat(9));
    expect(rate.state().state).toBe('CLOSED');
    await rate.play('sf');
    expect(rate.state()).toMatchObject({ state: 'OPEN', totals: { failures: 10, opened: 1 } });
  });

  it('fault 17 4 fail, 1 ok, 4 fail, 1 fail', async () => {
    const { play, state } = scripted();
    await play('ffffsffff');
    expect(state()).toMatchObject({ state: 'CLOSED', consecutiveFailures: 4, epoch: 0 });
    await play('f');
    expect(state()).toMatchObject({ state: 'OPEN', epoch: 1 });
  });

  it('fault 18 100 concurrent calls at the end of OPEN', async () => {
    await oneProbe(SOUND);
  });

  it('fault 18 turns red when probes are not bounded', async () => {
    await turnsRed(() => oneProbe(UNBOUNDED_PROBES));
  });

  it('fault 19 hung probe', async () => {
    const { clock, kv, begin, state, trip } = scripted();
    await trip();
    clock.advance(10_000);
    // A runtime that has ended the request: its timer never rings, its promise never settles.
    const { outcome } = await begin();
    expect(await kv.get('a').catch(told)).toBe('CIRCUIT_OPEN 1500');
    clock.suspend(1_500);
    expect(await kv.get('a').catch(told)).toBe('CIRCUIT_OPEN 10000');
    expect(state()).toMatchObject({ state: 'OPEN', epoch: 3, lastFailure: { kind: 'probe-lost' } });
    await clock.run(1_000);
    expect(await outcome).toBe('DEADLINE true');
    clock.advance(9_000);
    const { request } = await begin();
    request.answer(['OK']);
    await clock.run(0);
    expect(state()).toMatchObject({ state: 'HALF_OPEN', probeSuccesses: 1 });
  });

  it('fault 20 probe ok, then fail', async () => {
    const { clock, play, state, trip } = scripted();
    await trip();
    clock.advance(10_000);
    await play('sf');
    expect(state()).toMatchObject({ state: 'OPEN', openedAt: clock.now(), retryAfterMs: 10_000, probeSuccesses: 0 });
    clock.advance(9_999);
    expect(state().state).toBe('OPEN');
  });

  it.each([
    ['fault 21 late failure from an earlier epoch', false],
    ['fault 22 late success from an earlier epoch', true],
  ])('%s', async (_, good) => {
    const { clock, begin, play, state, trip } = scripted({ requestTimeoutMs: 60_000 });
    const late = [await begin(), await begin(), await begin(), await begin(), await begin(), await begin()];
    const settle = async () => {
      for (const { request } of late.splice(0, 2)) {
        if (good) request.answer(['OK']);
        else request.fail(AWAY);
      }
      const { totals, ...before } = state();
      await clock.run(0);
      expect(state()).toEqual({ ...before, totals: { ...totals, ignored: totals.ignored + 2 } });
    };
    await trip();
    await settle();
    clock.advance(10_000);
    await play('s');
    expect(state()).toMatchObject({ state: 'HALF_OPEN', probeSuccesses: 1 });
    await settle();
    await play('s');
    expect(state().state).toBe('CLOSED');
    await settle();
  });

  it('fault 24 five commands in one failed batch', async () => {
    const { clock, execute, request, seen, state } = scripted();
    for (let call = 0; call < 5; call += 1) execute([['SET', `${call}`, 1]]);
    await clock.run(0);
    request(0).fail(AWAY);
    await clock.run(0);
    expect(seen).toHaveLength(5);
    expect(state()).toMatchObject({ state: 'CLOSED', consecutiveFailures: 1, totals: { failures: 1 } });
  });

  it('fault 26 wall clock jumps ± 1 h', async () => {
    await jumpingWall(SOUND);
  });

  it('fault 26 turns red when time is read off the wall clock alone', async () => {
    await turnsRed(() => jumpingWall(WALL_ONLY_CLOCK));
  });

  it('fault 27 process frozen 1 h', async () => {
    const { clock, begin, play, state } = scripted({
      breaker: { failureRate: { minimumCalls: 5 }, failureThreshold: 7 },
    });
    await play('ffff');
    const { outcome } = await begin();
    clock.suspend(HOUR_MS);
    await clock.run(1_000);
    expect(await outcome).toBe('DEADLINE true');
    expect(state()).toMatchObject({
      state: 'CLOSED',
      consecutiveFailures: 4,
      recent: { calls: 0, failures: 0 },
      totals: { neutral: 1, failures: 4 },
    });
    // Five failures, but four of them are an hour old; the rule of so many in a row has no age.
    await play('ff');
    expect(state()).toMatchObject({ state: 'CLOSED', consecutiveFailures: 6, recent: { calls: 2, failures: 2 } });
    await play('f');
    expect(state().state).toBe('OPEN');
  });

  it('fault 28 breaker trips in an old process', async () => {
    const { clock, state, play } = scripted();
    for (let week = 0; week < 52; week += 1) {
      clock.advance(7 * 24 * HOUR_MS);
      await play('s');
    }
    await play('fffff');
    expect(state()).toMatchObject({ state: 'OPEN', retryAfterMs: 10_000 });
    clock.advance(9_999);
    expect(state()).toMatchObject({ state: 'OPEN', retryAfterMs: 1 });
    clock.advance(1);
    expect(state().state).toBe('HALF_OPEN');
  });

  it('fault 29 listener throws or re-enters', async () => {
    const reported: unknown[] = [];
    const inside: unknown[] = [];
    const broken = new Error('broken listener');
    let again: (event: BreakwaterEvent) => void = () => {};
    const { clock, kv, play, state, seen, execute, store } = scripted({
      onEvent: (event) => {
        again(event);
        throw broken;
      },
      onListenerError: (error) => reported.push(error),
    });
    again = () => {
      inside.push(kv.circuit.state().state);
      void kv.get('re-entered').catch((error: unknown) => inside.push(told(error)));
    };
    await play('fffff');
    await clock.run(0);
    expect(inside).toEqual(['OPEN', 'CIRCUIT_OPEN 10000']);
    expect(state()).toMatchObject({ state: 'OPEN', epoch: 1, totals: { failures: 5, refused: 1 } });
    clock.advance(10_000);
    again = ({ type }) => {
      if (type === 'circuit') kv.circuit.reset();
    };
    store.respond((commands) => commands.map(() => 'OK'));
    execute([['SET', 'a', 1]]);
    await clock.run(0);
    expect(seen).toEqual(['SET a 1: ["OK"]']);
    expect(state()).toMatchObject({ state: 'CLOSED', mode: 'AUTO' });
    expect(reported.every((error) => error === broken)).toBe(true);
  });
});

describe('what has a time to live', () => {
  it('fault 26 no TTL is extended when the wall clock is set back', async () => {
    const { clock } = scriptedClient();
    const inner = memoryStore({ clock });
    const { kv } = scriptedClient({ store: inner, clock });
    const keys = createApiKeys({ kv });
    const { key } = await createApiKeys({ kv: scriptedClient({ store: inner, clock }).kv }).create({ owner: 'a' });
    await keys.validate(key);
    const { misses } = keys.stats();
    clock.jumpWall(-HOUR_MS);
    clock.advance(10_000);
    await keys.validate(key);
    expect(keys.stats().misses).toBe(misses + 1);
  });
});
