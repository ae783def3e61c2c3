import { beforeEach, describe, expect, it, vi } from 'vitest';
import { GET } from '../../api/metrics.ts';
import { getDefaults } from '../../lib/default-client.ts';
import { METRICS_HEADER } from '../../lib/guard/metrics/sealed-snapshot.ts';
import { withLock } from '../../lib/lock.ts';
import { createEdgeMiddleware } from '../../lib/next/edge-middleware.ts';
import { checkRateLimit } from '../../lib/rate-limit.ts';
import { forgetDefaults, useDefaultEnvironment } from '../support/default-environment.ts';
import { readExposition } from '../support/exposition.ts';
import { handedBy } from '../support/handed-by-next.ts';

const TOKEN = 'a token of more than 32 characters';
const URL = 'https://example.test/api/metrics';
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const scrape = (headers: Record<string, string> = {}) => GET(new Request(URL, { headers }));

const valuesOf = async (response: Response): Promise<Readonly<Record<string, number>>> =>
  Object.fromEntries(
    readExposition(await response.text()).flatMap(({ samples }) =>
      samples.map(({ name, labels, value }) => [[name, ...Object.values(labels)].join(' '), value]),
    ),
  );

beforeEach(() => {
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
});

describe('metrics behind a token', () => {
  useDefaultEnvironment({ BREAKWATER_METRICS_TOKEN: TOKEN, NODE_ENV: 'production' });

  it.each<[string, Record<string, string>]>([
    ['nothing', {}],
    ['another token', bearer(`${TOKEN}x`)],
    ['a part of it', bearer(TOKEN.slice(0, -1))],
    ['it in another scheme', { authorization: `Basic ${TOKEN}` }],
    ['it where API keys may be', { 'x-api-key': TOKEN }],
    ['two of them', { authorization: `Bearer ${TOKEN}, Bearer ${TOKEN}` }],
  ])('are refused to who shows %s', async (_what, headers) => {
    const response = await scrape(headers);
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Bearer realm="metrics"');
    expect(await response.json()).toMatchObject({ code: 'metrics-token-invalid' });
  });

  it('are text for who shows it, and nothing keeps them', async () => {
    const response = await scrape(bearer(TOKEN));
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(readExposition(await response.text()).length).toBeGreaterThan(10);
  });

  it.each([
    ['application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2', true],
    ['text/plain, application/openmetrics-text', true],
    ['text/plain;version=0.0.4', false],
    ['*/*', false],
    ['application/openmetrics-text-not', false],
  ])('are OpenMetrics where that is accepted: %s', async (accept, isOpen) => {
    const response = await scrape({ ...bearer(TOKEN), accept });
    const type = isOpen
      ? 'application/openmetrics-text; version=1.0.0; charset=utf-8'
      : 'text/plain; version=0.0.4; charset=utf-8';
    expect(response.headers.get('content-type')).toBe(type);
    expect((await response.text()).endsWith('# EOF\n')).toBe(isOpen);
  });
});

describe('metrics without a token', () => {
  useDefaultEnvironment();

  it('are off in production, as if there were none', async () => {
    vi.stubEnv('NODE_ENV', 'production');
    const response = await scrape(bearer('x'.repeat(32)));
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: 'not-found' });
  });

  it('are open elsewhere', async () => {
    expect((await scrape()).status).toBe(200);
  });
});

describe('metrics', () => {
  useDefaultEnvironment({ BREAKWATER_IDENTITY_SECRET: 'an identity secret of more than 32 characters' });

  it('tell what handlers have counted, and what Redis says of itself', async () => {
    await withLock('a', {}, () => undefined);
    await checkRateLimit('somebody', 1, 60_000);
    await checkRateLimit('somebody', 1, 60_000);
    expect(await valuesOf(await scrape())).toMatchObject({
      'breakwater_lock_acquisitions_total handler acquired': 1,
      'breakwater_limit_checks_total handler handler allowed': 1,
      'breakwater_limit_checks_total handler handler limited': 1,
      'breakwater_circuit_state handler closed': 1,
      breakwater_redis_up: 1,
      breakwater_redis_evicted_keys_total: 0,
    });
  });

  it('answer while Redis is away, and say so', async () => {
    getDefaults().kv.circuit.force('FORCED_OPEN');
    expect(await valuesOf(await scrape())).toMatchObject({
      'breakwater_circuit_state handler open': 1,
      breakwater_redis_up: 0,
    });
  });

  const middleware = createEdgeMiddleware({
    policies: [{ name: 'ip', limit: 5, windowMs: 60_000 }],
    protect: [{ path: '/api/metrics', auth: 'none', limits: { ip: 'ip' } }],
  });
  const handed = async (headers: Record<string, string> = {}) => {
    const incoming = new Request(URL, { headers });
    return handedBy(await middleware(incoming), incoming);
  };

  it('tell what the middleware has counted, which has a memory of its own', async () => {
    await handed();
    const request = await handed();
    forgetDefaults();
    const values = await valuesOf(await GET(request));
    expect(values).toMatchObject({
      'breakwater_decisions_total middleware allowed': 2,
      'breakwater_limit_checks_total middleware ip allowed': 2,
      'breakwater_decisions_total handler allowed': 0,
    });
  });

  it('count once what both share, as in a proxy', async () => {
    const values = await valuesOf(await GET(await handed()));
    expect(Object.keys(values).filter((series) => series.includes('middleware'))).toEqual([]);
    expect(values).toMatchObject({ 'breakwater_decisions_total handler allowed': 1 });
  });

  it('believe no client: what it sends is deleted by the middleware, and nothing where there is none', async () => {
    const genuine = (await handed()).headers.get(METRICS_HEADER) ?? '';
    forgetDefaults();
    const forged = genuine.replace('"allowed":1', '"allowed":9');
    expect(forged).not.toBe(genuine);
    for (const header of [forged, 'forged', genuine.slice(44)]) {
      const text = await (await scrape({ [METRICS_HEADER]: header })).text();
      expect(text).not.toContain('middleware');
      expect((await handed({ [METRICS_HEADER]: header })).headers.get(METRICS_HEADER)).toMatch(/^[\w-]{43}\.\{/);
    }
  });
});
