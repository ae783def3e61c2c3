import { describe, expect, it } from 'vitest';
import { cacheNames } from '../../../lib/cache/cache-names.ts';
import type { TagStamp } from '../../../lib/cache/entry.ts';
import { type Asked, createStamps, NO_STAMP, newStamp } from '../../../lib/cache/invalidation/stamps.ts';
import { createKv } from '../../../lib/client/kv-client.ts';
import { CommandError } from '../../../lib/errors.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';

const rig = () => {
  const clock = manualClock();
  const names = cacheNames(createKv({ store: memoryStore({ clock }), clock }), 'c');
  const stamps = createStamps(names, clock);
  const now = () => stamps.asking();
  /** Redis answers that the cache has stamp `g`, and these tags theirs. */
  const learn = (tags: Record<string, string | null> = {}, askedAt: Asked = now(), g: string | null = 'G') =>
    stamps.learn(Object.keys(tags), [[g, 'D'], ...Object.values(tags)], askedAt);
  const head = (tags: readonly TagStamp[] = [], generation = 'G') => ({
    ...{ marks: 'j', id: 'i', createdAt: 0, freshUntil: 0, costMs: 0 },
    ...{ generation, tags },
  });
  const stands = (tags: readonly TagStamp[] = [], generation?: string) => stamps.stands(head(tags, generation), now());
  return { clock, stamps, now, learn, head, stands };
};

describe('what is known of stamps', () => {
  it('is asked for with one command for the cache, and one for each tag', () => {
    expect(rig().stamps.query(['a', 'b'])).toEqual([
      ['HMGET', 'cache:c:stamps', 'generation', 'disturbance'],
      ['GET', 'cache:c:t:a'],
      ['GET', 'cache:c:t:b'],
    ]);
  });

  it('is nothing before Redis has been asked', () => {
    const { stamps, now, head } = rig();
    expect([stamps.basis([]), stamps.unknownTo(head([['a', 'A']]), now(), 1_000)]).toEqual([undefined, ['a']]);
  });

  it('is what a value is loaded under: the stamps as they were answered, also that there is none', () => {
    const { stamps, learn } = rig();
    learn({ a: 'A', b: null });
    expect(stamps.basis(['a', 'b'])).toEqual({
      ...{ generation: 'G', disturbance: 'D' },
      tags: [
        ['a', 'A'],
        ['b', null],
      ],
    });
    expect(stamps.basis(['a', 'unknown'])).toBeUndefined();
  });

  it('is as old as its question: for so long, and not longer, a basis can rest on it', () => {
    const { clock, stamps, learn } = rig();
    learn({ a: 'A' });
    clock.advance(600);
    learn({ b: 'B' });
    clock.advance(400);
    expect([stamps.basis(['a'], 1_000), stamps.basis(['b'], 1_000)]).not.toContain(undefined);
    clock.advance(1);
    expect(stamps.basis(['a'], 1_000)).toBeUndefined();
    expect(stamps.basis(['b'], 1_000)).toBeDefined();
    clock.advance(600);
    // The tag's is young enough, the cache's is not.
    stamps.made('b', 'B', stamps.asking());
    expect(stamps.basis(['b'], 1_000)).toBeUndefined();
  });

  it('is asked for again where it is neither of the entry’s own question nor young enough', () => {
    const { clock, stamps, now, learn, head } = rig();
    const entry = head([
      ['a', 'A'],
      ['b', 'B'],
    ]);
    const askedAt = now();
    clock.advance(1);
    learn({ a: 'A', b: 'B' });
    // In the same instant, and yet asked for before the entry was.
    expect([stamps.unknownTo(entry, askedAt, 0), stamps.unknownTo(entry, now(), 0)]).toEqual([[], ['a', 'b']]);
    clock.advance(600);
    learn({ b: 'B' });
    clock.advance(399);
    expect(stamps.unknownTo(entry, now(), 1_000)).toEqual([]);
    clock.advance(1);
    expect(stamps.unknownTo(entry, now(), 1_000)).toEqual(['a']);
  });

  it('makes an entry as old as the oldest stamp that it rests on', () => {
    const { clock, stamps, now, learn, head } = rig();
    const first = now();
    learn({ a: 'A' }, first);
    clock.advance(1);
    const second = now();
    learn({ b: 'B' }, second);
    clock.advance(1);
    expect(
      stamps.verifiedAt(
        head([
          ['b', 'B'],
          ['a', 'A'],
        ]),
        now(),
      ),
    ).toEqual(first);
    expect(
      stamps.verifiedAt(
        head([
          ['b', 'B'],
          ['unknown', 'U'],
        ]),
        now(),
      ),
    ).toEqual(second);
    expect(stamps.verifiedAt(head([['b', 'B']]), first)).toEqual(first);
    const third = now();
    expect(stamps.verifiedAt(head(), third)).toEqual(third);
  });

  it('is not changed by what is no answer', () => {
    const { stamps, now, stands } = rig();
    const error = new CommandError('WRONGTYPE', 'of another kind');
    expect(stamps.learn([], [error], now())).toBe(false);
    expect(stamps.learn(['a'], [['G', null], error], now())).toBe(false);
    expect(stamps.learn(['a'], [], now())).toBe(false);
    expect([stamps.basis([]), stands()]).toEqual([undefined, true]);
  });

  it('is not changed by an answer to an older question', () => {
    const { clock, stamps, now, learn } = rig();
    const before = now();
    clock.advance(1);
    learn({ a: 'new' }, now(), 'new');
    learn({ a: 'old', b: 'B' }, before, 'old');
    expect(stamps.basis(['a', 'b'])).toMatchObject({
      generation: 'new',
      tags: [
        ['a', 'new'],
        ['b', 'B'],
      ],
    });
  });
});

describe('an entry', () => {
  it('stands under the stamps that are known, each of them', () => {
    const { learn, stands } = rig();
    learn({ a: 'A', b: 'B' });
    expect(
      stands([
        ['a', 'A'],
        ['b', 'B'],
      ]),
    ).toBe(true);
    expect([
      stands([
        ['a', 'A'],
        ['b', 'old'],
      ]),
      stands([], 'old'),
    ]).toEqual([false, false]);
  });

  it('stands where nothing is known of its stamps', () => {
    const { stands, learn } = rig();
    expect(stands([['a', 'A']], 'any')).toBe(true);
    learn();
    expect(stands([['a', 'A']])).toBe(true);
  });

  it('does not stand where there is no stamp any more, or not yet, unless it says so itself', () => {
    const { learn, stands } = rig();
    learn({ a: null }, undefined, null);
    expect([stands([], 'G'), stands([['a', 'A']], NO_STAMP)]).toEqual([false, false]);
    expect([stands([], NO_STAMP), stands([['a', NO_STAMP]], NO_STAMP)]).toEqual([true, true]);
  });

  it('ends here with its tag at once, whatever Redis says before it has been told', () => {
    const { clock, stamps, now, learn, head, stands } = rig();
    learn({ a: 'A', b: 'B' });
    const stamp = stamps.endTag('a');
    expect([stands([['a', 'A']]), stands([['b', 'B']]), stands([['a', stamp]])]).toEqual([false, true, true]);
    clock.advance(1);
    learn({ a: 'A' });
    expect([stands([['a', 'A']]), stands([['a', stamp]])]).toEqual([false, true]);
    expect(stamps.unknownTo(head([['a', 'A']]), now(), 0)).toEqual([]);
    stamps.told('a', stamp, 'sent');
    clock.advance(1);
    // What was loaded before Redis was told is under a stamp that nobody else ever has.
    expect([stands([['a', 'A']]), stands([['a', stamp]]), stands([['a', 'sent']])]).toEqual([false, false, true]);
    learn({ a: 'another' });
    expect([stands([['a', 'sent']]), stands([['a', 'another']])]).toEqual([false, true]);
  });

  it('ends here with the whole cache at once, whatever Redis says before it has been told', () => {
    const { clock, stamps, learn, stands } = rig();
    learn();
    const stamp = stamps.end();
    clock.advance(1);
    learn();
    expect([stands(), stands([], stamp), stamps.basis([])?.generation]).toEqual([false, true, stamp]);
    stamps.told(undefined, stamp, 'sent');
    expect([stands([], stamp), stands([], 'sent')]).toEqual([false, true]);
    clock.advance(1);
    learn({}, undefined, 'another');
    expect([stands([], 'sent'), stands([], 'another')]).toEqual([false, true]);
  });

  it('is not brought back by an answer to what was asked before Redis was told', () => {
    const { stamps, now, learn, stands } = rig();
    learn({ a: 'A' });
    // In the same instant too: a clock may stand still.
    const before = now();
    stamps.told('a', stamps.endTag('a'), 'sent');
    stamps.told(undefined, stamps.end(), 'sent');
    learn({ a: 'A' }, before);
    expect([stands([['a', 'A']]), stands()]).toEqual([false, false]);
  });

  it('heeds the latest of two ends, whichever Redis has been told of', () => {
    const { stamps, stands } = rig();
    const [first, second] = [stamps.endTag('a'), stamps.endTag('a')];
    stamps.told('a', first, 'sent');
    expect([stands([['a', first]]), stands([['a', second]])]).toEqual([false, true]);
    const [whole, latest] = [stamps.end(), stamps.end()];
    stamps.told(undefined, whole, 'sent');
    expect([stands([], whole), stands([], latest)]).toEqual([false, true]);
  });

  it('needs no stamp of a tag any more that ended before the whole cache did', () => {
    const { stamps, learn, stands } = rig();
    learn({ a: 'A' });
    stamps.endTag('a');
    const stamp = stamps.end();
    // Redis may never be told of the tag's: what stands under it there, under the new stamp of the cache, is good.
    expect([stands([['a', 'A']], stamp), stands([['a', 'A']])]).toEqual([true, false]);
  });

  it('stands under a stamp that was made for it, not under one that is older than what is known', () => {
    const { clock, stamps, now, learn, stands } = rig();
    learn({ a: null }, undefined, null);
    stamps.made('a', 'A', now());
    stamps.made(undefined, 'G', now());
    expect(stands([['a', 'A']])).toBe(true);
    const before = now();
    clock.advance(1);
    learn({ a: 'later' }, undefined, 'later');
    stamps.made('a', 'A', before);
    stamps.made(undefined, 'G', before);
    expect([stands([['a', 'later']], 'later'), stands([['a', 'A']])]).toEqual([true, false]);
  });

  it('is not judged by the rest where a stamp was forgotten that came after it', () => {
    const { clock, stamps, now, learn, head, stands } = rig();
    const before = now();
    clock.advance(1);
    learn({ first: 'new' });
    const when = now();
    for (let index = 1; index < 10_000; index += 1) stamps.made(`t${index}`, 'T', when);
    expect(stamps.stands(head([['first', 'old']]), before)).toBe(false);
    stamps.made('t1', 'T', when);
    expect(stamps.stands(head([['unknown', 'U']]), before)).toBe(true);
    // `first` was used last: the one that is forgotten is the next.
    stamps.made('one more', 'T', when);
    expect(stamps.stands(head([['unknown', 'U']]), before)).toBe(false);
    expect(stamps.stands(head([['unknown', 'U']]), when)).toBe(false);
    clock.advance(1);
    expect(stands([['unknown', 'U']])).toBe(true);
  });
});

describe('a stamp', () => {
  it('is 16 letters and digits, no two alike', () => {
    const made = new Set(Array.from({ length: 1_000 }, newStamp));
    expect(made.size).toBe(1_000);
    for (const stamp of made) expect(stamp).toMatch(/^[0-9A-Za-z]{16}$/);
  });
});
