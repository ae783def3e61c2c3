import { describe, expect, it } from 'vitest';
import { limitHandler, withFields } from '../../lib/guard/handler-limit.ts';
import { type Basis, summarise } from '../../lib/limit/result.ts';

const FIELDS = [
  ['ratelimit-policy', '"echo";q=20;w=60'],
  ['ratelimit', '"echo";r=19;t=57'],
] as const;

const result = (allowed: boolean, basis: Basis = 'store') =>
  summarise(
    [
      {
        policy: 'echo',
        algorithm: 'gcra',
        allowed,
        limit: 20,
        windowMs: 60_000,
        remaining: allowed ? 19 : 0,
        resetAfterMs: 3_000,
        retryAfterMs: allowed ? undefined : 3_000,
      },
    ],
    basis,
    0,
  );

describe('a response that is told more', () => {
  it('keeps its status, its headers, cookies and body', async () => {
    const cookies = new Headers({ 'x-own': '1' });
    cookies.append('set-cookie', 'a=1, b');
    cookies.append('set-cookie', 'b=2');
    const told = withFields(new Response('hello', { status: 201, statusText: 'Made', headers: cookies }), FIELDS);
    expect([told.status, told.statusText, told.headers.get('x-own')]).toEqual([201, 'Made', '1']);
    expect(told.headers.getSetCookie()).toEqual(['a=1, b', 'b=2']);
    expect(told.headers.get('ratelimit')).toBe('"echo";r=19;t=57');
    expect(await told.text()).toBe('hello');
  });

  it.each([
    ['a redirect', () => Response.redirect('https://example.test/', 307), 307],
    ['one without content', () => new Response(null, { status: 204 }), 204],
    ['one that has not changed', () => new Response(null, { status: 304 }), 304],
  ])('may be %s', (_what, make, status) => {
    const told = withFields(make(), FIELDS);
    expect([told.status, told.body, told.headers.get('ratelimit')]).toEqual([status, null, '"echo";r=19;t=57']);
    if (status === 307) expect(told.headers.get('location')).toBe('https://example.test/');
  });

  it('may come from fetch, whose headers cannot be changed', async () => {
    const fetched = await fetch('data:text/plain,hello');
    expect(() => fetched.headers.set('x', 'y')).toThrow(TypeError);
    const told = withFields(fetched, FIELDS);
    expect(told.headers.get('ratelimit')).toBe('"echo";r=19;t=57');
    expect(await told.text()).toBe('hello');
  });

  it('hands a stream on as it comes', async () => {
    let write: (text: string) => void = () => undefined;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        write = (text) => controller.enqueue(new TextEncoder().encode(text));
      },
    });
    const reader = withFields(new Response(body), FIELDS).body?.getReader();
    for (const text of ['one', 'two']) {
      write(text);
      expect(new TextDecoder().decode((await reader?.read())?.value)).toBe(text);
    }
  });

  it('passes a cancellation on to the stream', async () => {
    let reason: unknown;
    const body = new ReadableStream({
      cancel(given) {
        reason = given;
      },
    });
    await withFields(new Response(body), FIELDS).body?.cancel('gone');
    expect(reason).toBe('gone');
  });

  it('continues lists, and says nothing twice', () => {
    const headers = {
      ratelimit: '"ip";r=9;t=60',
      'x-breakwater-degraded': 'keys, limit',
      'x-ratelimit-limit': '300',
    };
    const told = withFields(new Response(null, { headers }), [
      ...FIELDS,
      ['x-breakwater-degraded', 'limit'],
      ['x-ratelimit-limit', '20'],
    ]);
    expect(Object.fromEntries(told.headers)).toEqual({
      ratelimit: '"ip";r=9;t=60, "echo";r=19;t=57',
      'ratelimit-policy': '"echo";q=20;w=60',
      'x-breakwater-degraded': 'keys, limit',
      'x-ratelimit-limit': '300',
    });
  });

  it('is not the one that was given, which a handler may answer with again', () => {
    const same = new Response(null, { status: 204 });
    for (let turn = 0; turn < 3; turn += 1) {
      expect(withFields(same, FIELDS).headers.get('ratelimit')).toBe('"echo";r=19;t=57');
    }
    expect([...same.headers]).toEqual([]);
  });

  it('stays as it is where it cannot be copied', async () => {
    const failed = Response.error();
    expect(withFields(failed, FIELDS)).toBe(failed);
    const read = new Response('hello');
    await read.text();
    expect(withFields(read, FIELDS)).toBe(read);
  });
});

describe('a handler behind a limit', () => {
  const answer = () => Response.json({ ok: true });
  const ask = (allowed: boolean, basis?: Basis, handler: () => Response | Promise<Response> = answer) =>
    limitHandler(handler, async () => result(allowed, basis), { retryJitter: 0 })(new Request('https://example.test/'));

  it('runs when there is something left, and its response says how much', async () => {
    const response = await ask(true);
    expect([response.status, response.headers.get('ratelimit')]).toEqual([200, '"echo";r=19;t=57']);
    expect(response.headers.has('x-breakwater-degraded')).toBe(false);
    expect(await response.json()).toEqual({ ok: true });
  });

  it.each<[Basis, number, string, string | null]>([
    ['store', 429, 'quota-exceeded', null],
    ['local', 429, 'quota-exceeded', 'limit'],
    ['policy', 503, 'limits-unavailable', 'limit'],
  ])('does not run when the limit refuses, which is on %s a %d', async (basis, status, code, degraded) => {
    let runs = 0;
    const response = await ask(false, basis, () => {
      runs += 1;
      return answer();
    });
    expect([response.status, response.headers.get('retry-after'), runs]).toEqual([status, '3', 0]);
    expect(response.headers.get('x-breakwater-degraded')).toBe(degraded);
    expect(await response.json()).toMatchObject({ code, status });
  });

  it('says that a limit was counted without Redis', async () => {
    expect((await ask(true, 'local')).headers.get('x-breakwater-degraded')).toBe('limit');
  });

  it('throws what its handler throws, and what the limit throws', async () => {
    const defect = new Error('defect');
    const thrower = () => {
      throw defect;
    };
    await expect(ask(true, 'store', thrower)).rejects.toBe(defect);
    await expect(ask(true, 'store', () => Promise.reject(defect))).rejects.toBe(defect);
    const limited = limitHandler(answer, () => Promise.reject(defect));
    await expect(limited(new Request('https://example.test/'))).rejects.toBe(defect);
  });
});
