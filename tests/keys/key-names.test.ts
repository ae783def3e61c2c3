import { expect, it } from 'vitest';
import { createKeyNames } from '../../lib/keys/key-names.ts';

it('what stands in Redis of keys has the names that the documentation tells, in the namespace', () => {
  const digest = { kid: 'k1', digest: 'd' };
  for (const namespace of ['', '{app}:']) {
    const names = createKeyNames(namespace);
    expect({
      entry: names.entry(digest),
      record: names.record(digest),
      id: names.id('key_1'),
      seen: names.seen(digest),
      misses: names.misses('192.0.2.1'),
      usage: names.usage(digest, '20261121'),
      budget: names.budget,
      index: names.index,
      sentinel: names.sentinel,
    }).toEqual({
      entry: `${namespace}auth:1:k1:d`,
      record: `${namespace}apikey:1:k1:d`,
      id: `${namespace}apikey:id:key_1`,
      seen: `${namespace}auth:seen:k1:d`,
      misses: `${namespace}auth:misses:192.0.2.1`,
      usage: `${namespace}usage:key:k1:d:20261121`,
      budget: `${namespace}auth:budget`,
      index: `${namespace}apikey:index`,
      sentinel: `${namespace}apikey:sentinel`,
    });
  }
});
