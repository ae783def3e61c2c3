import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isKeyable, type KeyRules, requestKey } from '../../../lib/cache/http/request-key.ts';

const request = (path: string, headers: Record<string, string> = {}, origin = 'https://example.test') =>
  new Request(`${origin}${path}`, { headers });
const key = (path: string, rules: KeyRules = {}, headers: Record<string, string> = {}) =>
  requestKey(request(path, headers), rules);

describe('the key of a request', () => {
  it('is a digest of 43 characters: nothing of the URL or of a header can be read from it', async () => {
    const rules = { varyOn: ['authorization'] };
    expect(await key('/secret?token=secret', rules, { authorization: 'Bearer secret' })).toMatch(/^[\w-]{43}$/);
  });

  it('is the same for GET and HEAD', async () => {
    const head = new Request('https://example.test/a?b=1', { method: 'HEAD' });
    expect(await requestKey(head)).toBe(await key('/a?b=1'));
  });

  it('does not depend on the order of parameters, nor on a fragment', async () => {
    expect(await key('/a?x=1&y=2')).toBe(await key('/a?y=2&x=1'));
    expect(await key('/a#b')).toBe(await key('/a'));
  });

  it.each([
    ['the order within one name', '/a?x=1&x=2', '/a?x=2&x=1'],
    ['that order, the name encoded', '/a?x=1&%78=2', '/a?%78=2&x=1'],
    ['a parameter without a value, and with an empty one', '/a?x', '/a?x='],
    ['bytes that are no UTF-8', '/a?x=%ff', '/a?x=%fe'],
    ['upper case', '/A', '/a'],
    ['what is encoded', '/%61', '/a'],
    ['a slash, and an encoded one', '/a/b', '/a%2Fb'],
    ['a slash at the end', '/a/', '/a'],
    ['path and query', '/a/b', '/a?b'],
    ['where a parameter ends', '/a?x=1&y=2', '/a?x=1%26y=2'],
  ])('tells apart %s', async (_what, one, other) => {
    expect(await key(one)).not.toBe(await key(other));
  });

  it('has the host in it, as the URL and as the header tell, unless all hosts are to share', async () => {
    const hosts = [
      request('/a'),
      request('/a', {}, 'http://example.test'),
      request('/a', {}, 'https://other.test'),
      request('/a', { host: 'example.test' }),
      request('/a', { host: 'evil.test' }),
    ];
    const keys = (rules: KeyRules) => Promise.all(hosts.map((one) => requestKey(one, rules)));
    expect(new Set(await keys({})).size).toBe(hosts.length);
    expect(new Set(await keys({ anyHost: true })).size).toBe(1);
  });

  it('has the declared headers in it, in any case and order, and no other one', async () => {
    const rules = { varyOn: ['Accept-Language', 'x-tenant'] };
    const german = await key('/a', rules, { 'accept-language': 'de', 'x-tenant': '1' });
    expect(
      await key(
        '/a',
        { varyOn: ['X-Tenant', 'accept-language', 'x-tenant'] },
        { 'x-tenant': '1', 'accept-language': 'de' },
      ),
    ).toBe(german);
    expect(await key('/a', rules, { 'accept-language': 'en', 'x-tenant': '1' })).not.toBe(german);
    expect(await key('/a', rules, { 'accept-language': '1', 'x-tenant': 'de' })).not.toBe(german);
    expect(await key('/a', rules, { 'accept-language': 'de', 'x-tenant': '1', 'x-forwarded-host': 'evil.test' })).toBe(
      german,
    );
  });

  it('tells a header that is empty from one that is not there', async () => {
    const rules = { varyOn: ['x-tenant'] };
    expect(await key('/a', rules, { 'x-tenant': '' })).not.toBe(await key('/a', rules));
  });

  it('has only the allowed parameters in it, by the names that the handler sees', async () => {
    const rules = { allowQuery: ['page', '?q'] };
    expect(await key('/a?page=1&utm_source=x', rules)).toBe(await key('/a?page=1', rules));
    expect(await key('/a?p%61ge=1', rules)).not.toBe(await key('/a', rules));
    expect(await key('/a?page=1&page=2', rules)).not.toBe(await key('/a?page=1', rules));
    expect(await key('/a??q=1', rules)).not.toBe(await key('/a', rules));
    expect(await key('/a?page=1', { allowQuery: [] })).toBe(await key('/a', { allowQuery: [] }));
  });

  it('is never that of another request', async () => {
    const text = fc.string({
      unit: fc.constantFrom('a', 'b', '/', '%', '=', '"', ',', '[', '+', '\\', 'ÿ'),
      maxLength: 4,
    });
    const parts = fc.record({
      path: text,
      query: fc.array(fc.tuple(text, text), { maxLength: 3 }),
      language: fc.option(text),
      tenant: fc.option(text),
    });
    type Parts = typeof parts extends fc.Arbitrary<infer T> ? T : never;
    const varyOn = ['accept-language', 'x-tenant'];
    const made = ({ path, query, language, tenant }: Parts) => {
      const url = new URL('https://example.test/');
      url.pathname = path;
      for (const [name, value] of query) url.searchParams.append(name, value);
      const headers = new Headers();
      if (language !== null) headers.set('accept-language', language);
      if (tenant !== null) headers.set('x-tenant', tenant);
      return new Request(url, { headers });
    };
    /** All that a handler can tell of the two, the order of names apart. */
    const seen = (one: Request) => {
      const url = new URL(one.url);
      url.searchParams.sort();
      return JSON.stringify([url.pathname, [...url.searchParams], varyOn.map((name) => one.headers.get(name))]);
    };
    await fc.assert(
      fc.asyncProperty(parts, parts, async (one, other) => {
        const [a, b] = [made(one), made(other)];
        const areSame = (await requestKey(a, { varyOn })) === (await requestKey(b, { varyOn }));
        expect(areSame).toBe(seen(a) === seen(b));
      }),
      { numRuns: 500 },
    );
  });
});

describe('what is too long to be named', () => {
  it('is a URL of more than 8192 characters, 10,000 parameters among them', () => {
    const longest = '/'.padEnd(8_192 - 'https://example.test'.length, 'a');
    expect(isKeyable(request(longest), {})).toBe(true);
    expect(isKeyable(request(`${longest}a`), {})).toBe(false);
    expect(isKeyable(request(`/?${Array.from({ length: 10_000 }, (_, at) => `p${at}=1`).join('&')}`), {})).toBe(false);
  });

  it('is a declared header of more than 8192 characters; the length of others does not matter', () => {
    const rules = { varyOn: ['x-tenant'] };
    expect(isKeyable(request('/', { 'x-tenant': 'a'.repeat(8_192) }), rules)).toBe(true);
    expect(isKeyable(request('/', { 'x-tenant': 'a'.repeat(8_193) }), rules)).toBe(false);
    expect(isKeyable(request('/', { 'x-other': 'a'.repeat(2 ** 20) }), rules)).toBe(true);
  });

  it('names what has thousands of parameters and still fits', async () => {
    const parameters = Array.from({ length: 2_000 }, (_, at) => at.toString(36));
    const one = await key(`/?${parameters.join('&')}`);
    expect(await key(`/?${parameters.toReversed().join('&')}`)).toBe(one);
  });
});
