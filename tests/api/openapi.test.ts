import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, it, vi } from 'vitest';
import { document } from '../../api/_openapi/document.ts';
import { GET } from '../../api/openapi.ts';
import { routes } from '../../app/api/[...path]/routes.ts';
import { configureAnalytics } from '../../lib/analytics.ts';
import { useDefaultEnvironment } from '../support/default-environment.ts';
import { objectionsTo, operationOf, operations, type Sent, send } from '../support/described-api.ts';
import { manageKeys } from '../support/managed-keys.ts';

const CRON_SECRET = 'a secret of the cron job';
const METRICS_TOKEN = 'a token of more than 32 characters';

useDefaultEnvironment({
  BREAKWATER_IDENTITY_SECRET: 'an identity secret of more than 32 characters',
  CRON_SECRET,
  BREAKWATER_METRICS_TOKEN: METRICS_TOKEN,
  CLIENT_IP_SOURCE: 'vercel',
});

/** Routes of the console, whose only client is its page. */
const OWN = /^(?:console|demo)\//;

it('is a valid OpenAPI 3.1 description', async () => {
  expect(await new Validator().validate(structuredClone({ ...document }))).toMatchObject({ valid: true });
});

it('is served as it is', async () => {
  const response = GET();
  expect(response.headers.get('content-type')).toBe('application/json');
  expect(await response.json()).toEqual(JSON.parse(JSON.stringify(document)));
});

it('describes every operation that is served, and no other', () => {
  const served = [...routes].flatMap(([path, methods]) =>
    OWN.test(path) ? [] : Object.keys(methods).map((method) => `${method} /api/${path.replace(':', '{id}')}`),
  );
  expect([...operations].sort()).toEqual(served.sort());
});

async function rig() {
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  const managed = await manageKeys();
  configureAnalytics({ query: async () => [] });
  const issue = async (...scopes: string[]) => (await managed.keys.create({ owner: 'acme', scopes })).key;
  const admin = await issue('admin');
  const { record } = await managed.keys.create({ owner: 'globex' });
  return { ...managed, admin, id: record.id, reader: await issue('read') };
}

type Rig = Awaited<ReturnType<typeof rig>>;
type Case = [what: string, status: number, method: string, path: (rig: Rig) => string, sent: (rig: Rig) => Sent];

const asNobody = (): Sent => ({});
const asAdmin = ({ admin }: Rig): Sent => ({ key: admin });
const asReader = ({ reader }: Rig): Sent => ({ key: reader });
/** With Redis gone since the keys were made, which nobody has used. */
const away =
  (sent: (one: Rig) => Sent) =>
  (one: Rig): Sent => {
    one.store.takeAway();
    return sent(one);
  };

const whoami = () => '/api/whoami';
const echo = () => '/api/echo';
const keys = () => '/api/keys';
const track = () => '/api/analytics/track';
const metrics = () => '/api/metrics';
const asScraper = (): Sent => ({ headers: { authorization: `Bearer ${METRICS_TOKEN}` } });
const cron = () => '/api/cron/sync-usage';
const ofKey =
  (rest = '') =>
  ({ id }: Rig) =>
    `/api/keys/${id}${rest}`;
const unknown = () => '/api/keys/key_zzzzzzzzzzzzzzzz';
const withBody =
  (who: (one: Rig) => Sent, body: unknown, headers = {}) =>
  (one: Rig): Sent => ({ ...who(one), body, headers });
const EVENT = { event: 'page_view', dimensions: { path: '/' } };

const CASES: readonly Case[] = [
  ['health', 200, 'GET', () => '/api/health', asNobody],
  ['health of a Redis', 200, 'GET', () => '/api/health/redis', asNobody],
  ['health of a Redis that is away', 503, 'GET', () => '/api/health/redis', away(asNobody)],
  ['who it is', 200, 'GET', whoami, asReader],
  ['nobody', 401, 'GET', whoami, asNobody],
  ['what is no key', 401, 'GET', whoami, () => ({ key: 'nonsense' })],
  ['a key that nobody can verify', 503, 'GET', whoami, away(asReader)],
  ['an echo', 200, 'POST', echo, withBody(asReader, 'hello')],
  ['too much to echo', 413, 'POST', echo, withBody(asReader, 'x'.repeat(65_537))],
  ['a new key', 201, 'POST', keys, withBody(asAdmin, { owner: 'initech', scopes: ['read'], expiresInSeconds: 60 })],
  ['a new key of nobody', 400, 'POST', keys, withBody(asAdmin, {})],
  ['a new key in a text', 415, 'POST', keys, withBody(asAdmin, 'owner=initech')],
  ['a new key too large', 413, 'POST', keys, withBody(asAdmin, { owner: 'initech', config: 'x'.repeat(65_536) })],
  ['a key without the scope', 403, 'GET', keys, asReader],
  ['all keys', 200, 'GET', () => '/api/keys?limit=1', asAdmin],
  ['too many keys', 400, 'GET', () => '/api/keys?limit=1001', asAdmin],
  ['a key', 200, 'GET', ofKey(), asAdmin],
  ['a key that there is not', 404, 'GET', unknown, asAdmin],
  ['the end of a key', 200, 'DELETE', ofKey(), asAdmin],
  ['the end of a key that there is not', 404, 'DELETE', unknown, asAdmin],
  ['another key', 200, 'POST', ofKey('/rotate'), withBody(asAdmin, { graceSeconds: 60 })],
  ['another key with a grace of years', 400, 'POST', ofKey('/rotate'), withBody(asAdmin, { graceSeconds: 1e9 })],
  ['uses', 200, 'GET', ofKey('/usage?days=2'), asAdmin],
  ['uses of no days', 400, 'GET', ofKey('/usage?days=0'), asAdmin],
  ['an event', 200, 'POST', track, withBody(asReader, EVENT)],
  ['an event without a name', 400, 'POST', track, withBody(asReader, { dimensions: {} })],
  ['a drain', 200, 'GET', cron, () => ({ headers: { authorization: `Bearer ${CRON_SECRET}` } })],
  ['a drain for a stranger', 401, 'GET', cron, asNobody],
  [
    'a drain while Redis is away',
    503,
    'GET',
    cron,
    away(() => ({ headers: { authorization: `Bearer ${CRON_SECRET}` } })),
  ],
  ['metrics', 200, 'GET', metrics, asScraper],
  ['metrics while Redis is away', 200, 'GET', metrics, away(asScraper)],
  ['metrics for a stranger', 401, 'GET', metrics, asNobody],
  ['this description', 200, 'GET', () => '/api/openapi', asNobody],
];

const used = new Set<string>();

describe('an answer is as described:', () => {
  it.each(CASES)('%s: %i', async (_what, status, method, path, sent) => {
    const one = await rig();
    const target = path(one);
    const response = await send(method, target, sent(one));
    const operation = operationOf(method, target) ?? '';
    expect(await objectionsTo(operation, response)).toEqual([]);
    expect(response.status).toBe(status);
    used.add(`${operation} ${status}`);
  });

  it('a 429', async () => {
    const one = await rig();
    const ask = () => send('POST', '/api/echo', { key: one.reader, body: 'x' });
    const answers = await Promise.all(Array.from({ length: 21 }, ask));
    const refused = answers.find(({ status }) => status === 429);
    expect(refused && (await objectionsTo('POST /api/echo', refused))).toEqual([]);
  });

  it('of every operation at least once', () => {
    const missing = operations.filter((operation) => ![...used].some((one) => one.startsWith(`${operation} 2`)));
    expect(missing).toEqual([]);
  });
});
