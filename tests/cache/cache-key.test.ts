import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generateCacheKey } from '../../lib/cache/cache-key.ts';

const keyOf = (params: unknown) => generateCacheKey('op', params);

/** All that a key can be made of. */
const anything = fc.anything({
  withBigInt: true,
  withDate: true,
  withNullPrototype: true,
  withSparseArray: true,
  withUnicodeString: true,
  maxDepth: 4,
});

/** As assert.deepStrictEqual does, apart from prototypes: which keys an object has, holes, NaN and -0 count. */
function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof Date || b instanceof Date) {
    return a instanceof Date && b instanceof Date && Object.is(a.getTime(), b.getTime());
  }
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  if (Array.isArray(a) && Array.isArray(b) && a.length !== b.length) return false;
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => Object.hasOwn(b, name) && isSame(Reflect.get(a, name), Reflect.get(b, name)));
}

/** With the keys of all its objects the other way round. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  const copy: object = Object.create(null);
  for (const [name, inner] of Object.entries(value).reverse()) {
    Object.defineProperty(copy, name, { value: reversed(inner), enumerable: true });
  }
  return copy;
}

describe('a cache key', () => {
  it('can be read where it is short and plain', () => {
    expect(generateCacheKey('jobs', { query: 'cook', limit: 10, tags: ['a', null], from: new Date(0) })).toBe(
      'jobs:(from=@0,limit=10,query="cook",tags=<"a",null,>)',
    );
    expect(generateCacheKey('users/me:v2')).toBe('users/me:v2:undefined');
  });

  it('does not depend on the order of an object’s keys, at any depth', () => {
    expect(keyOf({ a: 1, b: { c: 2, d: [{ e: 3, f: 4 }] } })).toBe(keyOf({ b: { d: [{ f: 4, e: 3 }], c: 2 }, a: 1 }));
    expect(keyOf([1, 2])).not.toBe(keyOf([2, 1]));
    fc.assert(
      fc.property(anything, (value) => {
        expect(keyOf(reversed(value))).toBe(keyOf(value));
      }),
    );
  });

  it('differs wherever values differ', () => {
    fc.assert(
      fc.property(anything, anything, (a, b) => {
        expect(keyOf(a) === keyOf(b)).toBe(isSame(a, b));
      }),
      { numRuns: 2_000 },
    );
  });

  it('tells values apart that look alike', () => {
    const alike: readonly unknown[] = [
      ...[1, '1', 1n, '1n', [1], ['1'], { 0: 1 }, true, 'true', null, 'null', undefined, 'undefined'],
      ...[0, -0, '-0', Number.NaN, 'NaN', Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
      ...[new Date(1), new Date(2), new Date(Number.NaN), '@1', '1970-01-01T00:00:00.001Z'],
      ...[{}, [], '', '{}', '[]', '()', '<>', [[]], [{}], [undefined], [null], new Array(1), new Array(2), [[], []]],
      ...[{ a: undefined }, { a: null }, { 'a=1,b': 2 }, { a: 1, b: 2 }, { 'a"': 1 }, { '"a"': 1 }, { a: '1,b=2' }],
      ...['\ud800', '\udc00', '\ufffd', '\\ud800', 'é', 'e\u0301', 'sha256-x', [1, [2, 3]], [[1, 2], 3], [1, 2, 3]],
      ...[JSON.parse('{"__proto__":1}'), { constructor: 1 }],
    ];
    const keys = alike.map(keyOf);
    const twins = keys.flatMap((key, index) => (keys.indexOf(key) < index ? [[keys.indexOf(key), index]] : []));
    expect(twins).toEqual([]);
  });

  it('tells operations apart, whatever signs are in them', () => {
    const keys = [['a', 'b'], ['a:b'], ['a', 'b:'], ['a:', 'b'], ['b', 'a']].map(([operation = '', params]) =>
      generateCacheKey(operation, params),
    );
    expect(new Set(keys).size).toBe(keys.length);
    for (const operation of ['', 'a b', 'a'.repeat(65), 'a{b}', 'a*']) {
      expect(() => generateCacheKey(operation, 1)).toThrow('operation must be 1 to 64');
    }
  });

  it('has at most 128 characters, none of which means anything to Redis', () => {
    // `op:"…"` has five characters beside the text.
    expect(keyOf('x'.repeat(123))).toBe(`op:"${'x'.repeat(123)}"`);
    expect(keyOf('x'.repeat(124))).toMatch(/^op:sha256-[\w-]{43}$/);
    expect(generateCacheKey('o'.repeat(64), 'x'.repeat(1_000))).toHaveLength(115);
    fc.assert(
      fc.property(anything, (value) => {
        expect(keyOf(value)).toMatch(/^op:[^:%{}*?[\]\\\s\p{Cc}\p{Cs}]{0,125}$/u);
      }),
    );
  });

  it('is never the text of a value that looks like a digest', () => {
    const digest = keyOf('x y').slice(3);
    expect(keyOf(digest)).toBe(`op:"${digest}"`);
  });

  it.each([
    ['a Map', new Map()],
    ['a Set', new Set()],
    ['a function', () => 1],
    ['a symbol', Symbol('x')],
    ['an instance of a class', new (class Point {})()],
    ['a regular expression', /x/],
    ['bytes', new Uint8Array(1)],
    ['an error', new Error('x')],
    ['a boxed number', Object(1)],
    ['a URL', new URL('http://x')],
    ['a promise', Promise.resolve()],
    ['what has a symbol for a key', { [Symbol('x')]: 1 }],
    ['one of these far inside', { a: [{ b: new Map() }] }],
  ])('is refused for %s, which has no text of its own', (_, params) => {
    expect(() => keyOf(params)).toThrow('params must be made of plain objects');
  });

  it('is made of plain objects of other realms too', () => {
    expect(keyOf(runInNewContext('({ a: [1, { b: 2 }] })'))).toBe(keyOf({ a: [1, { b: 2 }] }));
    expect(() => keyOf(runInNewContext('new Map()'))).toThrow('params must be made of plain objects');
  });

  it('goes 32 levels deep and no deeper, so that a cycle ends', () => {
    const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);
    expect(keyOf(nested(32))).toContain('op:');
    expect(() => keyOf(nested(33))).toThrow('params must go at most 32 levels deep, without cycles');
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    expect(() => keyOf(cycle)).toThrow('without cycles');
  });

  it('is made of at most 262,144 characters, and of no more than that is looked at', () => {
    expect(keyOf('x'.repeat(262_142))).toMatch(/sha256-/);
    for (const large of ['x'.repeat(262_143), 'x'.repeat(10_000_000), new Array(4_000_000_000)]) {
      expect(() => keyOf(large)).toThrow('params must have at most 262144 characters');
    }
    const wide: unknown[] = [];
    wide.push(...Array.from({ length: 1_000 }, () => wide));
    expect(() => keyOf(wide)).toThrow('params must');
  });

  it('repeats nothing of what it refuses', () => {
    expect(() => keyOf({ password: 'hunter2', at: new Map([['hunter2', 1]]) })).toThrow(/^(?!.*hunter2)/);
  });
});
