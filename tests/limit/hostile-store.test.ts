import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import type { BreakwaterEvent } from '../../lib/events.ts';
import { createLimiter, type LimiterOptions } from '../../lib/limit/limiter.ts';
import type { Command, Reply } from '../../lib/store/store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { scriptedStore } from '../../lib/testing/scripted-store.ts';
import { allowNoUnhandledRejection } from '../support/unhandled-rejections.ts';

allowNoUnhandledRejection();

/** A limiter on a store that answers every script with `reply`, and everything else with nothing. */
function answeredWith(reply: Reply, options: Partial<LimiterOptions> = {}) {
  const clock = manualClock();
  const store = scriptedStore();
  const isScript = ([name]: Command) => name.startsWith('EVAL');
  store.respond((commands) => commands.map((command) => (isScript(command) ? reply : null)));
  const events: BreakwaterEvent[] = [];
  const kv = createKv({ store, clock, onEvent: (event) => events.push(event) });
  const policies = [{ name: 'p', limit: 10, windowMs: 60_000, maxOverAdmission: 0.5 }];
  const limiter = createLimiter({ kv, policies, ...options });
  return { clock, store, events, limiter };
}

const NO_ANSWERS: readonly (readonly [string, Reply])[] = [
  ['nothing', null],
  ['a word', 'OK'],
  ['a number', 1],
  ['an empty list', []],
  ['too few numbers', [1, 1, 9, 6_000_000]],
  ['too many numbers', [1, 1, 9, 6_000_000, 0, 0]],
  ['another account as well', [1, 1, 9, 6_000_000, 0, 1, 9, 6_000_000, 0]],
  ['numbers as text', [1, '1', 9, 6_000_000, 0]],
  ['what is no number', [1, Number.NaN, 9, 6_000_000, 0]],
  ['what has no end', [1, 1, 9, Number.POSITIVE_INFINITY, 0]],
  ['half a permit', [1, 0.5, 9, 6_000_000, 0]],
  ['a hole', [1, null, 9, 6_000_000, 0]],
  ['an error in it', [1, { error: 'ERR no' }, 9, 6_000_000, 0]],
  ['a list in it', [1, [1], 9, 6_000_000, 0]],
  ['permits below none taken', [1, -1, 9, 6_000_000, 0]],
  ['permits below none left', [1, 1, -9, 6_000_000, 0]],
  ['a reset in the past', [1, 1, 9, -6_000_000, 0]],
  ['a retry before never', [0, 0, 0, 6_000_000, -2]],
  ['neither yes nor no', [2, 1, 9, 6_000_000, 0]],
];

describe('a reply that is none of the script', () => {
  it.each(NO_ANSWERS)('is counted in this process instead: %s', async (_, reply) => {
    const { events, limiter } = answeredWith(reply);
    const { limit } = await limiter.peek({ p: 'a' });
    for (let left = limit - 1; left >= 0; left -= 1) {
      expect(await limiter.check({ p: 'a' })).toMatchObject({ allowed: true, basis: 'local', remaining: left });
    }
    expect(await limiter.check({ p: 'a' })).toMatchObject({ allowed: false, basis: 'local' });
    expect(events.filter(({ type }) => type === 'unreadable')).toHaveLength(limit + 2);
  });

  it.each(NO_ANSWERS)('is told of, and answered as configured for what is unknown: %s', async (_, reply) => {
    for (const [onUnavailable, allowed] of [
      ['allow', true],
      ['deny', false],
    ] as const) {
      const { events, limiter, store } = answeredWith(reply, { onUnavailable });
      for (const act of ['check', 'peek'] as const) {
        expect(await limiter[act]({ p: 'a' })).toMatchObject({
          allowed,
          remaining: undefined,
          reset: undefined,
          retryAfterMs: undefined,
          basis: 'policy',
        });
      }
      expect(store.sent).toHaveLength(2);
      expect(events.filter(({ type }) => type === 'unreadable')).toHaveLength(2);
    }
  });

  it('gives nothing to spend later', async () => {
    const { limiter, store } = answeredWith([1, -5, 9, 6_000_000, 0]);
    for (let turn = 1; turn <= 5; turn += 1) {
      await limiter.check({ p: 'a' });
      expect(store.sent).toHaveLength(turn);
    }
  });
});

describe('a reply that contradicts itself', () => {
  it.each<[string, Reply]>([
    ['granted, with nothing taken', [1, 0, 9, 6_000_000, 0]],
    ['refused, with nothing to wait for', [0, 0, 9, 6_000_000, 0]],
    ['refused, with permits taken', [0, 1, 9, 6_000_000, 0]],
  ])('is no grant of the store: %s', async (_, reply) => {
    const { limiter } = answeredWith(reply, { onUnavailable: 'deny' });
    for (let turn = 0; turn < 3; turn += 1) {
      expect(await limiter.check({ p: 'a' })).toMatchObject({ allowed: false, basis: 'policy', remaining: undefined });
    }
  });

  it('is never answered to one check of several in the place of another', async () => {
    // Of five checks made together two were granted.
    const { limiter } = answeredWith([1, 2, 0, 60_000_000, 6_000_000]);
    const results = await Promise.all(Array.from({ length: 5 }, () => limiter.check({ p: 'a' })));
    expect(results.map(({ allowed }) => allowed)).toEqual([true, true, false, false, false]);
  });
});

describe('an error for one of several keys', () => {
  it('charges nobody, and is answered from here for all of them', async () => {
    const policies = ['p', 'q'].map((name) => ({ name, limit: 2, windowMs: 60_000 }));
    const { events, limiter } = answeredWith({ error: 'WRONGTYPE Operation against a key' }, { policies });
    expect(await limiter.check({ p: 'a', q: 'a' })).toMatchObject({ allowed: true, remaining: 1, basis: 'local' });
    expect(await limiter.peek({ p: 'a' })).toMatchObject({ remaining: 1, basis: 'local' });
    expect(events).toContainEqual(expect.objectContaining({ type: 'unreadable', problem: 'WRONGTYPE' }));
    await expect(limiter.refund({ p: 'a' }, { cost: 1 })).rejects.toMatchObject({ code: 'COMMAND' });
  });
});
