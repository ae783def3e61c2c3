import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLru } from '../../lib/client/lru.ts';
import { heapGrowth } from '../support/heap.ts';

const key = fc.integer({ min: 0, max: 7 }).map(String);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('set', 'get', 'delete'), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clear'), key }) },
);

describe('a bounded map', () => {
  it('forgets what was unused for longest, whatever is set, read, deleted and cleared in between', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 200 }), (max, steps) => {
        const lru = createLru<number>(max);
        // In order of use, oldest first.
        let model: (readonly [string, number])[] = [];
        steps.forEach((one, index) => {
          const known = model.find(([name]) => name === one.key);
          const others = model.filter(([name]) => name !== one.key);
          if (one.do === 'set') {
            lru.set(one.key, index);
            model = [...others, [one.key, index] as const].slice(-max);
          } else if (one.do === 'get') {
            expect(lru.get(one.key)).toBe(known?.[1]);
            if (known) model = [...others, known];
          } else if (one.do === 'delete') {
            lru.delete(one.key);
            model = others;
          } else {
            lru.clear();
            model = [];
          }
          expect(lru.size).toBe(model.length);
        });
        for (const [name, value] of model) expect(lru.get(name)).toBe(value);
      }),
      { numRuns: 500 },
    );
  });

  it('gives away what was unused for longest, at most as many as asked for', () => {
    const lru = createLru<number>(5);
    for (const [index, name] of [...'abcde'].entries()) lru.set(name, index);
    lru.get('a');
    lru.delete('c');
    expect(lru.take(0)).toEqual([]);
    expect(lru.take(2)).toEqual([
      ['b', 1],
      ['d', 3],
    ]);
    expect([lru.size, lru.get('b'), lru.get('d')]).toEqual([2, undefined, undefined]);
    expect(lru.take(100)).toEqual([
      ['e', 4],
      ['a', 0],
    ]);
    expect([lru.size, lru.take(1)]).toEqual([0, []]);
  });

  it('weighs no more than it may, without what was unused for longest', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.array(step, { maxLength: 200 }), (max, steps) => {
        const lru = createLru<number>(max, (_, weight) => weight);
        let model: (readonly [string, number])[] = [];
        const weightOf = () => model.reduce((sum, [, weight]) => sum + weight, 0);
        steps.forEach((one, index) => {
          const known = model.find(([name]) => name === one.key);
          const others = model.filter(([name]) => name !== one.key);
          if (one.do === 'set') {
            const weight = index % 23;
            lru.set(one.key, weight);
            model = weight > max ? others : [...others, [one.key, weight] as const];
            while (weightOf() > max) model = model.slice(1);
          } else if (one.do === 'get') {
            expect(lru.get(one.key)).toBe(known?.[1]);
            if (known) model = [...others, known];
          } else if (one.do === 'delete') {
            lru.delete(one.key);
            model = others;
          } else {
            lru.clear();
            model = [];
          }
          expect([lru.size, lru.weight]).toEqual([model.length, weightOf()]);
        });
        expect(lru.take(100)).toEqual(model);
        expect([lru.size, lru.weight]).toEqual([0, 0]);
      }),
      { numRuns: 500 },
    );
  });

  it('forgets as many as one heavy newcomer needs, and does not keep what alone is too heavy', () => {
    const lru = createLru<string>(10, (key, value) => key.length + value.length);
    for (const name of ['a', 'b', 'c']) lru.set(name, '12');
    expect([lru.size, lru.weight]).toEqual([3, 9]);
    lru.set('d', '123456');
    expect([lru.size, lru.weight, lru.get('b'), lru.get('c')]).toEqual([2, 10, undefined, '12']);
    lru.set('d', '1234567890');
    expect([lru.size, lru.weight, lru.get('d')]).toEqual([1, 3, undefined]);
  });

  it.each([
    ['that has never been full', 50],
    ['that has been full', 100],
  ])('keeps nothing of a million uses of one %s', async (_, count) => {
    const lru = createLru<number>(60);
    for (let index = 0; index < count; index += 1) lru.set(`k${index}`, index);
    const use = (times: number) => {
      for (let index = 0; index < times; index += 1) lru.get(`k${count - 1 - (index % 40)}`);
    };
    use(1_000);
    expect(await heapGrowth(() => use(1_000_000))).toBeLessThan(2_000_000);
  });
});
