import { describe, expect, it } from 'vitest';
import { createSampler, type Look, MAX_WATCHERS } from '../../../api/_console/sampler.ts';
import type { ConsoleSnapshot } from '../../../api/_console/snapshot.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { lookAt } from '../../support/console-look.ts';

function rig({ tookMs = 0, namespace = null as string | null } = {}) {
  const clock = manualClock();
  const state = { looks: 0, fails: false, underWay: 0 };
  const look = (): Promise<ConsoleSnapshot> => {
    state.looks += 1;
    state.underWay += 1;
    return new Promise((resolve, reject) => {
      const answer = () => {
        state.underWay -= 1;
        if (state.fails) reject(new Error('gone'));
        else resolve({ ...lookAt(clock.now()), store: { kind: 'upstash', namespace, host: '127.0.0.1' } });
      };
      if (tookMs === 0) answer();
      else clock.after(tookMs, answer);
    });
  };
  const sampler = createSampler({ look, clock });
  const watch = () => {
    const seen: (Look | undefined)[] = [];
    const ended = { times: 0 };
    const watching = sampler.watch({ see: (one) => seen.push(one), end: () => (ended.times += 1) });
    return { seen, ended, stop: () => watching?.stop(), history: watching?.history, watching };
  };
  return { clock, state, sampler, watch };
}

const looksIn = (json = '[]') => JSON.parse(json) as ConsoleSnapshot[];

describe('a sampler', () => {
  it('looks at once and then once a second, and once for all who watch', async () => {
    const { clock, state, watch } = rig();
    const first = watch();
    await clock.run(0);
    expect(first.seen).toHaveLength(1);
    const second = watch();
    await clock.run(999);
    expect([first.seen.length, second.seen.length]).toEqual([1, 0]);
    await clock.run(1);
    expect([first.seen.length, second.seen.length, state.looks]).toEqual([2, 1, 2]);
    expect(first.seen.at(-1)).toBe(second.seen.at(-1));
    await clock.run(10_000);
    expect([first.seen.length, state.looks]).toEqual([12, 12]);
  });

  it('counts the second from the beginning of a look, and never has two under way', async () => {
    const { clock, state, watch } = rig({ tookMs: 700 });
    const { seen } = watch();
    await clock.run(10_000);
    expect(seen).toHaveLength(10);
    const slow = rig({ tookMs: 1_500 });
    slow.watch();
    for (let step = 0; step < 30; step += 1) {
      await slow.clock.run(500);
      expect(slow.state.underWay).toBeLessThanOrEqual(1);
    }
    expect([state.looks, slow.state.looks]).toEqual([11, 11]);
  });

  it('leaves no timer and makes no look once nobody watches, also where one was under way', async () => {
    const { clock, state, watch } = rig({ tookMs: 300 });
    const one = watch();
    const other = watch();
    await clock.run(2_000);
    one.stop();
    one.stop();
    expect(clock.pending()).toBe(1);
    other.stop();
    await clock.run(300);
    expect(clock.pending()).toBe(0);
    const looks = state.looks;
    await clock.run(60_000);
    expect([state.looks, clock.pending()]).toEqual([looks, 0]);
    const back = watch();
    await clock.run(300);
    expect(back.seen).toHaveLength(1);
  });

  it('goes on with one look at a time where somebody comes while the last one of before is under way', async () => {
    const { clock, state, watch } = rig({ tookMs: 300 });
    watch().stop();
    const { seen } = watch();
    expect(state.underWay).toBe(1);
    await clock.run(2_300);
    expect(seen).toHaveLength(3);
    expect(clock.pending()).toBe(1);
  });

  it('hands who comes later what was seen before, the oldest first', async () => {
    const { clock, watch } = rig();
    watch();
    await clock.run(2_000);
    const looks = looksIn(watch().history?.());
    expect(looks.map(({ at }) => at)).toEqual([0, 1_000, 2_000].map((ms) => clock.now() - 2_000 + ms));
    expect(looks[0]).toEqual(JSON.parse(JSON.stringify(lookAt(clock.now() - 2_000))));
  });

  it('leaves out what somebody has seen', async () => {
    const { clock, watch } = rig();
    const { seen } = watch();
    await clock.run(3_000);
    const history = watch().history;
    expect(looksIn(history?.(seen[1]?.id))).toHaveLength(2);
    expect(looksIn(history?.(seen[3]?.id))).toHaveLength(0);
  });

  it('keeps five minutes, counted in looks and in time', async () => {
    const { clock, watch } = rig();
    const first = watch();
    await clock.run(400_000);
    expect(looksIn(first.history?.())).toHaveLength(300);
    // By the time of day all of them are young again.
    clock.jumpWall(-3_600_000);
    expect(looksIn(first.history?.())).toHaveLength(300);
    clock.jumpWall(3_600_000);
    first.stop();
    clock.advance(200_000);
    const later = watch();
    expect(looksIn(later.history?.())).toHaveLength(100);
    later.stop();
    clock.advance(100_000);
    expect(looksIn(watch().history?.())).toHaveLength(0);
  });

  it('keeps 2 MB at most, the latest of it, where looks are large', async () => {
    const { clock, watch } = rig({ namespace: 'x'.repeat(50_000) });
    const first = watch();
    await clock.run(100_000);
    const history = first.history?.() ?? '';
    expect(history.length).toBeLessThan(2 * 1024 * 1024 + 1_000);
    expect(history.length).toBeGreaterThan(2 * 1024 * 1024 - 60_000);
    expect(looksIn(history).at(-1)?.at).toBe(clock.now());
    expect(first.seen).toHaveLength(101);
  });

  it('numbers looks upwards although the clock of the server is set back', async () => {
    const { clock, watch } = rig();
    const { seen } = watch();
    await clock.run(1_000);
    clock.jumpWall(-3_600_000);
    await clock.run(2_000);
    const ids = seen.map((look) => look?.id ?? 0);
    expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
    expect(ids).toHaveLength(4);
  });

  it('says so when a look fails, and looks again', async () => {
    const { clock, state, watch } = rig();
    const { seen } = watch();
    await clock.run(0);
    state.fails = true;
    await clock.run(1_000);
    state.fails = false;
    await clock.run(1_000);
    expect(seen.map((look) => look !== undefined)).toEqual([true, false, true]);
  });

  it('takes so many watchers and no more, until one leaves', () => {
    const { watch } = rig();
    const all = Array.from({ length: MAX_WATCHERS }, watch);
    expect(all.every(({ watching }) => watching !== undefined)).toBe(true);
    expect(watch().watching).toBeUndefined();
    all[0]?.stop();
    expect(watch().watching).toBeDefined();
    expect(watch().watching).toBeUndefined();
  });

  it('sends all away', async () => {
    const { sampler, watch } = rig();
    const [one, other] = [watch(), watch()];
    sampler.end();
    expect([one.ended.times, other.ended.times]).toEqual([1, 1]);
  });
});
