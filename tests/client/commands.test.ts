import { describe, expect, it } from 'vitest';
import { coalescibleKeys, commandId, nameOf, namesOf } from '../../lib/client/commands.ts';

it.each(['GET', 'get', 'EVALSHA_RO', 'GEORADIUSBYMEMBER_RO', 'JSON.GET', 'A'.repeat(20)])('%s is a name', (name) => {
  expect(nameOf([name, 'key'])).toBe(name.toUpperCase());
});

it.each(['', 'user:42', 'key-1', 'A B', 'GET\n', 'É', '_A', 'A_', 'A_B_C', 'A'.repeat(21), `A.${'B'.repeat(21)}`])(
  '%j may be anything, and is no name',
  (name) => {
    expect(nameOf([name, 'key'])).toBeUndefined();
    expect(namesOf([[name], ['GET', 'key']])).toEqual(['GET']);
  },
);

it('the names of several commands are the first eight different ones', () => {
  const names = [...'ABCDEFGHIJ'];
  expect(namesOf([...names, 'a', 'b'].map((name) => [name]))).toEqual(names.slice(0, 8));
});

describe('a read', () => {
  it.each([
    [['get', 'a'], ['a']],
    [['GETRANGE', 'a', 0, 5], ['a']],
    [['GET', 5], ['5']],
    [
      ['MGET', 'a', 5, 'b'],
      ['a', '5', 'b'],
    ],
    [['GET'], undefined],
    [['MGET'], undefined],
    [['SCAN', 0], undefined],
    [['KEYS', 'a*'], undefined],
    [['TIME'], undefined],
    [['SET', 'a', 1], undefined],
    [['NOPE', 'a'], undefined],
  ] as const)('%j depends on nothing but the keys %j, where it can be shared', (command, keys) => {
    expect(coalescibleKeys(command)).toEqual(keys);
  });

  it('is the same as another when Redis is sent the same words', () => {
    expect(commandId(['GET', 5])).toBe(commandId(['GET', '5']));
    for (const other of [
      ['HMGET', 'a', 'b,c'],
      ['HMGET', 'a,b', 'c'],
      ['HMGET', 'a,b,c'],
      ['HMGET', 'a', 'b", "c'],
    ] as const) {
      expect(commandId(other)).not.toBe(commandId(['HMGET', 'a', 'b', 'c']));
    }
  });
});
