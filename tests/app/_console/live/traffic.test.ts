import { describe, expect, it } from 'vitest';
import {
  createTraffic,
  EMPTY_TALLY,
  MAX_UNDER_WAY,
  SPREAD_MS,
  sayTally,
  type Tally,
  TICK_MS,
} from '../../../../app/_console/live/traffic.ts';
import { eventually } from '../../../support/eventually.ts';

const TARGET = { method: 'GET', path: '/api/whoami', key: 'bw_live_key' } as const;

/** Traffic whose requests wait for the test. */
function rig() {
  const under: { readonly init: RequestInit | undefined; answer(status: number | Error): void }[] = [];
  let tick: (() => void) | undefined;
  const traffic = createTraffic({
    fetch: (_, init) =>
      new Promise((resolve, reject) =>
        under.push({
          init,
          answer: (end) => (end instanceof Error ? reject(end) : resolve(new Response(null, { status: end }))),
        }),
      ),
    every: (ms, run) => {
      expect([TICK_MS, SPREAD_MS]).toContain(ms);
      tick = run;
      return () => {
        tick = undefined;
      };
    },
  });
  return { traffic, under, tick: () => tick?.(), isRunning: () => tick !== undefined };
}

describe('the traffic of the demo', () => {
  it('is sent at once, and counted by what came back', async () => {
    const { traffic, under } = rig();
    const sent = traffic.send(TARGET, 5);
    expect(under).toHaveLength(5);
    for (const [at, end] of [200, 429, 200, new TypeError('away'), 503].entries()) under[at]?.answer(end as number);
    expect(await sent).toEqual({ sent: 5, failed: 1, statuses: { 200: 2, 429: 1, 503: 1 } });
  });

  it('shows a key, or none', async () => {
    const { traffic, under } = rig();
    void traffic.send(TARGET, 1);
    void traffic.send({ ...TARGET, key: null }, 1);
    void traffic.send({ ...TARGET, method: 'POST' }, 1);
    expect(under.map(({ init }) => [init?.method, init?.headers, init?.body ?? null])).toEqual([
      ['GET', { authorization: 'Bearer bw_live_key' }, null],
      ['GET', {}, null],
      ['POST', { authorization: 'Bearer bw_live_key' }, 'hello'],
    ]);
  });

  it('is spread: one after another, though none has come back', async () => {
    const { traffic, under, tick, isRunning } = rig();
    const spread = traffic.spread(TARGET, 3);
    const sent = [0, 1, 2].map(() => {
      tick();
      return under.length;
    });
    expect(sent).toEqual([1, 2, 3]);
    expect(isRunning()).toBe(false);
    for (const { answer } of under) answer(200);
    expect(await spread).toEqual({ sent: 3, failed: 0, statuses: { 200: 3 } });
  });

  it('is steady: a hundred a second, while they come back', async () => {
    const { traffic, under, tick } = rig();
    let last: Tally = EMPTY_TALLY;
    traffic.steady(
      () => TARGET,
      100,
      (tally) => {
        last = tally;
      },
    );
    for (let at = 1; at <= 1_000 / TICK_MS; at++) {
      tick();
      for (const { answer } of under) answer(200);
      await eventually(() => last.sent === at * 5);
    }
    expect(last).toEqual({ sent: 100, failed: 0, statuses: { 200: 100 } });
  });

  it('has no more under way than fit, and ends when it is stopped', () => {
    const { traffic, under, tick, isRunning } = rig();
    const stop = traffic.steady(
      () => TARGET,
      100,
      () => undefined,
    );
    for (let at = 0; at < 100; at++) tick();
    expect(under).toHaveLength(MAX_UNDER_WAY);
    stop();
    expect(isRunning()).toBe(false);
  });

  it('is told in a line', () => {
    expect(sayTally(EMPTY_TALLY)).toBe('nothing came back yet');
    expect(sayTally({ sent: 51, failed: 1, statuses: { 200: 41, 429: 9 } })).toBe(
      '41 × 200, 9 × 429, 1 without an answer',
    );
  });
});
