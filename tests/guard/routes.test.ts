import { describe, expect, it } from 'vitest';
import { createRouteMatcher, HEALTH_PATHS, type Route } from '../../lib/guard/routes.ts';

const matches = (route: Partial<Route> & { path: string }, path: string, method = 'GET') =>
  createRouteMatcher([route])(method, new URL(path, 'https://example.test').pathname) !== undefined;

describe('a route', () => {
  it.each([
    ['/api/echo', '/api/echo', true],
    ['/api/echo', '/api/echo/', true],
    ['/api/echo', '//api///echo', false],
    ['/api/echo', '/api//echo', true],
    ['/api/echo', '/api/%65cho', true],
    ['/api/echo', '/%61pi/ech%6F', true],
    ['/api/echo', '/api/./x/../echo', true],
    ['/api/echo', '/api\\echo', true],
    ['/api/echo', '/api/echo/more', false],
    ['/api/echo', '/api', false],
    ['/api/echo', '/api/ECHO', false],
    ['/api/echo', '/api/echo%2Fmore', false],
    ['/api/echo', '/api/%zz', false],
    ['/api/*', '/api', true],
    ['/api/*', '/api/', true],
    ['/api/*', '/api/a/b/c', true],
    ['/api/*', '/api/%zz', true],
    ['/api/*', '/apix', false],
    ['/*', '/', true],
    ['/*', '/anything', true],
    ['/', '/', true],
    ['/', '/x', false],
    ['/api/keys/:id', '/api/keys/7', true],
    ['/api/keys/:id', '/api/keys', false],
    ['/api/keys/:id', '/api/keys/7/8', false],
    ['/api/*/end', '/api/x/end', true],
    ['/api/*/end', '/api/x/y/end', false],
    ['/api/caf%C3%A9', '/api/café', true],
    ['/api/café', '/api/caf%C3%A9', true],
  ])('%s and the path %s: %s', (path, asked, expected) => {
    expect(matches({ path }, asked)).toBe(expected);
  });

  it('applies to its methods in any case, and to HEAD wherever it applies to GET', () => {
    const route = { path: '/x', methods: ['get', 'PATCH'] };
    expect(['GET', 'HEAD', 'PATCH', 'patch', 'POST', 'OPTIONS'].map((method) => matches(route, '/x', method))).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
    expect(matches({ path: '/x', methods: ['POST'] }, '/x', 'HEAD')).toBe(false);
  });

  it('decides before all routes behind it', () => {
    const match = createRouteMatcher([
      { path: '/api/health', auth: 'none' },
      { path: '/api/keys/*', scopes: ['admin', 'keys:*'] },
      { path: '/api/*', limits: { ip: 'ip' } },
    ]);
    const mode = 'enforce';
    expect(match('GET', '/api/health')).toEqual({ auth: 'none', scopes: [], limits: [], mode });
    expect(match('GET', '/api/keys')).toEqual({ auth: 'api-key', scopes: ['admin', 'keys:*'], limits: [], mode });
    expect(match('GET', '/api/other')).toEqual({ auth: 'api-key', scopes: [], limits: [['ip', 'ip']], mode });
    expect(match('GET', '/other')).toBeUndefined();
  });

  it('is not about an exempt path unless it begins with it, and only reading is exempt', () => {
    const own: Route = { path: '/api/health/*', scopes: ['own'] };
    const all: Route = { path: '/api/*' };
    const match = (routes: readonly Route[], path: string, method = 'GET', exempt = HEALTH_PATHS) =>
      createRouteMatcher(routes, { exempt })(method, path)?.scopes;
    for (const path of ['/api/health', '/api/health/live', '/api//%68ealth/ready/', '/api/health/redis']) {
      expect([match([all], path), match([all], path, 'HEAD'), match([all], path, 'POST')]).toEqual([
        undefined,
        undefined,
        [],
      ]);
      // In whichever order they stand.
      for (const routes of [
        [all, own],
        [own, all],
      ])
        expect(match(routes, path)).toEqual(['own']);
      expect(match([all], path, 'GET', [])).toEqual([]);
    }
    for (const path of ['/api/health/patients', '/api/healthy', '/api', '/api/health/live/x', '/api/health%2Flive']) {
      expect(match([all], path)).toEqual([]);
    }
    const wide = ['/open/*'];
    expect(match([{ path: '/:any/*' }, { path: '/*' }], '/open/x', 'GET', wide)).toBeUndefined();
    expect(match([{ path: '/*' }, { path: '/open/secret' }], '/open/secret', 'GET', wide)).toEqual([]);
    expect(() => createRouteMatcher([], { exempt: ['health'] })).toThrow(/^exempt must be/);
  });

  it('is found in any case where the server looks so, but for what is exempt', () => {
    const routes: Route[] = [{ path: '/api/Admin/*', scopes: ['admin'] }, { path: '/api/*' }];
    const scopes = (path: string, caseSensitive?: boolean) =>
      createRouteMatcher(routes, { exempt: ['/api/health'], caseSensitive })('GET', path)?.scopes;
    for (const path of ['/API/admin/x', '/api/ADMIN/x', '/%41pi/aDmin/x']) {
      expect([scopes(path, false), scopes(path)]).toEqual([['admin'], path.startsWith('/api') ? [] : undefined]);
    }
    expect([scopes('/api/health', false), scopes('/api/Health', false)]).toEqual([undefined, []]);
    const named = createRouteMatcher([{ path: '/API/Health/*' }], { exempt: ['/api/health'], caseSensitive: false });
    expect(named('GET', '/api/health')).toBeDefined();
    expect(() => scopes('/', 'no' as unknown as boolean)).toThrow(/^caseSensitive must be/);
  });

  it.each<[string, Route]>([
    ['routes', { path: 'api' }],
    ['route /x: limits.p', { path: '/x', limits: { p: 'user' as 'ip' } }],
    ['route /x: limits.p', { path: '/x', auth: 'none', limits: { p: 'key' } }],
    ['route /x: scopes', { path: '/x', auth: 'none', scopes: ['a'] }],
    ['route /x: scopes', { path: '/x', scopes: [''] }],
    ['route /x: scopes', { path: '/x', scopes: ['a b'] }],
    ['route /x: scopes', { path: '/x', scopes: ['a"'] }],
    ['route /x: scopes', { path: '/x', scopes: ['a\n'] }],
    ['route /x: scopes', { path: '/x', scopes: ['x'.repeat(65)] }],
    ['route /x: scopes', { path: '/x', scopes: Array.from({ length: 65 }, () => 'a') }],
    ['route /x: scopes', { path: '/x', scopes: 'admin' as unknown as string[] }],
    ['route /x: scopes', { path: '/x', scopes: [7 as unknown as string] }],
  ])('is refused with the name of what is wrong: %s', (setting, route) => {
    expect(() => createRouteMatcher([route])).toThrow(expect.objectContaining({ code: 'CONFIG', setting }));
  });

  it('asks for the scopes that it was made with, whatever becomes of the list', () => {
    const scopes = ['x'.repeat(64), 'a-b.c:d_*'];
    const match = createRouteMatcher([{ path: '/x', scopes }]);
    scopes.length = 0;
    expect(match('GET', '/x')?.scopes).toEqual(['x'.repeat(64), 'a-b.c:d_*']);
    expect(createRouteMatcher([{ path: '/x', auth: 'none', scopes: [] }])('GET', '/x')?.scopes).toEqual([]);
  });

  it('takes no longer than its path for a path of slashes', () => {
    expect(matches({ path: '/api/*' }, `/${'/'.repeat(100_000)}api`)).toBe(false);
    expect(matches({ path: '/api/*' }, `/api${'/x'.repeat(50_000)}`)).toBe(true);
  });
});
