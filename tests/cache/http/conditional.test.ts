import { describe, expect, it } from 'vitest';
import { conditional, withoutConditions } from '../../../lib/cache/http/conditional.ts';

const MODIFIED = 'Thu, 01 Jan 2026 00:00:00 GMT';
const LATER = 'Thu, 01 Jan 2026 00:00:01 GMT';
const EARLIER = 'Wed, 31 Dec 2025 23:59:59 GMT';
const request = (headers: Record<string, string>) => new Request('https://example.test/a', { headers });
const answer = (headers: Record<string, string>, own: Record<string, string>, status = 200) =>
  conditional(request(headers), new Response('body', { status, headers: own }));
const status = (...args: Parameters<typeof answer>) => answer(...args).status;

describe('a conditional request', () => {
  it.each([
    ['"a"', '"a"'],
    ['W/"a"', '"a"'],
    ['"a"', 'W/"a"'],
    ['W/"a"', 'W/"a"'],
    ['"x", "a"', '"a"'],
    ['"x,\'y" ,W/"a"', '"a"'],
    ['*', '"a"'],
    [' * ', '"a"'],
  ])('is answered by 304 where the client has it: %s', (tags, etag) => {
    expect(status({ 'if-none-match': tags }, { etag })).toBe(304);
  });

  it.each([
    ['"b"', '"a"'],
    ['"A"', '"a"'],
    ['a', '"a"'],
    ['"x"a"', '"a"'],
    ['w/"b"', '"a"'],
    ['', '"a"'],
    ['"a"', 'a'],
    ['"a"', '"a" "b"'],
  ])('is answered in full where it does not: %s', (tags, etag) => {
    expect(status({ 'if-none-match': tags }, { etag })).toBe(200);
    expect(status({ 'if-none-match': tags }, {})).toBe(200);
  });

  it('is decided by the date where no tag is sent, and by the tag alone where one is', () => {
    const own = { 'last-modified': MODIFIED, etag: '"a"' };
    expect(status({ 'if-modified-since': MODIFIED }, own)).toBe(304);
    expect(status({ 'if-modified-since': LATER }, own)).toBe(304);
    expect(status({ 'if-modified-since': EARLIER }, own)).toBe(200);
    expect(status({ 'if-modified-since': LATER, 'if-none-match': '"b"' }, own)).toBe(200);
    expect(status({ 'if-modified-since': EARLIER, 'if-none-match': '"a"' }, own)).toBe(304);
  });

  it('is none with a date that cannot be read, or without one to compare', () => {
    expect(status({ 'if-modified-since': 'tomorrow' }, { 'last-modified': MODIFIED })).toBe(200);
    expect(status({ 'if-modified-since': LATER }, { 'last-modified': 'yesterday' })).toBe(200);
    expect(status({ 'if-modified-since': LATER }, {})).toBe(200);
  });

  it.each([301, 404, 500])('is answered in full where the answer is %d', (code) => {
    expect(status({ 'if-none-match': '*' }, { etag: '"a"' }, code)).toBe(code);
  });

  it('takes its time from the length of what was sent only', () => {
    expect(status({ 'if-none-match': `${'W/'.repeat(300_000)}"` }, { etag: '"a"' })).toBe(200);
    expect(status({ 'if-none-match': `${'"b",'.repeat(200_000)}"a"` }, { etag: '"a"' })).toBe(304);
  });

  it('is told all that is not about the body', () => {
    const own = {
      'cache-control': 'max-age=60',
      'content-location': '/a.html',
      'content-security-policy': "default-src 'self'",
      'access-control-allow-origin': '*',
      date: MODIFIED,
      etag: '"a"',
      expires: LATER,
      vary: 'accept',
      age: '5',
    };
    const about = {
      'content-type': 'text/plain',
      'content-language': 'en',
      'content-encoding': 'identity',
      'content-length': '4',
      'content-disposition': 'inline',
      'last-modified': MODIFIED,
    };
    const response = answer({ 'if-none-match': '"a"' }, { ...own, ...about });
    expect([response.status, response.body]).toEqual([304, null]);
    expect(Object.fromEntries(response.headers)).toEqual(own);
  });

  it('is told when it was modified where there is no tag', () => {
    const response = answer({ 'if-modified-since': LATER }, { 'last-modified': MODIFIED });
    expect(response.headers.get('last-modified')).toBe(MODIFIED);
  });

  it('lets go of the body that it does not send', () => {
    let isCancelled = false;
    const body = new ReadableStream({
      cancel() {
        isCancelled = true;
      },
    });
    conditional(request({ 'if-none-match': '*' }), new Response(body));
    expect(isCancelled).toBe(true);
  });
});

describe('a request without its conditions', () => {
  it('is the same one where there are none', () => {
    const plain = request({ accept: 'text/plain' });
    expect(withoutConditions(plain)).toBe(plain);
  });

  it('is like it in everything else', () => {
    const controller = new AbortController();
    const made = withoutConditions(
      new Request('https://example.test/a?b=1', {
        method: 'HEAD',
        headers: { 'if-none-match': '"a"', 'if-modified-since': LATER, accept: 'text/plain', host: 'example.test' },
        signal: controller.signal,
      }),
    );
    expect([made.url, made.method]).toEqual(['https://example.test/a?b=1', 'HEAD']);
    expect(Object.fromEntries(made.headers)).toEqual({ accept: 'text/plain', host: 'example.test' });
    controller.abort();
    expect(made.signal.aborted).toBe(true);
  });

  it('is of the same class, with all that this has', () => {
    class Known extends Request {
      readonly path = new URL(this.url).pathname;
    }
    const made = withoutConditions(new Known('https://example.test/a', { headers: { 'if-none-match': '*' } }));
    expect(made).toBeInstanceOf(Known);
    expect(made.path).toBe('/a');
  });

  it('is itself where its class is made in another way', () => {
    class Odd extends Request {
      constructor(parts: { readonly url: string }) {
        super(parts.url, { headers: { 'if-none-match': '*' } });
      }
    }
    const odd = new Odd({ url: 'https://example.test/a' });
    expect(withoutConditions(odd)).toBe(odd);

    class Fixed extends Request {
      constructor(input: Request | string, init?: RequestInit) {
        super(typeof input === 'string' ? 'https://example.test/fixed' : input, init);
      }
    }
    const fixed = new Fixed(request({ 'if-none-match': '*' }));
    expect(withoutConditions(fixed)).toBe(fixed);
  });
});
