import { expect, it } from 'vitest';
import { readCredential } from '../../lib/guard/credentials.ts';

it.each<[Record<string, string>, string | undefined]>([
  [{}, undefined],
  [{ authorization: 'Bearer k' }, 'k'],
  [{ authorization: 'bearer   k  ' }, 'k'],
  [{ authorization: 'BEARER k' }, 'k'],
  [{ authorization: 'Bearer k', 'x-api-key': 'other' }, 'k'],
  [{ 'x-api-key': ' k ' }, 'k'],
  [{ authorization: 'Basic dTpw', 'x-api-key': 'k' }, 'k'],
  [{ authorization: 'Bearer', 'x-api-key': 'k' }, 'k'],
  [{ authorization: 'Bearerk' }, undefined],
  [{ authorization: 'Basic dTpw' }, undefined],
  [{ 'x-api-key': '' }, ''],
  [{ cookie: 'x-api-key=k' }, undefined],
  [{ authorization: 'Bearer \t k\t' }, 'k'],
  [{ 'x-api-key': '\tk \t' }, 'k'],
  [{ authorization: 'Bearer \u00a0k' }, '\u00a0k'],
  [{ authorization: 'Bearer k\u00a0' }, 'k\u00a0'],
  [{ 'x-api-key': '\u00a0k\u000b' }, '\u00a0k\u000b'],
])('the credential in %j is %j', (headers, expected) => {
  expect(readCredential(new Headers(headers))).toBe(expected);
});
