import { describe, expect, it } from 'vitest';
import { createOperationNames, errorAttributes } from '../../lib/client/operation-attributes.ts';
import { CircuitOpenError, CommandError, StoreError } from '../../lib/errors.ts';

describe('the attributes of an error', () => {
  // Strictly: an attribute without a value is one all the same.
  it.each([
    [new Error('secret'), { 'error.type': '_OTHER' }],
    ['secret', { 'error.type': '_OTHER' }],
    [new CircuitOpenError(5), { 'error.type': 'CIRCUIT_OPEN' }],
    [new StoreError('network', 'secret'), { 'error.type': 'STORE.network' }],
    [
      new StoreError('unavailable', 'secret', { replyCode: 'LOADING' }),
      { 'db.response.status_code': 'LOADING', 'error.type': 'STORE.unavailable' },
    ],
    [new CommandError('ERR', 'secret'), { 'db.response.status_code': 'ERR', 'error.type': 'ERR' }],
    [new CommandError('SECRET', 'secret'), { 'error.type': '_OTHER' }],
  ])('%# are few, fixed and quote nothing', (error, attributes) => {
    expect(errorAttributes(error)).toStrictEqual(attributes);
  });
});

describe('the name of an operation', () => {
  it.each([
    [[['get', 'a']], false, 'GET'],
    [[['GET', 'a']], true, 'MULTI GET'],
    [
      [
        ['GET', 'a'],
        ['GET', 'b'],
      ],
      false,
      'PIPELINE GET',
    ],
    [
      [
        ['GET', 'a'],
        ['SET', 'b', 1],
      ],
      false,
      'PIPELINE',
    ],
    [[['user:42', 'a']], false, '_OTHER'],
    [[], false, '_OTHER'],
  ] as const)('of %j (atomic: %s) is %s', (commands, atomic, name) => {
    expect(createOperationNames()(commands, atomic)).toBe(name);
  });

  it('is one of the first 256 that a client has used', () => {
    const nameOf = createOperationNames();
    const letters = [...'ABCDEFGHIJKLMNOP'];
    const names = letters.flatMap((one) => letters.map((other) => `${one}${other}`));
    for (const name of names) expect(nameOf([[name]], false)).toBe(name);
    expect(nameOf([['GET']], false)).toBe('_OTHER');
    expect(nameOf([['AA']], false)).toBe('AA');
  });
});
