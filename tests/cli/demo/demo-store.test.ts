import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DemoStore, type Outage, startDemoStore } from '../../../cli/demo/demo-store.ts';
import { createKv, type KvClient } from '../../../lib/client/kv-client.ts';
import { isKvError } from '../../../lib/errors.ts';
import { createApiKeys } from '../../../lib/keys/api-keys.ts';
import { upstashStore } from '../../../lib/store/upstash.ts';

const TOKEN = 'token-of-the-store';
const PEPPER = { kid: 'demo', secret: 'pepper-of-the-demo-store' };

let demo: DemoStore;
beforeEach(async () => {
  demo = await startDemoStore({ token: TOKEN, pepper: PEPPER });
});
afterEach(() => demo.close());

const client = (requestTimeoutMs = 300) =>
  createKv({
    store: upstashStore({ url: demo.url, token: TOKEN }),
    requestTimeoutMs,
    breaker: { failureThreshold: 1_000 },
  });

/** What becomes of a request: `PONG`, or how it failed. */
const ping = (kv: KvClient) => kv.command(['PING']).catch((error: unknown) => (isKvError(error) ? error.code : error));

const keyOf = (label: string) => demo.keys.find((one) => one.label === label)?.key ?? '';

describe('the store of the demo', () => {
  it('has keys of this run: two that work, and one that is revoked', async () => {
    const keys = createApiKeys({ kv: client(5_000), pepper: PEPPER });
    expect(demo.keys.map(({ label, says }) => [label, says])).toEqual([
      ['roomy', '60 requests a minute'],
      ['tight', '10 requests a minute'],
      ['revoked', 'nothing: it is revoked'],
    ]);
    const found = await Promise.all(demo.keys.map(({ key }) => keys.validate(key)));
    expect(found.map(({ status }) => status)).toEqual(['VALID', 'VALID', 'INVALID']);
    expect(found[1]).toMatchObject({ key: { owner: 'demo', scopes: ['read'], limits: { key: { limit: 10 } } } });
  });

  it.each([
    ['refuse', 'STORE'],
    ['black-hole', 'DEADLINE'],
    ['slow', 'DEADLINE'],
    ['kill', 'STORE'],
  ] as const)('is away with %s, for open connections too, and back with ok', async (outage, code) => {
    const kv = client();
    expect(await ping(kv)).toBe('PONG');
    await demo.set(outage);
    expect(demo.outage()).toBe(outage);
    expect(await ping(kv)).toBe(code);
    await demo.set('ok');
    expect(await ping(kv)).toBe('PONG');
    expect(await ping(client())).toBe('PONG');
  });

  it('answers two seconds late when it is slow', async () => {
    const kv = client(30_000);
    await ping(kv);
    await demo.set('slow');
    const from = performance.now();
    expect(await ping(kv)).toBe('PONG');
    expect(performance.now() - from).toBeGreaterThanOrEqual(1_990);
  });

  it('has after a kill the keys that it had, and nothing else', async () => {
    const kv = client(5_000);
    const keys = createApiKeys({ kv, pepper: PEPPER });
    await kv.command(['SET', 'counted', '1']);
    const before = await keys.validate(keyOf('tight'));
    await demo.set('kill');
    await demo.set('kill');
    await demo.set('ok');
    expect(await kv.command(['GET', 'counted'])).toBeNull();
    const afresh = createApiKeys({ kv: client(5_000), pepper: PEPPER });
    expect(await afresh.validate(keyOf('tight'))).toEqual(before);
    expect(await afresh.validate(keyOf('roomy'))).toMatchObject({ status: 'VALID' });
    expect(await afresh.validate(keyOf('revoked'))).toMatchObject({ status: 'INVALID' });
    expect((await afresh.list()).map(({ owner }) => owner)).toEqual(['demo', 'demo']);
  });

  it('keeps what it holds through every other outage', async () => {
    const kv = client(5_000);
    await kv.command(['SET', 'counted', '1']);
    for (const outage of ['refuse', 'black-hole', 'slow', 'ok'] as const) await demo.set(outage);
    expect(await kv.command(['GET', 'counted'])).toBe('1');
  });

  it('takes one order after another, however fast they come', async () => {
    const orders: readonly Outage[] = ['kill', 'refuse', 'ok', 'kill', 'black-hole', 'slow', 'kill', 'ok'];
    await Promise.all(orders.map((outage) => demo.set(outage)));
    expect(demo.outage()).toBe('ok');
    expect(await ping(client())).toBe('PONG');
  });

  it.each(['ok', 'refuse', 'black-hole', 'slow', 'kill'] as const)('ends in the middle of %s', async (outage) => {
    const kv = client();
    await ping(kv);
    await demo.set(outage);
    const asked = ping(kv);
    await demo.close();
    await asked;
    const { port } = new URL(demo.url);
    const socket = connect(Number(port), '127.0.0.1');
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => socket.once('error', resolve));
    expect(error.code).toBe('ECONNREFUSED');
  });
});
