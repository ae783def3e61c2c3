import { describe, expect, it } from 'vitest';
import type { Listening, RedisLink } from '../../lib/store/redis-link.ts';
import { subscriberLine } from '../../lib/store/subscriber-line.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { heapGrowth } from '../support/heap.ts';

/** A line on links that do as the test says. */
function rig() {
  const clock = manualClock();
  const asked: string[] = [];
  let told = (_channel: string, _text: string): void => undefined;
  let heard = 0;
  let cut = (): void => undefined;
  let answersSubscribe = true;
  const open = async (): Promise<RedisLink> => {
    let retired = false;
    let end = (): void => undefined;
    const listening: Listening = {
      subscribe: async (channels) => {
        asked.push(`subscribe ${channels}`);
        if (!answersSubscribe) await new Promise(() => undefined);
      },
      unsubscribe: (channels) => void asked.push(`unsubscribe ${channels}`),
      ping: () => void asked.push('ping'),
      heard: () => heard,
      ended: new Promise((resolve) => {
        end = resolve;
      }),
    };
    cut = end;
    asked.push('open');
    return {
      send: async () => [],
      listen: (listener) => {
        told = listener;
        return listening;
      },
      usable: () => !retired,
      retire: () => {
        if (!retired) asked.push('retire');
        retired = true;
        end();
      },
      close: async () => undefined,
    };
  };
  const line = subscriberLine(open, { pingAfterMs: 1_000, answerMs: 100, clock });
  return {
    clock,
    asked,
    line,
    tell: (channel: string, text: string) => told(channel, text),
    say: () => {
      heard += 1;
    },
    deafen: () => {
      answersSubscribe = false;
    },
    cut: () => cut(),
  };
}

const ignore = (): void => undefined;
const never = new AbortController().signal;

describe('the line of subscribers', () => {
  it('is opened for the first and released by the last, and leaves a channel with the last who hears it', async () => {
    const { line, asked, tell, clock } = rig();
    const heard: string[] = [];
    const hear = (who: string) => (channel: string, text: string) => heard.push(`${who} ${channel} ${text}`);
    const one = await line.feed(['a', 'b'], hear('one'), never);
    const two = await line.feed(['b', 'c'], hear('two'), never);
    tell('b', '1');
    one.close();
    one.close();
    tell('a', '2');
    tell('b', '3');
    expect(heard).toEqual(['one b 1', 'two b 1', 'two b 3']);
    expect(asked).toEqual(['open', 'subscribe a,b', 'subscribe b,c', 'unsubscribe a']);
    two.close();
    expect(asked.slice(4)).toEqual(['retire']);
    expect(clock.pending()).toBe(0);
    await line.feed(['a'], ignore, never);
    expect(asked.slice(5)).toEqual(['open', 'subscribe a']);
  });

  it('asks Redis after silence, and is lost when that says nothing in time', async () => {
    const { line, asked, clock, say } = rig();
    const { lost } = await line.feed(['a'], ignore, never);
    const losses: Error[] = [];
    lost.then((error) => losses.push(error));
    await clock.run(999);
    expect(asked).not.toContain('ping');
    await clock.run(1);
    expect(asked.filter((word) => word === 'ping')).toHaveLength(1);
    say();
    await clock.run(100);
    await clock.run(999);
    expect(asked.filter((word) => word === 'ping')).toHaveLength(1);
    await clock.run(1);
    await clock.run(99);
    expect(losses).toEqual([]);
    await clock.run(1);
    expect(losses).toMatchObject([{ kind: 'network', message: 'Redis does not answer a subscriber' }]);
    expect(asked.at(-1)).toBe('retire');
  });

  it('does not ask while something is heard', async () => {
    const { line, asked, clock, say } = rig();
    await line.feed(['a'], ignore, never);
    for (let second = 0; second < 10; second += 1) {
      say();
      await clock.run(1_000);
    }
    expect(asked).not.toContain('ping');
  });

  it('is lost for all who are on it', async () => {
    const { line, cut } = rig();
    const feeds = [await line.feed(['a'], ignore, never), await line.feed(['b'], ignore, never)];
    cut();
    expect(await Promise.all(feeds.map(({ lost }) => lost))).toMatchObject([{ kind: 'network' }, { kind: 'network' }]);
  });

  it('is given up when Redis does not say in time that a channel is heard', async () => {
    const { line, asked, clock, deafen } = rig();
    deafen();
    void line.feed(['a'], ignore, never);
    await clock.run(99);
    expect(asked).not.toContain('retire');
    await clock.run(1);
    expect(asked).toContain('retire');
  });

  it('that nobody wants any more when it is open is released', async () => {
    const { line, asked, clock } = rig();
    const caller = new AbortController();
    const opening = line.feed(['a'], ignore, caller.signal);
    caller.abort();
    await expect(opening).rejects.toMatchObject({ kind: 'aborted' });
    await clock.run(100);
    expect(asked).toEqual(['open', 'retire']);
    expect(clock.pending()).toBe(0);
  });

  it('keeps nothing of those who have come and gone', async () => {
    const { line, asked } = rig();
    await line.feed(['a'], ignore, never);
    const comeAndGo = async () => {
      for (let count = 0; count < 20_000; count += 1) {
        const feed = await line.feed([`channel ${count}`], ignore, never);
        feed.lost.then(ignore);
        feed.close();
        asked.length = 0;
      }
    };
    await comeAndGo();
    expect(await heapGrowth(comeAndGo)).toBeLessThan(1_000_000);
  });
});
