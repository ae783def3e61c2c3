import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isStoredResponse,
  restoreResponse,
  type StoredResponse,
  storeResponse,
} from '../../../lib/cache/http/stored-response.ts';

const NOW = Date.UTC(2026, 0, 1);
const life = { ttlMs: 60_000, ageMs: 0, staleWhileRevalidateMs: undefined, staleIfErrorMs: undefined };
const bytes = (text: string) => new TextEncoder().encode(text);
const store = (headers: Record<string, string> = {}, body: Uint8Array | null = bytes('hello'), status = 200) =>
  storeResponse(new Response(null, { status, headers }), body, life, NOW);
/** As it comes back from Redis. */
const wired = (stored: StoredResponse): StoredResponse => JSON.parse(JSON.stringify(stored));
const restore = (stored: StoredResponse, ageMs = 0, isHead = false) =>
  restoreResponse(wired(stored), ageMs, { isHead });

describe('a stored response', () => {
  it('comes back as it was, with its age and its length', async () => {
    const response = restore(store({ 'content-type': 'text/plain', etag: '"a"', 'x-own': 'ä' }, bytes('héllo')), 1_999);
    expect([response.status, ...response.headers]).toEqual([
      200,
      ['age', '1'],
      ['content-length', '6'],
      ['content-type', 'text/plain'],
      ['date', 'Thu, 01 Jan 2026 00:00:00 GMT'],
      ['etag', '"a"'],
      ['x-own', 'ä'],
    ]);
    expect(await response.text()).toBe('héllo');
  });

  it('has the age that it came with too', () => {
    const stored = storeResponse(new Response(), null, { ...life, ageMs: 20_000 }, NOW);
    expect(restore(stored, 5_000).headers.get('age')).toBe('25');
  });

  it('keeps the date that it came with', () => {
    expect(restore(store({ date: 'Sun, 06 Nov 1994 08:49:37 GMT' })).headers.get('date')).toBe(
      'Sun, 06 Nov 1994 08:49:37 GMT',
    );
  });

  it('is text where it is UTF-8, and base64 where it is not, or would be longer as text', () => {
    expect(store({}, bytes('{"a":"\t\r\n€"}')).body).toEqual({ text: '{"a":"\t\r\n€"}' });
    expect(store({}, bytes('\ufeffbom')).body).toEqual({ text: '\ufeffbom' });
    expect(store({}, Uint8Array.of(0xff, 0xfe)).body).toEqual({ base64: '//4=' });
    expect(store({}, Uint8Array.of(0, 1, 2)).body).toEqual({ base64: 'AAEC' });
    expect(store({}, null).body).toBeNull();
  });

  it('has every byte that it had', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), fc.boolean(), async (part, isLong) => {
        const body = isLong ? Uint8Array.from({ length: 20_000 }, (_, at) => part[at % part.length] ?? 0) : part;
        expect(Buffer.from(await restore(store({}, body)).arrayBuffer()).equals(body)).toBe(true);
      }),
    );
  });

  it('may have no body, which is not an empty one', async () => {
    const none = restore(store({}, null, 204));
    expect([none.status, none.body, none.headers.get('content-length')]).toEqual([204, null, null]);
    const empty = restore(store({}, bytes('')));
    expect([empty.status, await empty.text(), empty.headers.get('content-length')]).toEqual([200, '', '0']);
  });

  it('answers HEAD without its body, and with all that it says of it', () => {
    const response = restore(store({ 'content-type': 'text/plain' }), 0, true);
    expect([response.body, response.headers.get('content-length')]).toEqual([null, '5']);
    expect(response.headers.get('content-type')).toBe('text/plain');
  });

  it('has no type that the handler did not give it', () => {
    expect(restore(store()).headers.has('content-type')).toBe(false);
  });

  it('has nothing that is about one connection, or one client', () => {
    const stored = store({
      connection: 'close, X-Hop , keep-alive',
      'x-hop': '1',
      'keep-alive': 'timeout=5',
      'transfer-encoding': 'chunked',
      trailer: 'x',
      te: 'trailers',
      upgrade: 'h2c',
      'proxy-authenticate': 'Basic',
      'proxy-connection': 'close',
      'set-cookie': 'a=1',
      'content-length': '999',
      age: '5',
      'x-own': '1',
    });
    expect(stored.headers.map(([name]) => name)).toEqual(['x-own', 'date']);
  });
});

describe('what is taken for a stored response', () => {
  const good = wired(store());

  it('is what was stored as one', () => {
    const binary = [1, 2, 3].map((length) => wired(store({}, new Uint8Array(length).fill(255))));
    for (const stored of [good, wired(store({ 'x-own': 'ä\t' }, null, 301)), ...binary]) {
      expect(isStoredResponse(stored)).toBe(true);
    }
  });

  it.each([
    ['nothing', undefined],
    ['text', 'hello'],
    ['a list', []],
    ['another value', { name: 'x' }],
    ['one without a life', { ...good, life: undefined }],
    ['one of no time', { ...good, life: { ...life, ttlMs: 'x' } }],
    ['one that no response can be', { ...good, status: 101 }],
    ['one of no status', { ...good, status: '200' }],
    ['one that came with no age', { ...good, life: { ...life, ageMs: null } }],
    ['one without headers', { ...good, headers: undefined }],
    ['one of odd headers', { ...good, headers: [['a']] }],
    ['one of other headers', { ...good, headers: [['a', 1]] }],
    ['one without a body', { ...good, body: undefined }],
    ['one of another body', { ...good, body: { text: 1 } }],
    ['one of two bodies', { ...good, body: { text: null, base64: 'eA==' } }],
    ['one of a body that is no base64', { ...good, body: { base64: 'eA=a' } }],
    ['one of a body that was cut', { ...good, body: { base64: 'eA=' } }],
    ['one with a body that no response of its status has', { ...good, status: 204 }],
    ['one with a name that no header has', { ...good, headers: [['a b', 'x']] }],
    ['one with a header of two lines', { ...good, headers: [['a', 'x\r\nset-cookie: a=1']] }],
    ['one with a header that no bytes can be', { ...good, headers: [['a', '\u0100']] }],
  ])('is not %s', (_what, value) => {
    expect(isStoredResponse(value)).toBe(false);
  });
});
