import { describe, expect, it } from 'vitest';
import { judgeResponse, type ResponseRules, readHttpDate } from '../../../lib/cache/http/response-rules.ts';

const NOW = Date.UTC(2026, 0, 1);
const judge = (headers: Record<string, string>, rules: ResponseRules = {}, status = 200) =>
  judgeResponse(new Response(null, { status, headers }), rules, NOW);
const fresh = (headers: Record<string, string> = {}) => ({ 'cache-control': 'max-age=60', ...headers });
/** Why it is not stored; its life where it is. */
const outcome = (...args: Parameters<typeof judge>) => {
  const verdict = judge(...args);
  return verdict.isStorable ? verdict.life : verdict.obstacle;
};
const ttl = (...args: Parameters<typeof judge>) => {
  const verdict = judge(...args);
  return verdict.isStorable ? verdict.life.ttlMs : verdict.obstacle;
};

describe('a response that is stored', () => {
  it.each([200, 203, 204, 301, 308])('may have status %d', (status) => {
    expect(ttl(fresh(), {}, status)).toBe(60_000);
  });

  it.each([201, 202, 205, 300, 302, 303, 304, 307, 400, 401, 403, 429, 500, 501, 503])(
    'does not have status %d, whatever it says',
    (status) => {
      expect(outcome(fresh(), { ttlMs: 60_000, negativeTtlMs: 60_000 }, status)).toBe('status');
    },
  );

  it('is no part of another', () => {
    expect(outcome(fresh(), {}, 206)).toBe('status');
    expect(outcome(fresh({ 'content-range': 'bytes 0-1/2' }))).toBe('partial');
  });

  it.each([404, 405, 410, 414])('has status %d only where that is allowed, and not for longer', (status) => {
    expect(outcome(fresh(), {}, status)).toBe('status');
    expect(ttl(fresh(), { negativeTtlMs: 5_000 }, status)).toBe(5_000);
    expect(ttl({ 'cache-control': 'max-age=1' }, { negativeTtlMs: 5_000 }, status)).toBe(1_000);
    expect(ttl({}, { ttlMs: 60_000, negativeTtlMs: 5_000 }, status)).toBe(5_000);
  });

  it('sets no cookie', () => {
    expect(outcome(fresh({ 'set-cookie': 'a=1' }))).toBe('set-cookie');
    expect(outcome(fresh({ 'set-cookie': '' }))).toBe('set-cookie');
  });

  it.each([
    'no-store',
    'no-cache',
    'private',
    'NO-STORE',
    'no-cache="set-cookie"',
    'private="x-name"',
    'must-understand, no-store',
    'public, private',
  ])('is not forbidden to be: %s', (directive) => {
    expect(outcome({ 'cache-control': `max-age=60, ${directive}` })).toBe('cache-control');
    expect(outcome({ 'cache-control': `${directive}, s-maxage=60` }, { ttlMs: 60_000 })).toBe('cache-control');
  });

  it('is not one whose Cache-Control cannot be read', () => {
    for (const field of ['max-age=60, private="', 'max-age=60 no-store', `max-age=60${', a'.repeat(500_000)}`]) {
      expect(outcome({ 'cache-control': field })).toBe('cache-control');
    }
  });

  it('is not one that says so as in HTTP/1.0, and in no newer way', () => {
    expect(outcome({ pragma: 'no-cache' }, { ttlMs: 1_000 })).toBe('cache-control');
    expect(ttl(fresh({ pragma: 'no-cache' }))).toBe(60_000);
  });

  it('varies by what is declared only', () => {
    expect(outcome(fresh({ vary: 'accept-language' }))).toBe('vary');
    expect(outcome(fresh({ vary: '*' }), { varyOn: ['accept-language'] })).toBe('vary');
    expect(outcome(fresh({ vary: 'Accept-Language, Origin' }), { varyOn: ['accept-language'] })).toBe('vary');
    expect(outcome(fresh({ vary: 'accept-language, *' }), { varyOn: ['accept-language'] })).toBe('vary');
    expect(outcome(fresh({ vary: '*' }), { varyOn: ['*'] })).toBe('vary');
    expect(ttl(fresh({ vary: 'Accept-Language , ' }), { varyOn: ['ACCEPT-language'] })).toBe(60_000);
  });

  it('is compressed only where that is declared', () => {
    expect(outcome(fresh({ 'content-encoding': 'gzip' }))).toBe('encoding');
    expect(ttl(fresh({ 'content-encoding': 'Identity' }))).toBe(60_000);
    expect(ttl(fresh({ 'content-encoding': 'gzip' }), { varyOn: ['accept-encoding'] })).toBe(60_000);
  });

  it('is no stream of events', () => {
    expect(outcome(fresh({ 'content-type': 'Text/Event-Stream; charset=utf-8' }))).toBe('event-stream');
    expect(ttl(fresh({ 'content-type': 'text/event-streams' }))).toBe(60_000);
  });

  it('does not announce more than may be kept', () => {
    expect(ttl(fresh({ 'content-length': '10' }), { maxBodyBytes: 10 })).toBe(60_000);
    expect(outcome(fresh({ 'content-length': '11' }), { maxBodyBytes: 10 })).toBe('body');
  });

  it('has a body that nobody has begun to read', async () => {
    const response = new Response('text', { headers: fresh() });
    const reader = response.body?.getReader();
    expect(judgeResponse(response, {}, NOW)).toEqual({ isStorable: false, obstacle: 'body' });
    reader?.releaseLock();
    expect(judgeResponse(response, {}, NOW).isStorable).toBe(true);
    await response.text();
    expect(judgeResponse(response, {}, NOW)).toEqual({ isStorable: false, obstacle: 'body' });
  });
});

describe('the life of a response', () => {
  const date = (seconds: number) => new Date(NOW + seconds * 1_000).toUTCString();

  it('is what it says to shared caches, else to all, else until when, else what the options say', () => {
    const expires = { expires: date(30), date: date(0) };
    expect(ttl({ 'cache-control': 'max-age=20, s-maxage=10', ...expires }, { ttlMs: 40_000 })).toBe(10_000);
    expect(ttl({ 'cache-control': 'max-age=20', ...expires }, { ttlMs: 40_000 })).toBe(20_000);
    expect(ttl({ 'cache-control': 'public', ...expires }, { ttlMs: 40_000 })).toBe(30_000);
    expect(ttl({ 'cache-control': 'public' }, { ttlMs: 40_000 })).toBe(40_000);
  });

  it('is none where nothing says that there is one', () => {
    expect(outcome({})).toBe('lifetime');
    expect(outcome({ 'last-modified': date(-1_000_000) })).toBe('lifetime');
  });

  it.each([
    'max-age=0',
    's-maxage=0, max-age=60',
    'max-age=-1',
    'max-age=x',
    'max-age',
    'max-age=60, max-age=0',
    'max-age=60, max-age=x',
  ])('is none of %s, even where the options would give it one', (field) => {
    expect(outcome({ 'cache-control': field }, { ttlMs: 60_000 })).toBe('lifetime');
  });

  it('counts from Date until Expires, from now without Date', () => {
    expect(ttl({ expires: date(90), date: date(60) })).toBe(30_000);
    expect(ttl({ expires: date(90) })).toBe(90_000);
    expect(ttl({ expires: date(90), date: 'yesterday' })).toBe(90_000);
  });

  it('is shorter by what has passed since Date, in whole seconds, or by Age where that is more', () => {
    const control = { 'cache-control': 'max-age=60' };
    expect(ttl({ ...control, date: date(-59) })).toBe(1_000);
    expect(outcome({ ...control, date: date(-60) })).toBe('lifetime');
    expect(outcome({ expires: date(-30), date: date(-90) })).toBe('lifetime');
    expect(ttl({ ...control, date: date(-20), age: '30' })).toBe(30_000);
    expect(ttl({ ...control, date: date(-30), age: '20' })).toBe(30_000);
    expect(ttl({ ...control, date: date(5) })).toBe(60_000);
    const verdict = judgeResponse(new Response('x', { headers: { ...control, date: date(0) } }), {}, NOW + 1_999);
    expect(verdict).toMatchObject({ life: { ttlMs: 59_000, ageMs: 1_000 } });
  });

  it.each(['0', '-1', '', 'tomorrow', '2099', '2099-01-01T00:00:00Z', 'Thu, 01 Jan 2099 00:00:00 +0000'])(
    'is none where Expires is %j',
    (expires) => {
      expect(outcome({ expires }, { ttlMs: 60_000 })).toBe('lifetime');
    },
  );

  it('is none where Expires has passed', () => {
    expect(outcome({ expires: date(0) })).toBe('lifetime');
    expect(outcome({ expires: date(-60) })).toBe('lifetime');
  });

  it('is shorter by the age that it has', () => {
    expect(outcome(fresh({ age: '20' }))).toMatchObject({ ttlMs: 40_000, ageMs: 20_000 });
    expect(outcome(fresh({ age: '60' }))).toBe('lifetime');
    for (const age of ['-5', 'x', '', '1.5', '99999999999']) expect(ttl(fresh({ age }))).toBe(60_000);
    expect(ttl(fresh({ age: '10, 20' }))).toBe(50_000);
  });

  it('has an end, whatever it says', () => {
    expect(ttl({ 'cache-control': `max-age=${'9'.repeat(100)}` })).toBe(86_400_000);
    expect(ttl({ 'cache-control': 'max-age=61' }, { maxTtlMs: 60_000 })).toBe(60_000);
    expect(ttl({}, { ttlMs: 61_000, maxTtlMs: 60_000 })).toBe(60_000);
  });
});

describe('staleness', () => {
  const staleness = (field: string) => {
    const life = outcome({ 'cache-control': field });
    return typeof life === 'string' ? life : [life.staleWhileRevalidateMs, life.staleIfErrorMs];
  };

  it('is left to the cache where the response says nothing of it', () => {
    expect(staleness('max-age=60')).toEqual([undefined, undefined]);
  });

  it('is what the response allows', () => {
    expect(staleness('max-age=60, stale-while-revalidate=5, stale-if-error=50')).toEqual([5_000, 50_000]);
    expect(staleness('max-age=60, stale-if-error=50')).toEqual([undefined, 50_000]);
    expect(staleness('max-age=60, stale-while-revalidate=x')).toEqual([0, undefined]);
  });

  it('is forbidden by must-revalidate and proxy-revalidate, whatever else is said', () => {
    expect(staleness('max-age=60, must-revalidate')).toEqual([0, 0]);
    expect(staleness('max-age=60, proxy-revalidate, stale-while-revalidate=5, stale-if-error=5')).toEqual([0, 0]);
  });

  it('is forbidden by s-maxage, but for what is allowed by name', () => {
    expect(staleness('s-maxage=60')).toEqual([0, 0]);
    expect(staleness('s-maxage=60, stale-while-revalidate=5')).toEqual([5_000, 0]);
    expect(staleness('s-maxage=60, stale-if-error=5')).toEqual([0, 5_000]);
  });
});

describe('a date of HTTP', () => {
  it('has one form', () => {
    expect(readHttpDate('Sun, 06 Nov 1994 08:49:37 GMT')).toBe(784_111_777_000);
    for (const text of ['Sunday, 06-Nov-94 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994', '784111777000', '', null]) {
      expect(readHttpDate(text)).toBeUndefined();
    }
    expect(readHttpDate('Xyz, 99 Foo 1994 99:99:99 GMT')).toBeUndefined();
  });
});
