import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { OUTAGES } from '../../../api/_console/snapshot.ts';
import { GET } from '../../../api/console/snapshot.ts';
import { POST } from '../../../api/demo/outage.ts';
import { type ControlPort, startControlPort } from '../../../cli/demo/control-port.ts';
import * as demoStore from '../../../cli/demo/demo-store.ts';
import { useDefaultEnvironment } from '../../support/default-environment.ts';

useDefaultEnvironment();

const TOKEN = 'token-of-this-run-of-the-demo-0123456789';
const SECRET = 'secret-of-this-run-of-the-demo-0123456789';
const KEYS = [{ label: 'roomy', key: 'bw_live_x', says: '60 requests a minute' }];

let control: ControlPort;
let outages: demoStore.Outage[];

beforeEach(async () => {
  outages = [];
  const store = {
    keys: KEYS,
    outage: () => outages.at(-1) ?? 'ok',
    set: async (next: demoStore.Outage) => void outages.push(next),
  };
  control = await startControlPort({ secret: SECRET, store });
});
afterEach(() => control.close());

function startedByDemo(): void {
  vi.stubEnv('BREAKWATER_DEMO_TOKEN', TOKEN);
  vi.stubEnv('BREAKWATER_DEMO_SECRET', SECRET);
  vi.stubEnv('BREAKWATER_DEMO_CONTROL', control.url);
}

const OWN = { host: 'localhost:3000', 'x-breakwater-demo': TOKEN };

const order = (headers: Readonly<Record<string, string>>, body: unknown = { outage: 'refuse' }) =>
  POST(
    new Request('http://localhost:3000/api/demo/outage', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    }),
  );
const look = (headers: Readonly<Record<string, string>>) =>
  GET(new Request('http://localhost:3000/api/console/snapshot', { headers }));

describe('the controls of the demo', () => {
  it('are nowhere in an application that the demo has not started, in one with a console neither', async () => {
    for (const console of ['off', 'on']) {
      vi.stubEnv('BREAKWATER_CONSOLE', console);
      const response = await order(OWN);
      expect([response.status, await response.json()]).toMatchObject([404, { code: 'not-found' }]);
    }
    expect(outages).toEqual([]);
  });

  it('take the store away and give it back', async () => {
    startedByDemo();
    for (const outage of ['refuse', 'black-hole', 'slow', 'kill', 'ok']) {
      const response = await order(OWN, { outage });
      expect([response.status, await response.json()]).toEqual([200, { outage }]);
    }
    expect(outages).toEqual(['refuse', 'black-hole', 'slow', 'kill', 'ok']);
  });

  it.each([
    ['without the token', { 'x-breakwater-demo': '' }, 'demo-token'],
    ['with another token', { 'x-breakwater-demo': `${TOKEN}x` }, 'demo-token'],
    ['by a name that somebody has made lead here', { host: 'rebound.example:3000' }, 'demo-host'],
    ['by no name', { host: '' }, 'demo-host'],
    ['from a page of somebody else', { origin: 'http://evil.example' }, 'demo-origin'],
    ['from a page on another port of this machine', { origin: 'http://localhost:3001' }, 'demo-origin'],
    ['from a page without an origin', { origin: 'null' }, 'demo-origin'],
    ['from another site, as the browser says', { 'sec-fetch-site': 'cross-site' }, 'demo-origin'],
    ['from another port, as the browser says', { 'sec-fetch-site': 'same-site' }, 'demo-origin'],
  ])('refuse an order %s', async (_, headers, code) => {
    startedByDemo();
    for (const response of [await order({ ...OWN, ...headers }), await look({ ...OWN, ...headers })]) {
      expect([response.status, await response.json()]).toMatchObject([403, { code }]);
    }
    expect(outages).toEqual([]);
  });

  it('take orders of the page itself, under each name of this machine', async () => {
    startedByDemo();
    for (const host of ['localhost:3000', '127.0.0.1:3000', '[::1]:3000']) {
      const response = await order({ ...OWN, host, origin: `http://${host}`, 'sec-fetch-site': 'same-origin' });
      expect(response.status).toBe(200);
    }
  });

  it('refuse an outage that there is not', async () => {
    startedByDemo();
    for (const outage of ['REFUSE', '', 1, null, ['refuse'], '__proto__', undefined]) {
      const response = await order(OWN, { outage });
      expect([response.status, await response.json()]).toMatchObject([400, { field: 'outage' }]);
    }
    expect(outages).toEqual([]);
  });

  it('say so when the process of the demo is gone', async () => {
    startedByDemo();
    await control.close();
    expect((await order(OWN)).status).toBe(503);
    expect(await (await look(OWN)).json()).toMatchObject({ demo: null });
    control = await startControlPort({ secret: SECRET, store: { keys: [], outage: () => 'ok', set: async () => {} } });
  });

  it('want the same secret on both ends', async () => {
    startedByDemo();
    vi.stubEnv('BREAKWATER_DEMO_SECRET', `${SECRET}x`);
    expect((await order(OWN)).status).toBe(503);
    expect(outages).toEqual([]);
  });

  it('know the outages that the demo knows', () => {
    expect(demoStore.OUTAGES).toEqual(OUTAGES);
  });
});

describe('the console of the demo', () => {
  it('shows how the store stands and the keys of the run, to who has the token', async () => {
    startedByDemo();
    await order(OWN, { outage: 'slow' });
    expect(await (await look(OWN)).json()).toMatchObject({ demo: { outage: 'slow', keys: KEYS } });
  });

  it('is for the token alone, also where a console is switched on', async () => {
    startedByDemo();
    vi.stubEnv('BREAKWATER_CONSOLE', 'on');
    expect((await look({ host: 'localhost', authorization: 'Bearer bw_live_x' })).status).toBe(403);
  });
});

describe('the control port of the demo', () => {
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(new URL(path, control.url), { headers: { authorization: `Bearer ${SECRET}` }, ...init });

  it('answers nobody without its secret', async () => {
    for (const authorization of ['', 'Bearer ', `Bearer ${SECRET}x`, SECRET, `Bearer ${TOKEN}`]) {
      expect((await ask('/state', { headers: { authorization } })).status).toBe(401);
      expect((await ask('/outage', { method: 'POST', headers: { authorization }, body: '{}' })).status).toBe(401);
    }
  });

  it('takes no other paths, methods and bodies', async () => {
    expect((await ask('/')).status).toBe(404);
    expect((await ask('/outage')).status).toBe(404);
    for (const body of ['', '{', 'null', '{"outage":"x"}', `{"outage":"ok","x":"${'x'.repeat(2_000)}"}`]) {
      expect((await ask('/outage', { method: 'POST', body })).status).toBe(400);
    }
    expect(outages).toEqual([]);
  });
});
