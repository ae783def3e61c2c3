import { expect, it } from 'vitest';
import { nameOf, namesOf } from '../../lib/client/commands.ts';

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
