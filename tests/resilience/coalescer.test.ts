import { describe, expect, it } from 'vitest';
import type { Clock } from '../../lib/clock.ts';
import { type Caller, createCoalescer } from '../../lib/resilience/coalescer.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { heapGrowth } from '../support/heap.ts';
import { allowNoUnhandledRejection } from '../support/unhandled-rejections.ts';

interface Box {
  text: string;
}

interface Load {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  answer(text: string): void;
  fail(error: unknown): void;
}

function joining(wrap: (clock: Clock) => Clock = (clock) => clock) {
  const clock = manualClock();
  clock.advance(3_600_000);
  const loads: Load[] = [];
  const seen: string[] = [];
  const coalescer = createCoalescer<Box>({ clock: wrap(clock), timeoutMs: 1_000 });
  const ask = (who: string, caller: Partial<Caller<Box>> = {}, name = 'GET a') => {
    const load: Caller<Box>['load'] = (signal, timeoutMs) =>
      new Promise((resolve, reject) => {
        loads.push({ signal, timeoutMs, answer: (text) => resolve({ text }), fail: reject });
      });
    const promise = coalescer.run(name, { keys: ['a'], load, ...caller });
    promise.then(
      ({ text }) => seen.push(`${who}: ${text}`),
      (error: unknown) => seen.push(`${who}! ${error instanceof Error ? error.message : String(error)}`),
    );
    return promise;
  };
  const load = (index: number): Load => {
    const found = loads[index];
    if (!found) throw new Error(`there is no load ${index}`);
    return found;
  };
  return { clock, coalescer, loads, load, seen, ask };
}

allowNoUnhandledRejection();

describe('identical reads in flight', () => {
  it('are asked once, and each caller gets the answer', async () => {
    const { clock, coalescer, loads, load, ask } = joining();
    const all = [ask('leader'), ask('one'), ask('two')];
    expect(loads).toHaveLength(1);
    expect(load(0).timeoutMs).toBe(1_000);
    expect(coalescer.size).toBe(1);
    load(0).answer('x');
    const values = await Promise.all(all);
    expect(values).toEqual([{ text: 'x' }, { text: 'x' }, { text: 'x' }]);
    expect({ size: coalescer.size, timers: clock.pending() }).toEqual({ size: 0, timers: 0 });
  });

  it('are not joined by others', async () => {
    const { coalescer, loads, load, seen, ask } = joining();
    const all = [ask('a'), ask('b', { keys: ['b'] }, 'GET b')];
    expect(loads).toHaveLength(2);
    expect(coalescer.size).toBe(2);
    load(1).answer('of b');
    load(0).answer('of a');
    await Promise.all(all);
    expect(seen).toEqual(['b: of b', 'a: of a']);
  });

  it('are over with the answer: the next caller asks again', async () => {
    const { loads, load, ask } = joining();
    const first = ask('first');
    load(0).answer('old');
    await first;
    const second = ask('second');
    expect(loads).toHaveLength(2);
    load(1).answer('new');
    expect(await second).toEqual({ text: 'new' });
  });

  it('all fail together, and the failure is not kept', async () => {
    const { clock, coalescer, loads, load, seen, ask } = joining();
    const all = Promise.allSettled([ask('leader'), ask('one'), ask('two')]);
    load(0).fail(new Error('refused'));
    await all;
    expect(seen).toEqual(['leader! refused', 'one! refused', 'two! refused']);
    expect({ size: coalescer.size, timers: clock.pending() }).toEqual({ size: 0, timers: 0 });
    const next = ask('next');
    expect(loads).toHaveLength(2);
    load(1).answer('x');
    expect(await next).toEqual({ text: 'x' });
  });

  it('that cannot even be asked fail their caller alone', async () => {
    const { coalescer, clock, seen, ask } = joining();
    const broken = ask('broken', {
      load: () => {
        throw new Error('at once');
      },
    });
    await expect(broken).rejects.toThrow('at once');
    expect(seen).toEqual(['broken! at once']);
    expect({ size: coalescer.size, timers: clock.pending() }).toEqual({ size: 0, timers: 0 });
  });

  it('leave nothing behind, whatever their keys', async () => {
    const { coalescer } = joining();
    const read = async (times: number) => {
      for (let index = 0; index < times; index += 1) {
        const keys = [`a${index}`, `b${index}`, `b${index}`];
        await coalescer.run('GET', { keys, load: async () => ({ text: 'x' }) });
      }
    };
    await read(1_000);
    expect(await heapGrowth(() => read(20_000))).toBeLessThan(1_500_000);
  });
});

describe('a caller that gives up', () => {
  it.each([
    ['the leader', 0],
    ['a follower', 1],
  ])('detaches itself alone when it is %s', async (_, who) => {
    const { clock, loads, load, seen, ask } = joining();
    const controllers = [new AbortController(), new AbortController()];
    const all = controllers.map(({ signal }, index) => ask(`${index}`, { signal }));
    controllers[who]?.abort('had enough');
    await clock.run(0);
    expect(seen).toEqual([`${who}! had enough`]);
    expect(load(0).signal.aborted).toBe(false);
    load(0).answer('x');
    await Promise.allSettled(all);
    expect(seen).toEqual([`${who}! had enough`, `${1 - who}: x`]);
    expect(loads).toHaveLength(1);
    expect(clock.pending()).toBe(0);
  });

  it('ends the request as the last one to leave, and nobody joins it after that', async () => {
    const { clock, coalescer, loads, load, seen, ask } = joining();
    const controllers = [new AbortController(), new AbortController()];
    for (const [index, { signal }] of controllers.entries()) void ask(`${index}`, { signal }).catch(() => {});
    controllers[0]?.abort('first');
    expect(load(0).signal.aborted).toBe(false);
    controllers[1]?.abort('last');
    expect(load(0).signal).toMatchObject({ aborted: true, reason: 'last' });
    expect(coalescer.size).toBe(0);
    void ask('later').catch(() => {});
    expect(loads).toHaveLength(2);
    expect(load(1).signal.aborted).toBe(false);
    load(0).fail(new Error('of the ended request'));
    load(1).answer('x');
    await clock.run(0);
    expect(seen).toEqual(['0! first', '1! last', 'later: x']);
    expect({ size: coalescer.size, timers: clock.pending() }).toEqual({ size: 0, timers: 0 });
  });

  it('before it asks asks nothing', async () => {
    const { loads, ask } = joining();
    await expect(ask('nobody', { signal: AbortSignal.abort('before') })).rejects.toBe('before');
    expect(loads).toHaveLength(0);
  });

  it('changes nothing afterwards', async () => {
    const { load, seen, ask } = joining();
    const controller = new AbortController();
    const done = ask('one', { signal: controller.signal });
    load(0).answer('x');
    await done;
    controller.abort('late');
    expect(load(0).signal.aborted).toBe(false);
    expect(seen).toEqual(['one: x']);
  });

  it('by its own shorter deadline detaches itself alone, at its last millisecond and not before', async () => {
    const { clock, load, seen, ask } = joining();
    const all = [ask('patient'), ask('hasty', { timeoutMs: 200 })];
    await clock.run(199);
    expect(seen).toEqual([]);
    await clock.run(1);
    expect(seen).toEqual(['hasty! No answer within 200 ms']);
    // It only read.
    await expect(all[1]).rejects.toMatchObject({ mayHaveRun: false });
    load(0).answer('x');
    await Promise.allSettled(all);
    expect(seen).toEqual(['hasty! No answer within 200 ms', 'patient: x']);
    expect(clock.pending()).toBe(0);
  });

  it('by its own shorter deadline ends the request when it was alone', async () => {
    const { clock, coalescer, load, seen, ask } = joining();
    void ask('hasty', { timeoutMs: 200 }).catch(() => {});
    await clock.run(200);
    expect(seen).toEqual(['hasty! No answer within 200 ms']);
    expect(load(0).signal.aborted).toBe(true);
    expect({ size: coalescer.size, timers: clock.pending() }).toEqual({ size: 0, timers: 0 });
  });

  it('by its own deadline, were it a millisecond shorter, does not wait for the flight', async () => {
    const { clock, seen, ask } = joining();
    void ask('hasty', { timeoutMs: 999 }).catch(() => {});
    await clock.run(999);
    expect(seen).toEqual(['hasty! No answer within 999 ms']);
  });

  it('a millisecond before the end of the flight ends it as at any other time', async () => {
    const { clock, load, ask } = joining();
    const controller = new AbortController();
    void ask('leader', { signal: controller.signal }).catch(() => {});
    await clock.run(999);
    controller.abort('gone');
    expect(load(0).signal).toMatchObject({ aborted: true, reason: 'gone' });
  });

  it('at the very end of the flight leaves the ending to the flight, whose failure it is', async () => {
    const { clock, load, ask } = joining();
    const controller = new AbortController();
    void ask('leader', { signal: controller.signal }).catch(() => {});
    void ask('follower').catch(() => {});
    controller.abort('gone');
    await clock.run(1_000);
    expect(load(0).signal.aborted).toBe(false);
  });
});

describe('a leader whose request was torn down', () => {
  it("is replaced by its followers, who ask once between them and within the first's own deadline", async () => {
    const { clock, coalescer, loads, load, seen, ask } = joining();
    void ask('dead').catch(() => {});
    await clock.run(600);
    void ask('one').catch(() => {});
    void ask('two').catch(() => {});
    await clock.run(404);
    expect(loads).toHaveLength(1);
    await clock.run(1);
    expect(loads).toHaveLength(2);
    expect(load(1).timeoutMs).toBe(595);
    load(1).answer('x');
    await clock.run(0);
    expect(seen).toEqual(['one: x', 'two: x']);
    expect({ size: coalescer.size, timers: clock.pending() }).toEqual({ size: 0, timers: 0 });
  });

  it('holds nobody for longer than the longest deadline, and says that one, whatever was asked for', async () => {
    const { clock, seen, ask } = joining();
    ask('leader').catch(() => undefined);
    ask('follower', { timeoutMs: 5_000 }).catch(() => undefined);
    await clock.run(1_000);
    expect(seen).toContain('follower! No answer within 1000 ms');
  });

  it('does not hold its followers beyond their own deadlines', async () => {
    const { clock, load, seen, ask } = joining();
    void ask('dead').catch(() => {});
    await clock.run(600);
    void ask('follower').catch(() => {});
    await clock.run(999);
    expect(seen).toEqual([]);
    await clock.run(1);
    // The second request ends by its own limit, which is what the follower had left.
    load(1).fail(new Error('No answer within 595 ms'));
    await clock.run(0);
    expect(seen).toEqual(['follower! No answer within 595 ms']);
    expect(clock.pending()).toBe(0);
  });

  it.each([
    ['a follower that has a millisecond left', 6, 2, []],
    ['nobody who has less', 5.5, 1, ['follower! No answer within 1000 ms']],
  ])('is replaced by %s', async (_, behindMs, count, told) => {
    const { clock, loads, seen, ask } = joining();
    void ask('dead').catch(() => {});
    await clock.run(behindMs);
    void ask('follower').catch(() => {});
    await clock.run(1_005 - behindMs);
    expect(loads.map(({ timeoutMs }) => timeoutMs)).toEqual([1_000, 1].slice(0, count));
    expect(seen).toEqual(told);
  });

  it('may be replaced by one that dies too: the others wait to their own deadlines and no longer', async () => {
    const { clock, loads, seen, ask } = joining();
    void ask('dead').catch(() => {});
    await clock.run(600);
    void ask('dies next').catch(() => {});
    void ask('follower').catch(() => {});
    await clock.run(999);
    expect({ loads: loads.length, seen }).toEqual({ loads: 2, seen: [] });
    await clock.run(1);
    expect(seen).toEqual(['follower! No answer within 1000 ms']);
  });

  it('is not waited for by those who come when it is long dead', async () => {
    const { clock, loads, load, seen, ask } = joining();
    void ask('dead').catch(() => {});
    await clock.run(60_000);
    void ask('later').catch(() => {});
    await clock.run(0);
    expect(loads).toHaveLength(2);
    load(1).answer('x');
    await clock.run(0);
    expect(seen).toEqual(['later: x']);
  });

  it('is not listened to when it comes back to life', async () => {
    const { clock, load, seen, ask } = joining();
    void ask('dead').catch(() => {});
    await clock.run(600);
    void ask('follower').catch(() => {});
    await clock.run(405);
    load(0).fail(new Error('back from the dead'));
    await clock.run(0);
    expect(seen).toEqual(['dead! back from the dead']);
    load(1).answer('x');
    await clock.run(0);
    expect(seen).toEqual(['dead! back from the dead', 'follower: x']);
  });

  it('does not keep a follower from giving up on the second request', async () => {
    const { clock, load, seen, ask } = joining();
    const controller = new AbortController();
    void ask('dead').catch(() => {});
    await clock.run(600);
    void ask('follower', { signal: controller.signal }).catch(() => {});
    await clock.run(405);
    controller.abort('enough');
    await clock.run(0);
    expect(seen).toEqual(['follower! enough']);
    expect(load(1).signal.aborted).toBe(true);
    expect(clock.pending()).toBe(0);
  });
});

describe('a write', () => {
  it('keeps later reads from joining reads of its key that left before it', async () => {
    const { coalescer, loads, load, seen, ask } = joining();
    const before = ask('before');
    coalescer.forget('a');
    const after = ask('after');
    expect(loads).toHaveLength(2);
    load(1).answer('new');
    load(0).answer('old');
    await Promise.all([before, after]);
    expect(seen).toEqual(['after: new', 'before: old']);
    expect(coalescer.size).toBe(0);
  });

  it('keeps nobody from joining the read that left after it, when the older one comes back', async () => {
    const { clock, coalescer, loads, load, ask } = joining();
    void ask('before');
    coalescer.forget('a');
    void ask('after');
    load(0).answer('old');
    await clock.run(0);
    expect(coalescer.size).toBe(1);
    void ask('joins');
    expect(loads).toHaveLength(2);
    load(1).answer('new');
    await clock.run(0);
  });

  it('forgets the flights of its key that are under way still, when another has come back', async () => {
    const { clock, coalescer, load, ask } = joining();
    void ask('1', {}, 'GET a');
    void ask('2', {}, 'STRLEN a');
    load(0).answer('x');
    await clock.run(0);
    expect(coalescer.size).toBe(1);
    coalescer.forget('a');
    expect(coalescer.size).toBe(0);
    load(1).answer('x');
    await clock.run(0);
  });

  it('forgets every flight that depends on its key, and no other', async () => {
    const { clock, coalescer, load, loads, ask } = joining();
    void ask('1', { keys: ['a', 'b'] }, 'MGET a b');
    void ask('2', { keys: ['b'] }, 'GET b');
    void ask('3', { keys: ['c'] }, 'GET c');
    coalescer.forget('b');
    expect(coalescer.size).toBe(1);
    coalescer.forget('nothing');
    coalescer.forget('a');
    expect(coalescer.size).toBe(1);
    coalescer.forgetAll();
    expect(coalescer.size).toBe(0);
    void ask('4', { keys: ['c'] }, 'GET c');
    expect(loads).toHaveLength(4);
    for (let index = 0; index < 4; index += 1) load(index).answer('x');
    await clock.run(0);
    expect({ size: coalescer.size, timers: clock.pending() }).toEqual({ size: 0, timers: 0 });
  });
});

describe('timers', () => {
  /** A clock like the system's: its reading has moved on each time, and its timers know whole milliseconds only. */
  const ticking = (clock: Clock): Clock => {
    let drift = 0;
    return {
      now: clock.now,
      monotonic: () => {
        drift += 0.001;
        return clock.monotonic() + drift;
      },
      after: (ms, run) => clock.after(Math.trunc(ms), run),
    };
  };

  it('are not set for a leader that waits as long as its flight', async () => {
    const { clock, load, ask } = joining(ticking);
    const promise = ask('alone');
    expect(clock.pending()).toBe(0);
    load(0).answer('x');
    await promise;
  });

  it('that ring early make nobody ask a second time', async () => {
    const { clock, loads, load, seen, ask } = joining(ticking);
    void ask('leader', { timeoutMs: 999.5 }).catch(() => {});
    void ask('hasty', { timeoutMs: 300.5 }).catch(() => {});
    void ask('follower').catch(() => {});
    await clock.run(1_000);
    expect(loads).toHaveLength(1);
    expect(seen).toEqual(['hasty! No answer within 300.5 ms', 'follower! No answer within 1000 ms']);
    expect(load(0).signal.aborted).toBe(false);
    load(0).answer('x');
    await clock.run(0);
    expect(seen.at(-1)).toBe('leader: x');
    expect(clock.pending()).toBe(0);
  });
});
