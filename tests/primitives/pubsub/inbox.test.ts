import { describe, expect, it } from 'vitest';
import { createInbox } from '../../../lib/primitives/pubsub/inbox.ts';

/** An inbox of which the test says when the listener is done. */
function slowInbox(maxQueued: number) {
  const events: string[] = [];
  let done = (): void => undefined;
  const inbox = createInbox<string>({
    maxQueued,
    handle: (message) => {
      events.push(message);
      return new Promise((resolve) => {
        done = resolve;
      });
    },
    missed: () => events.push('missed'),
  });
  const next = async () => {
    done();
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  };
  return { inbox, events, next };
}

describe('an inbox', () => {
  it('hands over one message at a time, in order', async () => {
    const { inbox, events, next } = slowInbox(10);
    for (const message of ['1', '2', '3']) expect(inbox.put(message)).toBe(true);
    expect(events).toEqual(['1']);
    await next();
    expect(events).toEqual(['1', '2']);
    await next();
    await next();
    expect(events).toEqual(['1', '2', '3']);
    expect(inbox.put('4')).toBe(true);
    expect(events).toEqual(['1', '2', '3', '4']);
  });

  it('loses what comes beyond its bound, and says so once, where it was lost', async () => {
    const { inbox, events, next } = slowInbox(2);
    // One is under way, two wait.
    expect(['1', '2', '3', '4', '5'].map((message) => inbox.put(message))).toEqual([true, true, true, false, false]);
    await next();
    // Still full: what says that some are lost takes a place.
    expect(inbox.put('6')).toBe(false);
    await next();
    expect(inbox.put('7')).toBe(true);
    for (let turn = 0; turn < 4; turn += 1) await next();
    expect(events).toEqual(['1', '2', '3', 'missed', '7']);
  });

  it('says so again when it is full again', async () => {
    const { inbox, events, next } = slowInbox(1);
    for (const message of ['1', '2', '3']) inbox.put(message);
    for (let turn = 0; turn < 4; turn += 1) await next();
    for (const message of ['4', '5', '6']) inbox.put(message);
    for (let turn = 0; turn < 4; turn += 1) await next();
    expect(events).toEqual(['1', '2', 'missed', '4', '5', 'missed']);
  });

  it('hands over a long queue about as fast as it was filled', async () => {
    let begin = (): void => undefined;
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    let handled = 0;
    const handle = () => {
      handled += 1;
      return handled === 1 ? begun : undefined;
    };
    const inbox = createInbox<number>({ maxQueued: 400_000, handle, missed: () => undefined });
    // Of this process: not what others on the machine take.
    const filling = process.cpuUsage();
    for (let number = 0; number < 400_000; number += 1) inbox.put(number);
    const filled = process.cpuUsage(filling);
    const draining = process.cpuUsage();
    begin();
    await new Promise((resolve) => setImmediate(resolve));
    expect(handled).toBe(400_000);
    // By the shift of an array it took a hundred times as long.
    expect(process.cpuUsage(draining).user).toBeLessThan(20 * filled.user);
  });

  it('hands over nothing after its end', async () => {
    const { inbox, events, next } = slowInbox(2);
    for (const message of ['1', '2', '3']) inbox.put(message);
    inbox.end();
    inbox.put('4');
    await next();
    expect(events).toEqual(['1']);
  });

  it('hands over at once what a listener takes at once', () => {
    const heard: number[] = [];
    const inbox = createInbox<number>({
      maxQueued: 1,
      handle: (message) => {
        heard.push(message);
        return undefined;
      },
      missed: () => heard.push(-1),
    });
    for (let number = 0; number < 1_000; number += 1) expect(inbox.put(number)).toBe(true);
    expect(heard).toHaveLength(1_000);
  });
});
