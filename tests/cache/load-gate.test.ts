import { describe, expect, it } from 'vitest';
import { createLoadGate, isGateRefusal } from '../../lib/cache/load-gate.ts';
import { StoreError } from '../../lib/errors.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { allowNoUnhandledRejection } from '../support/unhandled-rejections.ts';

const never = () => new AbortController().signal;

describe('the gate before the loaders', () => {
  allowNoUnhandledRejection();

  const rig = (places: number, longestMs = 60_000) => {
    const clock = manualClock();
    const gate = createLoadGate(clock, places, longestMs);
    const seen: string[] = [];
    const held = new Map<string, () => void>();
    /** Comes to the gate; what becomes of it is in `seen`. */
    const come = (name: string, { signal = never(), timeoutMs = 1_000 } = {}) =>
      gate.enter(signal, timeoutMs).then(
        (leave) => {
          seen.push(name);
          held.set(name, leave);
        },
        (error: unknown) => {
          seen.push(`${name}: ${isGateRefusal(error) ? 'busy' : String(error)}`);
        },
      );
    const leave = (name: string) => held.get(name)?.();
    return { clock, gate, seen, come, leave };
  };

  it('lets in as many as it has places, and the rest in the order of their coming', async () => {
    const { clock, seen, come, leave } = rig(2);
    for (const name of ['a', 'b', 'c', 'd', 'e']) come(name);
    await clock.run(0);
    expect(seen).toEqual(['a', 'b']);
    leave('b');
    await clock.run(0);
    expect(seen).toEqual(['a', 'b', 'c']);
    leave('c');
    leave('a');
    await clock.run(0);
    expect(seen).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(clock.pending()).toBe(0);
  });

  it('takes a place back once, however often it is given', async () => {
    const { clock, gate, seen, come, leave } = rig(1);
    for (const name of ['a', 'b', 'c']) come(name);
    await clock.run(0);
    leave('a');
    leave('a');
    leave('a');
    await clock.run(0);
    expect(seen).toEqual(['a', 'b']);
    leave('b');
    await clock.run(0);
    leave('c');
    const taken = gate.tryEnter();
    expect([taken === undefined, gate.tryEnter()]).toEqual([false, undefined]);
  });

  it('gives a place at once or not at all to who does not wait, and none that others wait for', async () => {
    const { clock, gate, seen, come } = rig(1);
    const leave = gate.tryEnter();
    expect(gate.tryEnter()).toBeUndefined();
    come('a');
    await clock.run(0);
    leave?.();
    // Its place went straight to who waited.
    expect(gate.tryEnter()).toBeUndefined();
    await clock.run(0);
    expect(seen).toEqual(['a']);
  });

  it('refuses who has waited for too long, to the millisecond, and goes on without it', async () => {
    const { clock, seen, come, leave } = rig(1);
    come('a');
    come('b', { timeoutMs: 500 });
    come('c', { timeoutMs: 1_000 });
    await clock.run(499);
    expect(seen).toEqual(['a']);
    await clock.run(1);
    expect(seen).toEqual(['a', 'b: busy']);
    leave('a');
    await clock.run(0);
    expect(seen).toEqual(['a', 'b: busy', 'c']);
    expect(clock.pending()).toBe(0);
  });

  it('lets go of who gives up while waiting, with its own reason', async () => {
    const { clock, seen, come, leave } = rig(1);
    const controller = new AbortController();
    come('a');
    come('b', { signal: controller.signal });
    come('c');
    controller.abort('gone');
    await clock.run(0);
    expect(seen).toEqual(['a', 'b: gone']);
    leave('a');
    await clock.run(0);
    expect(seen).toEqual(['a', 'b: gone', 'c']);
    expect(clock.pending()).toBe(0);
  });

  it('has no place for who has given up before', async () => {
    const { clock, gate, seen, come } = rig(1);
    come('a', { signal: AbortSignal.abort('gone') });
    await clock.run(0);
    expect(seen).toEqual(['a: gone']);
    expect(gate.tryEnter()).toBeDefined();
  });

  it('takes a place for lost that is held for longer than a load may take, and gives it to who waits', async () => {
    const { clock, gate, seen, come, leave } = rig(2, 5_000);
    come('a');
    await clock.run(1_000);
    come('b');
    come('c', { timeoutMs: 20_000 });
    await clock.run(3_999);
    expect([gate.tryEnter(), seen]).toEqual([undefined, ['a', 'b']]);
    await clock.run(1);
    expect(gate.tryEnter()).toBeUndefined();
    await clock.run(0);
    expect(seen).toEqual(['a', 'b', 'c']);
    leave('a');
    expect(gate.tryEnter()).toBeUndefined();
    leave('b');
    expect(gate.tryEnter()).toBeDefined();
  });

  it('gives no place to who has waited for too long and was not told, as with the request that it was of', async () => {
    const clock = manualClock();
    // Timers end with their request.
    const gate = createLoadGate({ ...clock, after: () => () => undefined }, 1, 60_000);
    const leave = gate.tryEnter();
    const told: string[] = [];
    gate.enter(never(), 500).then(() => told.push('gone'));
    await clock.run(500);
    leave?.();
    await clock.run(0);
    expect([told, gate.tryEnter() === undefined]).toEqual([[], false]);
  });

  it('hears no more of signals and timers once somebody is in', async () => {
    const { clock, gate, seen, come, leave } = rig(1);
    const controller = new AbortController();
    come('a');
    come('b', { signal: controller.signal });
    await clock.run(0);
    leave('a');
    await clock.run(0);
    controller.abort('gone');
    await clock.run(2_000);
    expect(seen).toEqual(['a', 'b']);
    expect(gate.tryEnter()).toBeUndefined();
  });

  it('lets 10,000 wait, and refuses more at once', async () => {
    const { clock, seen, come } = rig(1);
    come('a');
    for (let index = 0; index < 10_000; index += 1) come(`w${index}`);
    await clock.run(0);
    expect(seen).toEqual(['a']);
    come('last');
    await clock.run(0);
    expect(seen).toEqual(['a', 'last: busy']);
    expect(clock.pending()).toBe(10_000);
  });

  it('tells its refusals from errors of the same kind', async () => {
    const { clock, gate } = rig(1);
    gate.tryEnter();
    const refused = gate.enter(never(), 1).catch((error: unknown) => error);
    await clock.run(1);
    expect(await refused).toMatchObject({ code: 'STORE', kind: 'local', mayHaveRun: false });
    expect(isGateRefusal(await refused)).toBe(true);
    expect(isGateRefusal(new StoreError('local', 'of a loader', { mayHaveRun: false }))).toBe(false);
    expect([undefined, null, 'busy'].map(isGateRefusal)).toEqual([false, false, false]);
  });
});
