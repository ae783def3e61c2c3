import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../lib/errors.ts';
import { type Dimensions, eventField, readEventField } from '../../../lib/primitives/analytics/event-field.ts';

const NOON = Date.UTC(2026, 10, 21, 12);
const rowOf = (event: string, dimensions: Dimensions) => readEventField(eventField(NOON, event, dimensions));

describe('the name of a counter', () => {
  it('is that of the day of UTC, the event and its dimensions, in whatever order they came', () => {
    expect(rowOf('page_view', { path: '/a', count: 3, paid: true })).toEqual({
      ...{ day: '2026-11-21', event: 'page_view' },
      dimensions: '{"count":"3","paid":"true","path":"/a"}',
    });
    expect(eventField(NOON, 'x', { b: '2', a: '1' })).toBe(eventField(NOON, 'x', { a: '1', b: '2' }));
    expect(rowOf('x', {})?.dimensions).toBe('{}');
  });

  it('keeps apart what is not the same', () => {
    const fields = [
      eventField(NOON, 'x', { a: '1' }),
      eventField(NOON, 'x', { a: '2' }),
      eventField(NOON, 'x', { b: '1' }),
      eventField(NOON, 'y', { a: '1' }),
      eventField(NOON + 86_400_000, 'x', { a: '1' }),
      eventField(NOON, 'x', { a: '1","b":"2' }),
      eventField(NOON, 'x', { a: '1', b: '2' }),
    ];
    expect(new Set(fields).size).toBe(fields.length);
  });

  it('changes at midnight of UTC', () => {
    const midnight = Date.UTC(2026, 10, 22);
    expect(readEventField(eventField(midnight - 1, 'x', {}))?.day).toBe('2026-11-21');
    expect(readEventField(eventField(midnight, 'x', {}))?.day).toBe('2026-11-22');
  });

  it.each(['', '1x', 'a b', 'x'.repeat(65), 'a\n', 'é', '["x"]'])('is none of the event %j', (event) => {
    expect(() => eventField(NOON, event, {})).toThrow(expect.objectContaining({ code: 'CONFIG', setting: 'event' }));
  });

  it.each([
    ['nine dimensions', Object.fromEntries('abcdefghi'.split('').map((name) => [name, '1']))],
    ['a name of 33 letters', { ['x'.repeat(33)]: '1' }],
    ['a name that is a number', { 1: '1' }],
    ['no name', { '': '1' }],
    ['NUL in a value', { a: '\0' }],
    ['a lone surrogate in a value', { a: '\udc00' }],
    ['a value that is none', { a: null as unknown as string }],
    ['an object for a value', { a: {} as unknown as string }],
    ['513 characters', { a: 'x'.repeat(513 - '{"a":""}'.length) }],
  ])('is none of %s', (_, dimensions) => {
    expect(() => eventField(NOON, 'x', dimensions)).toThrow(ConfigError);
    expect(() => eventField(NOON, 'x', dimensions)).toThrow(/^dimensions must/);
  });

  it('may have what is as long as it can be', () => {
    expect(rowOf(`a${'.'.repeat(63)}`, { [`a${'-'.repeat(31)}`]: 'y' })).toBeDefined();
    expect(rowOf('x', { a: 'x'.repeat(512 - '{"a":""}'.length) })).toBeDefined();
    expect(rowOf('x', Object.fromEntries('abcdefgh'.split('').map((name) => [name, '1'])))).toBeDefined();
  });

  it.each([
    'x',
    '{}',
    '[20778,"x"]',
    '[20778,"x",{},1]',
    '["20778","x",{}]',
    '[-1,"x",{}]',
    '[100001,"x",{}]',
    '[1.5,"x",{}]',
    '[20778,"",{}]',
    '[20778,7,{}]',
    '[20778,"x",[]]',
    '[20778,"x",{"a":1}]',
    '[20778,"x",{"a":"\\u0000"}]',
    '[20778,"x",{"1":"a"}]',
    `[20778,"x",{"a":"${'x'.repeat(512)}"}]`,
  ])('is not read from %s', (field) => {
    expect(readEventField(field)).toBeUndefined();
  });
});
