import { describe, expect, it } from 'vitest';
import { firstAnswer } from '../../lib/store/first-answer.ts';
import { manualClock } from '../../lib/testing/index.ts';

interface Asked {
  readonly answer: (text: string) => void;
  readonly fail: (error: Error) => void;
}

function asking() {
  const clock = manualClock();
  const asked = new Map<string, Asked>();
  const discarded: string[] = [];
  const ask = (candidate: string) =>
    new Promise<string>((answer, fail) => {
      asked.set(candidate, { answer, fail });
    });
  const first = firstAnswer(['a', 'b', 'c'], ask, { staggerMs: 100, discard: (late) => discarded.push(late), clock });
  return { clock, asked, discarded, first };
}

describe('the first answer', () => {
  it('is that of the first, and nobody else is asked', async () => {
    const { asked, clock, first } = asking();
    asked.get('a')?.answer('A');
    expect(await first).toBe('A');
    await clock.run(1000);
    expect([...asked.keys()]).toEqual(['a']);
  });

  it('is looked for elsewhere at once after a failure, and after a while of silence', async () => {
    const { asked, clock, discarded, first } = asking();
    asked.get('a')?.fail(new Error('refused'));
    await clock.run(0);
    expect([...asked.keys()]).toEqual(['a', 'b']);
    await clock.run(99);
    expect(asked.size).toBe(2);
    await clock.run(1);
    expect(asked.size).toBe(3);
    asked.get('c')?.answer('C');
    expect(await first).toBe('C');
    asked.get('b')?.answer('B');
    await clock.run(0);
    expect(discarded).toEqual(['B']);
  });

  it('is awaited from those that are silent when the last one has failed, and is the last failure in the end', async () => {
    const { asked, clock, first } = asking();
    const outcome = first.catch((error: Error) => error.message);
    await clock.run(200);
    asked.get('c')?.fail(new Error('of c'));
    asked.get('a')?.fail(new Error('of a'));
    await clock.run(0);
    asked.get('b')?.fail(new Error('of b'));
    expect(await outcome).toBe('of b');
  });
});
