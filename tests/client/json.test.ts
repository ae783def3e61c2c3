import { describe, expect, it } from 'vitest';
import { isObject, readJson } from '../../lib/client/json.ts';

describe('JSON from outside', () => {
  it('is read whatever it says', () => {
    expect(['{"a":[1]}', '[]', '0', 'null', '"text"'].map(readJson)).toEqual([{ a: [1] }, [], 0, null, 'text']);
  });

  it('is nothing where it is none, and never an error that could quote it', () => {
    expect(['', '{', 'undefined', '{"a":1} x', 7, null, undefined, {}].map(readJson)).toEqual(Array(8).fill(undefined));
  });

  it('has fields where it is an object, and neither null nor a list', () => {
    expect([{}, { a: 1 }].map(isObject)).toEqual([true, true]);
    expect([null, undefined, [], 'text', 7, true].map(isObject)).toEqual(Array(6).fill(false));
  });
});
