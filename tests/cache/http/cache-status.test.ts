import { type BareItem, isInnerList, parseList, Token } from 'structured-headers';
import { describe, expect, it } from 'vitest';
import { type CacheStatus, type StatusRules, withCacheStatus } from '../../../lib/cache/http/cache-status.ts';

const told = (status: CacheStatus, rules: StatusRules = {}, headers: Record<string, string> = {}) =>
  withCacheStatus(new Response('body', { headers }), status, rules).headers;

/** What an independent parser of RFC 9651 makes of the field. */
function members(field: string | null): readonly (readonly [string, Readonly<Record<string, BareItem>>])[] {
  return parseList(field ?? '').map((member) => {
    if (isInnerList(member)) throw new Error('an inner list');
    const parameters = [...member[1]].map(([name, value]) => [name, value instanceof Token ? String(value) : value]);
    return [String(member[0]), Object.fromEntries(parameters)];
  });
}

const hit = (ttlMs: number, isStale = false) => ({ hit: true, isStale, ttlMs }) as const;

describe('Cache-Status', () => {
  it.each([
    [hit(30_999), { hit: true, ttl: 30 }, 'HIT'],
    [hit(-1, true), { hit: true, ttl: -1 }, 'STALE'],
    [hit(-5_000, true), { hit: true, ttl: -5 }, 'STALE'],
    [{ hit: false, forward: 'miss' }, { fwd: 'miss' }, 'MISS'],
    [{ hit: false, forward: 'miss', isCollapsed: true }, { fwd: 'miss', collapsed: true }, 'MISS'],
    [{ hit: false, forward: 'stale' }, { fwd: 'stale' }, 'MISS'],
    [{ hit: false, forward: 'request' }, { fwd: 'request' }, 'MISS'],
    [{ hit: false, forward: 'bypass' }, { fwd: 'bypass' }, 'BYPASS'],
    [
      { hit: false, forward: 'miss', obstacle: 'set-cookie' },
      { fwd: 'miss', stored: false, detail: 'set-cookie' },
      'MISS',
    ],
    [{ hit: false, forward: undefined }, { detail: 'only-if-cached' }, 'MISS'],
  ] satisfies [CacheStatus, object, string][])('says %j in the words of RFC 9211', (status, parameters, word) => {
    const headers = told(status, { statusHeaders: ['cache-status', 'x-cache'] });
    expect(JSON.stringify(members(headers.get('cache-status')))).toBe(JSON.stringify([['breakwater', parameters]]));
    expect(headers.get('x-cache')).toBe(word);
  });

  it('is all that is told unless another header is wanted, or none', () => {
    expect([...told(hit(0)).keys()]).toEqual(['cache-status', 'content-type']);
    expect([...told(hit(0), { statusHeaders: ['x-cache'] }).keys()]).toEqual(['content-type', 'x-cache']);
    expect([...told(hit(0), { statusHeaders: [] }).keys()]).toEqual(['content-type']);
  });

  it('stands behind what other caches have said; X-Cache is of one cache', () => {
    const rules = { statusHeaders: ['cache-status', 'x-cache'], cacheName: 'own' } as const;
    const headers = told(hit(1_000), rules, { 'cache-status': '"Far, away"; fwd=miss', 'x-cache': 'MISS' });
    expect(members(headers.get('cache-status')).map(([name]) => name)).toEqual(['Far, away', 'own']);
    expect(headers.get('x-cache')).toBe('HIT');
  });

  it('leaves what cannot be copied as it is', async () => {
    const read = new Response('body');
    await read.text();
    for (const response of [Response.error(), read]) expect(withCacheStatus(response, hit(0), {})).toBe(response);
  });
});
