import { once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { describe, expect, it } from 'vitest';
import type { FindingCode } from '../../../cli/doctor/finding.ts';
import { changed, type Diagnosis, diagnose, HEALTHY, healthyProject } from '../../support/doctor-run.ts';
import { fakeRedis, fakeSentinel } from '../../support/fake-redis.ts';
import { type FaultyAnswer, startFaultyEndpoint } from '../../support/faulty-endpoint.ts';
import { LOCALHOST_CERTIFICATE, LOCALHOST_KEY } from '../../support/localhost-certificate.ts';
import { freePort, startRedis } from '../../support/redis-server.ts';

type Stop = () => unknown;
type Start = (later: (stop: Stop) => void) => Promise<string>;

const project = healthyProject();
const NO_REST = { KV_REST_API_URL: undefined, KV_REST_API_TOKEN: undefined };
const TLS = { cert: LOCALHOST_CERTIFICATE, key: LOCALHOST_KEY };

/** Where it starts is named to doctor, by REST or by TCP as the URL says. */
async function lookAt(start: Start): Promise<Diagnosis> {
  const stops: Stop[] = [];
  try {
    const url = await start((stop) => stops.push(stop));
    const named = /^http/.test(url) ? { KV_REST_API_URL: url } : { ...NO_REST, REDIS_URL: url };
    return await diagnose(changed(HEALTHY, named), ['--project', project.folder]);
  } finally {
    await Promise.all(stops.map((stop) => stop()));
  }
}

async function portOf(server: Server, later: (stop: Stop) => void): Promise<number> {
  server.listen(0, '127.0.0.1');
  later(() => server.close());
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const redisThat =
  (args: readonly string[], url: (port: number) => string): Start =>
  async (later) => {
    const redis = await startRedis({ args });
    later(redis.stop);
    return url(redis.port);
  };

const endpointThat =
  (answer: FaultyAnswer): Start =>
  async (later) => {
    const endpoint = await startFaultyEndpoint();
    later(endpoint.close);
    endpoint.answer(answer);
    return endpoint.url;
  };

const speaks =
  (make: () => Server, scheme: string): Start =>
  async (later) =>
    `${scheme}://localhost:${await portOf(make(), later)}`;

const silent = () => createServer((socket) => socket.on('error', () => socket.destroy()));
const hangingUp = () => createServer((socket) => socket.destroy());
const tlsServer = () => createTlsServer(TLS, (socket) => socket.on('error', () => socket.destroy()));

describe.concurrent('a Redis that does not answer', () => {
  it.each<[FindingCode, string, Start]>([
    ['name-not-found', 'by TCP, of a name that nobody has', async () => 'rediss://nowhere.invalid'],
    ['name-not-found', 'by REST, of a name that nobody has', async () => 'https://nowhere.invalid'],
    [
      'connection-refused',
      'by TCP, where nobody listens',
      async () => `redis://:opensesame@127.0.0.1:${await freePort()}`,
    ],
    ['connection-refused', 'by REST, where nobody listens', async () => `http://127.0.0.1:${await freePort()}`],
    ['no-answer', 'by TCP, from a black hole', speaks(silent, 'redis')],
    ['no-answer', 'by REST, from a black hole', speaks(silent, 'http')],
    ['connection-broken', 'by TCP, from what hangs up', speaks(hangingUp, 'redis')],
    ['connection-broken', 'by REST, from what hangs up', speaks(hangingUp, 'http')],
    ['connection-broken', 'by REST, where a Redis listens', redisThat([], (port) => `http://127.0.0.1:${port}`)],
    ['tls-mismatch', 'by TCP, for it speaks TLS and we do not', speaks(tlsServer, 'redis')],
    ['tls-mismatch', 'by REST, for it speaks TLS and we do not', speaks(() => createHttpsServer(TLS), 'http')],
    ['tls-mismatch', 'by TCP, for we speak TLS and it does not', redisThat([], (port) => `rediss://127.0.0.1:${port}`)],
    [
      'tls-mismatch',
      'by REST, for we speak TLS and it does not',
      async (later) => (await endpointThat({ body: '' })(later)).replace('http:', 'https:'),
    ],
    ['certificate-not-trusted', 'by TCP, with a certificate of its own', speaks(tlsServer, 'rediss')],
    [
      'certificate-not-trusted',
      'by REST, with a certificate of its own',
      speaks(() => createHttpsServer(TLS), 'https'),
    ],
    [
      'wrong-credentials',
      'by TCP, to a wrong password',
      redisThat(['--requirepass', 'opensesame'], (port) => `redis://:hunter2hunter2@127.0.0.1:${port}`),
    ],
    [
      'wrong-credentials',
      'by TCP, to no password',
      redisThat(['--requirepass', 'opensesame'], (port) => `redis://127.0.0.1:${port}`),
    ],
    [
      'wrong-credentials',
      'by REST, to a wrong token',
      endpointThat({ status: 401, body: '{"error":"WRONGPASS invalid or missing auth token"}' }),
    ],
    ['endpoint-failing', 'by REST, while it is overloaded', endpointThat({ status: 503, body: '' })],
    ['endpoint-failing', 'by REST, to so many requests', endpointThat({ status: 429, body: '' })],
    [
      'plan-used-up',
      'by REST, when the plan is used up',
      endpointThat({ status: 400, body: '{"error":"ERR max requests limit exceeded. Limit: 500000, Usage: 500001."}' }),
    ],
    [
      'plan-used-up',
      'by REST, command by command',
      endpointThat({ body: '[{"error":"ERR max daily request limit exceeded. Limit: 10000, Usage: 10000."}]' }),
    ],
    [
      'plan-used-up',
      'by REST, when it is suspended',
      endpointThat({ status: 400, body: '{"error":"ERR This database has been suspended."}' }),
    ],
    ['not-an-endpoint', 'by REST, but shows a page', endpointThat({ body: '<!doctype html>' })],
    [
      'not-an-endpoint',
      'by REST, but leads elsewhere',
      endpointThat({ status: 308, headers: { location: '/' }, body: '' }),
    ],
    [
      'redis-not-serving',
      'by TCP, while it loads',
      async (later) => {
        const redis = await fakeRedis(() => '-LOADING Redis is loading the dataset in memory\r\n');
        later(redis.stop);
        return `redis://${redis.name}`;
      },
    ],
    [
      'redis-not-serving',
      'by REST, while it loads',
      endpointThat({ body: '[{"error":"LOADING Redis is loading the dataset in memory"}]' }),
    ],
    [
      'invalid-setting',
      'by TCP, with a database that is not there',
      redisThat([], (port) => `redis://127.0.0.1:${port}/99`),
    ],
  ])('is told why: %s, %s', async (code, _, start) => {
    const startedAt = performance.now();
    const { status, codes, report } = await lookAt(start);
    expect({ status, codes }).toEqual({ status: 1, codes: [code] });
    expect(report.cost.requests).toBe(1);
    expect(JSON.stringify(report)).not.toMatch(/opensesame|hunter2|nowhere\.invalid|127\.0\.0\.1|500001/);
    // What is promised, and a busy machine on top of it.
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });

  it('is told when the sentinels know of no primary by that name', async () => {
    const sentinel = await fakeSentinel(() => undefined);
    const named = { ...NO_REST, REDIS_SENTINELS: sentinel.name, REDIS_SENTINEL_NAME: 'main' };
    const { codes, report } = await diagnose(changed(HEALTHY, named), ['--project', project.folder]);
    sentinel.stop();
    expect(codes).toEqual(['redis-not-serving']);
    expect(JSON.stringify(report)).toContain('REDIS_SENTINEL_NAME');
  });

  it('is not said to be wrongly named where the other side merely uses TLS as asked', async () => {
    const { report } = await lookAt(speaks(silent, 'rediss'));
    expect(JSON.stringify(report)).not.toContain('tls-mismatch');
  });
});
