import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createKeyNames } from '../../lib/keys/key-names.ts';
import { redisStore } from '../../lib/store/redis.ts';
import type { Command } from '../../lib/store/store.ts';
import { eventually } from '../support/eventually.ts';
import { circuitOf } from '../support/front-door.ts';
import { type HeardRun, startHeardRun } from '../support/heard-run.ts';
import { type Ask, ask, IDENTITY_SECRET, PEPPER, TOKEN } from '../support/next-app.ts';
import { evidenceOfRedis, startMonitor } from '../support/redis-evidence.ts';
import { WRONG_TOKEN } from '../support/rest-tap.ts';
import { createSecretScanner, type Evidence, type Leak, partsOfKey, waysToWrite } from '../support/secret-scanner.ts';

const names = createKeyNames('');
const plenty = { key: { limit: 1_000_000, windowMs: 3_600_000 } };

let run: HeardRun;

beforeAll(async () => {
  run = await startHeardRun();
  for (const name of ['log', 'warn', 'error'] as const) {
    vi.spyOn(console, name).mockImplementation((...line) => run.note(`console.${name}`, inspect(line)));
  }
}, 120_000);

afterAll(async () => {
  vi.restoreAllMocks();
  await run?.stop();
});

const key = (name: string): string => run.keys.get(name) ?? expect.fail(`There is no key ${name}`);
const admin = () => ({ key: key('admin') });
const json = (body: unknown) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: typeof body === 'string' ? body : JSON.stringify(body),
});

async function redis(...commands: Command[]): Promise<void> {
  const store = redisStore({ url: run.stack.redis.url });
  await store.execute(commands).finally(() => store.close());
}

/** `own` with one letter changed. */
function mistyped(own: string): string {
  return `${own.slice(0, 20)}${own[20] === 'a' ? 'b' : 'a'}${own.slice(21)}`;
}

/** Bodies with a key where there should be none. */
const bodies = (own: string): readonly unknown[] => [
  own,
  { owner: own },
  { owner: `of ${own}.` },
  { owner: 'a', scopes: [own] },
  { owner: 'a', config: { note: [own] } },
  { owner: 'a', config: { [own]: 1 } },
  { owner: 'a', [own]: 1 },
  { owner: 'a', limits: { [own]: { limit: 1, windowMs: 1 } } },
];

/** All the places that a key can be sent in, right and wrong. */
const requests = (own: string, other: string): readonly Ask[] => [
  { key: own },
  { headers: { 'x-api-key': own } },
  { key: own, headers: { 'x-api-key': other } },
  { key: own, path: '/api/health/redis' },
  { key: own, path: '/api/health' },
  { key: mistyped(own) },
  { key: own.slice(0, 30) },
  { key: own.slice(0, 'bw_live_'.length) },
  { key: `${own}, ${other}` },
  { key: run.stack.keys.format.generate() },
  { headers: { authorization: `Basic ${Buffer.from(`${own}:`).toString('base64')}` } },
  { headers: { authorization: own, cookie: `key=${own}`, 'user-agent': own, referer: `https://app.test/?k=${own}` } },
  { key: own, ip: own, headers: { 'x-real-ip': own, 'x-request-id': own } },
  { path: `/api/whoami?api_key=${own}&x-api-key=${own}` },
  { key: own, path: `/api/${own}` },
  { key: own, path: `/${own}` },
  { key: own, path: `/?key=${own}` },
  { ...admin(), path: `/api/keys/${own}` },
  { ...admin(), path: `/api/keys/${own}`, method: 'DELETE' },
  { ...admin(), path: `/api/keys/${own}/rotate`, method: 'POST' },
  { ...admin(), path: `/api/keys?after=${own}&limit=${own}` },
  ...bodies(own).map((body) => ({ ...admin(), path: '/api/keys', ...json(body) })),
  { ...admin(), path: '/api/keys/key_0000000000000000/rotate', ...json({ graceSeconds: own }) },
];

async function use(own: string, other: string, server: 0 | 1): Promise<void> {
  for (const call of requests(own, other)) await run.send('', { ...call, server });
  await run.tell('validate', run.ours.validate(own));
  await run.tell('validate', run.ours.validate(mistyped(own)));
}

async function manageInVain(what: string, id: string): Promise<void> {
  const { ours, tell, breakwater, send } = run;
  for (const name of ['rotated', 'second']) await use(key(name), key('first'), 0);
  await send(`${what} ${run.keys.size}`, { ...admin(), path: '/api/keys', ...json({ owner: 'acme' }) });
  await tell(what, ours.create({ owner: 'acme' }));
  await tell(what, ours.rotate(key('by hand')));
  await tell(what, ours.get(id));
  await breakwater(['show', '-', '--json'], { line: key('first') });
  await breakwater(['list']);
}

/** The circuits are closed again: of the library here, of the middleware and of the handlers. */
async function heals(): Promise<void> {
  const { send, servers, ours } = run;
  await eventually(async () => (await send('', admin())) === 200 && (await circuitOf(servers[0])) === 'CLOSED');
  await eventually(async () => (await send('', { ...admin(), path: '/api/keys?limit=1' })) === 200);
  await eventually(() => ours.list({ limit: 1 }).then(Boolean, () => false));
}

function scan(evidence: readonly Evidence[]): readonly Leak[] {
  return createSecretScanner([
    ...[...run.keys].flatMap(([name, text]) => partsOfKey(name, text)),
    { name: 'pepper', text: PEPPER.secret },
    { name: 'identity secret', text: IDENTITY_SECRET },
    { name: 'token', text: TOKEN },
  ])(evidence);
}

describe('fault 40 scan of all logs, errors, events, Redis keys and values of a whole run', () => {
  it('fault 40 the run: keys are issued, used rightly and wrongly, changed and ended, with Redis there and not', async () => {
    const { stack, tap, ours, send, breakwater } = run;
    const loud: Command = ['CONFIG', 'SET', 'slowlog-log-slower-than', 0, 'slowlog-max-len', 100_000];
    await redis(loud);
    const monitors = [await startMonitor(stack.redis)];
    run.keys.set('admin', (await stack.keys.create({ owner: 'root', scopes: ['admin'], limits: plenty })).key);
    for (const name of ['first', 'second']) {
      const body = json({ owner: 'acme', limits: plenty });
      expect(await send(name, { ...admin(), path: '/api/keys', ...body, server: 1 })).toBe(201);
    }
    await use(key('first'), key('second'), 0);
    await use(key('second'), key('first'), 1);

    const [, firstId = '', secondId = ''] = (await stack.keys.list()).map(({ id }) => id);
    const rotation = { ...admin(), path: `/api/keys/${firstId}/rotate`, ...json({ graceSeconds: 60 }) };
    expect(await send('rotated', rotation)).toBe(200);
    expect(await breakwater(['rotate', secondId, '--grace', '1h'], { issues: 'by hand' })).toBe(0);
    expect(await breakwater(['create', '--owner', 'a'], { issues: 'created by hand' })).toBe(0);
    for (const name of ['rotated', 'by hand', 'created by hand', 'first']) await use(key(name), key('second'), 0);
    for (const args of [['list'], ['list', '--json'], ['show', firstId], ['show', secondId, '--json'], ['show', '-']]) {
      expect(await breakwater(args, { line: key('by hand') })).toBe(0);
    }
    for (const args of [['show', key('first')], ['list', '--after', key('first')], [key('first')]]) {
      expect(await breakwater(args)).toBe(2);
    }

    tap.answer(WRONG_TOKEN);
    await manageInVain('wrong token', secondId);
    for (const body of ['<html>', '[{"error":"ERR unknown command, with args beginning with: "}]']) {
      tap.answer({ status: 200, body });
      await manageInVain('garbage', secondId);
      tap.answer(undefined);
      await heals();
    }
    await stack.redis.kill('SIGKILL');
    await manageInVain('away', secondId);
    await stack.redis.restart();
    await redis(loud);
    monitors.push(await startMonitor(stack.redis));
    await heals();
    const entry = names.entry(await ours.digest(key('rotated')));
    await redis(['DEL', entry, names.id(secondId)], ['RPUSH', entry, 'x'], ['RPUSH', names.id(secondId), 'x']);
    await manageInVain('WRONGTYPE', secondId);
    await redis(['DEL', entry]);

    expect(await send('', { ...admin(), method: 'DELETE', path: `/api/keys/${firstId}` })).toBe(200);
    expect(await ours.revoke(key('created by hand'))).toEqual({ revoked: true, propagated: true });
    for (const name of ['rotated', 'created by hand']) expect(await send('', { key: key(name) })).toBe(401);
    await use(key('rotated'), key('first'), 1);
    for (const monitor of monitors) {
      run.note('MONITOR', monitor.text());
      monitor.close();
    }
  });

  it('fault 40 the scan: nothing of a key but what may be shown, and no other secret, is anywhere', async () => {
    const all = [...run.evidence(), ...(await evidenceOfRedis(run.stack.redis))];
    // Next writes the query of a request into the page that it renders for it. Nobody else gets that page, as below.
    const evidence = all.filter(({ place }) => !place.startsWith('answer to GET /?'));
    expect(all.length).toBeGreaterThan(evidence.length);
    const places = evidence.map(({ place }) => place.split(' ', 1)[0]);
    // What was to be heard was heard.
    const heard = ['answer', 'event', 'standard', 'MONITOR', 'output', 'request', 'value', 'SLOWLOG', 'CLIENT', 'file'];
    expect(heard.filter((place) => !places.includes(place))).toEqual([]);
    expect(run.keys.size).toBeGreaterThanOrEqual(6);
    expect(new Set(scan(evidence).map((leak) => Object.values(leak).join(', ')))).toEqual(new Set());
  });

  it('fault 40 a page with what a client wrote into its address is for that client alone', async () => {
    const answer = await ask(run.servers[0], { path: '/?key=anything' });
    expect(answer.headers.get('cache-control')).toMatch(/private.*no-store/);
    await answer.arrayBuffer();
  });

  it.each(waysToWrite('x').map(([form], index) => [form, index] as const))(
    'fault 40 the scan turns red where a key is planted %s: in a line of a log, a value of Redis, a header',
    async (_, index) => {
      const [, planted = ''] = waysToWrite(key('second'))[index] ?? [];
      await redis(['SET', 'planted', `of ${planted}.`]);
      const wire = run.evidence().length;
      // No header can hold the NULs of UTF-16.
      const where = planted.includes('\0') ? { body: planted } : { headers: { 'x-planted': planted } };
      const authorization = `Bearer ${TOKEN}`;
      await fetch(run.tap.url, { method: 'POST', ...where, headers: { ...where.headers, authorization } });
      const requests = run.evidence().slice(wire);
      const values = (await evidenceOfRedis(run.stack.redis)).filter(({ place }) => place === 'value of planted');
      const output = [{ place: 'output', content: Buffer.from(`line\n${planted}\nline`, 'latin1') }];
      for (const evidence of [output, values, requests]) {
        expect(new Set(scan(evidence).map(({ secret }) => secret.split(',', 1)[0]))).toEqual(new Set(['second']));
      }
      await redis(['DEL', 'planted']);
    },
  );
});
