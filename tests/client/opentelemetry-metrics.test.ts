import * as otel from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KvOptions } from '../../lib/client/kv-client.ts';
import { openTelemetry } from '../../lib/client/opentelemetry.ts';
import { StoreError } from '../../lib/errors.ts';
import { startSdk } from '../support/opentelemetry-sdk.ts';
import { scriptedClient } from '../support/scripted-client.ts';

let sdk = startSdk();
sdk.stop();
beforeEach(() => {
  sdk = startSdk();
});
afterEach(() => sdk.stop());

const client = (options: Partial<KvOptions> = {}) => scriptedClient({ telemetry: openTelemetry(otel), ...options });
const outcome = (name: string, more: object = {}) => ({ 'breakwater.request.outcome': name, ...more });
const circuits = async () => {
  const points = await sdk.points('breakwater.circuit.count');
  return Object.fromEntries(points.map(({ attributes, value }) => [attributes['breakwater.circuit.state'], value]));
};

describe('db.client.operation.duration', () => {
  it('is what the caller waited, in seconds, in the buckets of the convention', async () => {
    const { kv, request, clock } = client();
    const answer = kv.command(['INCR', 'key']);
    await clock.run(70);
    request(0).answer([1]);
    await answer;
    expect(await sdk.points('db.client.operation.duration')).toEqual([
      {
        attributes: { 'db.system.name': 'redis', 'db.operation.name': 'INCR' },
        value: {
          count: 1,
          sum: 0.07,
          min: 0.07,
          max: 0.07,
          buckets: {
            boundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
            counts: [0, 0, 0, 0, 1, 0, 0, 0, 0, 0],
          },
        },
      },
    ]);
  });

  it('has the outcome of the span, and no size of a batch', async () => {
    const { kv, store } = client();
    store.respond(() => ['OK', { error: 'WRONGTYPE' }]);
    await kv.execute([
      ['GET', 'a'],
      ['GET', 'b'],
    ]);
    const [point] = await sdk.points('db.client.operation.duration');
    expect(point?.attributes).toEqual({
      'db.system.name': 'redis',
      'db.operation.name': 'PIPELINE GET',
      'db.response.status_code': 'WRONGTYPE',
      'error.type': 'WRONGTYPE',
    });
  });

  it('keeps calls that their callers gave up apart', async () => {
    const { kv } = client();
    const controller = new AbortController();
    const answer = kv.command(['PING'], { signal: controller.signal });
    controller.abort();
    await expect(answer).rejects.toThrow();
    const [point] = await sdk.points('db.client.operation.duration');
    expect(point?.attributes).toMatchObject({ 'breakwater.aborted': true });
  });
});

describe('breakwater.client.requests and breakwater.client.commands', () => {
  it('count what left for the store, by what became of it', async () => {
    const { kv, store, trip, clock } = client();
    store.respond((commands) => commands.map(() => 'OK'));
    await Promise.all([kv.command(['INCR', 'a']), kv.command(['INCR', 'b']), kv.execute([['PING'], ['PING']])]);
    store.respond(() => [{ error: 'NOAUTH' }]);
    await expect(kv.command(['INCR', 'a'])).rejects.toThrow();
    store.respond(() => [{ error: 'WRONGTYPE' }]);
    await expect(kv.command(['INCR', 'a'])).rejects.toThrow();
    store.respond(undefined);
    const late = expect(kv.command(['INCR', 'a'])).rejects.toThrow();
    await clock.run(1_000);
    await late;
    await trip();
    await expect(kv.command(['INCR', 'a'])).rejects.toThrow();
    expect(await sdk.points('breakwater.client.requests')).toStrictEqual([
      { attributes: outcome('success'), value: 2 },
      { attributes: outcome('neutral'), value: 1 },
      { attributes: outcome('failure', { 'error.type': 'deadline' }), value: 1 },
      { attributes: outcome('failure', { 'error.type': 'network' }), value: 4 },
      { attributes: outcome('refused'), value: 2 },
    ]);
    expect(await sdk.points('breakwater.client.commands')).toEqual([{ attributes: {}, value: 4 + 1 + 1 + 1 + 4 }]);
  });

  it('count what everybody has left as neutral', async () => {
    const { kv, clock } = client();
    const controller = new AbortController();
    const answer = expect(kv.command(['INCR', 'a'], { signal: controller.signal })).rejects.toThrow();
    await clock.run(0);
    controller.abort();
    await answer;
    await clock.run(0);
    expect(await sdk.points('breakwater.client.requests')).toEqual([{ attributes: outcome('neutral'), value: 1 }]);
  });
});

describe('breakwater.client.coalesced_reads', () => {
  it('counts the reads that another request answered', async () => {
    const { kv, store, clock, request } = client();
    const calls = [kv.get('a'), kv.get('a'), kv.get('a'), kv.get('b')];
    await clock.run(0);
    request(0).answer(['1', '2']);
    expect(await Promise.all(calls)).toEqual([1, 1, 1, 2]);
    expect(await sdk.points('breakwater.client.coalesced_reads')).toEqual([{ attributes: {}, value: 2 }]);
    store.respond(() => ['1']);
    await kv.get('a');
    expect(await sdk.points('breakwater.client.coalesced_reads')).toEqual([{ attributes: {}, value: 2 }]);
  });

  it('counts none that failed with it', async () => {
    const { kv, clock, request } = client();
    const calls = Promise.allSettled([kv.get('a'), kv.get('a')]);
    await clock.run(0);
    request(0).fail(new StoreError('network', 'reset'));
    await calls;
    expect(await sdk.points('breakwater.client.coalesced_reads')).toEqual([]);
  });
});

describe('breakwater.circuit.transitions and breakwater.circuit.count', () => {
  const change = (from: string, to: string, reason?: string) => ({
    'breakwater.circuit.from': from,
    'breakwater.circuit.to': to,
    ...(reason !== undefined && { 'breakwater.circuit.reason': reason }),
  });

  it('tell of each change and of the state that it led to', async () => {
    const { kv, store, trip, clock } = client({ breaker: { successThreshold: 1 } });
    await trip();
    expect(await circuits()).toEqual({ CLOSED: 0, OPEN: 1 });
    clock.advance(10_000);
    store.respond(() => ['PONG']);
    await kv.command(['PING']);
    expect(await circuits()).toEqual({ CLOSED: 1, OPEN: 0, HALF_OPEN: 0 });
    kv.circuit.force('FORCED_OPEN');
    expect(await circuits()).toEqual({ CLOSED: 0, OPEN: 1, HALF_OPEN: 0 });
    expect(await sdk.points('breakwater.circuit.transitions')).toStrictEqual([
      { attributes: change('CLOSED', 'OPEN', 'network'), value: 1 },
      { attributes: change('OPEN', 'HALF_OPEN'), value: 1 },
      { attributes: change('HALF_OPEN', 'CLOSED'), value: 1 },
      { attributes: change('CLOSED', 'OPEN', 'manual'), value: 1 },
    ]);
  });

  it('count the circuits of several clients, scopes not for themselves, until they are closed', async () => {
    const telemetry = openTelemetry(otel);
    const [one, two] = [client({ telemetry }), client({ telemetry })];
    for (const { kv, store } of [one, two]) {
      store.respond(() => ['PONG']);
      await kv.command(['PING']);
    }
    await one.kv.scope().command(['PING']);
    expect(await circuits()).toEqual({ CLOSED: 2 });
    await two.trip();
    expect(await circuits()).toEqual({ CLOSED: 1, OPEN: 1 });
    await two.kv.close();
    await two.kv.close();
    expect(await circuits()).toEqual({ CLOSED: 1, OPEN: 0 });
    two.kv.circuit.reset();
    await one.kv.close();
    expect(await circuits()).toEqual({ CLOSED: 0, OPEN: 0 });
  });

  it('begin with the state that the circuit has when the SDK is started', async () => {
    sdk.stop();
    const { kv, trip } = client();
    await trip();
    sdk = startSdk();
    await expect(kv.command(['PING'])).rejects.toThrow('circuit is open');
    expect(await circuits()).toEqual({ OPEN: 1 });
    expect(await sdk.points('breakwater.circuit.transitions')).toEqual([]);
    // The one that was refused did not leave.
    expect(await sdk.points('breakwater.client.commands')).toEqual([]);
  });
});

describe('metrics', () => {
  it('are a few, each with a unit and a description', async () => {
    const { kv, store, trip } = client({
      telemetry: openTelemetry(otel, { attributes: { 'server.address': 'host' } }),
    });
    store.respond(() => ['1']);
    await Promise.all([kv.get('a'), kv.get('a')]);
    await trip();
    const metrics = await sdk.metrics();
    expect(metrics.map(({ descriptor: { name, unit } }) => [name, unit])).toEqual([
      ['db.client.operation.duration', 's'],
      ['breakwater.client.requests', '{request}'],
      ['breakwater.client.commands', '{command}'],
      ['breakwater.client.coalesced_reads', '{read}'],
      ['breakwater.circuit.transitions', '{transition}'],
      ['breakwater.circuit.count', '{circuit}'],
    ]);
    for (const { dataPoints, descriptor } of metrics) {
      expect(descriptor.description).toMatch(/^[A-Z].+\.$/);
      for (const { attributes } of dataPoints) expect(attributes).toMatchObject({ 'server.address': 'host' });
    }
  });
});

describe('what features tell', () => {
  it('is how long decisions took, by what became of them, with the code of a refusal and what was without Redis', async () => {
    const { measure } = client({ telemetry: openTelemetry(otel, { attributes: { region: 'fra1' } }) }).kv;
    measure.decision({ outcome: 'allow', degraded: [] }, 2);
    measure.decision({ outcome: 'allow', degraded: ['keys', 'limit'], reported: {} }, 3);
    measure.decision({ outcome: 'deny', status: 429, code: 'quota-exceeded', degraded: [] }, 4);
    measure.decision({ outcome: 'deny', status: 401, code: 'api-key-missing', degraded: [] }, 0);
    const points = await sdk.points('breakwater.guard.decision.duration');
    const outcomeIs = (what: string, more: object = {}) => ({
      region: 'fra1',
      'breakwater.guard.outcome': what,
      ...more,
    });
    expect(points.map(({ attributes }) => attributes)).toEqual([
      outcomeIs('allowed'),
      outcomeIs('allowed', { 'breakwater.guard.degraded': 'keys,limit', 'breakwater.guard.reported': true }),
      outcomeIs('limited', { 'breakwater.guard.code': 'quota-exceeded' }),
      outcomeIs('refused', { 'breakwater.guard.code': 'api-key-missing' }),
    ]);
    expect(points[0]?.value).toMatchObject({ count: 1, sum: 0.002 });
  });

  it('is checks by policy, reads of caches and attempts to acquire a lock, and no account', async () => {
    const { measure } = client().kv;
    const check = { policy: 'ip', allowed: false, limit: 5, remaining: 0, retryAfterMs: 100 };
    measure.limit(check, 'local', '192.0.2.*');
    measure.limit(check, 'local', '198.51.100.*');
    measure.cacheRead('stale');
    measure.lock('timeout');
    const limited = { 'breakwater.limit.policy': 'ip', 'breakwater.limit.result': 'limited' };
    expect(await sdk.points('breakwater.limit.checks')).toEqual([
      { attributes: { ...limited, 'breakwater.limit.basis': 'local' }, value: 2 },
    ]);
    expect(await sdk.points('breakwater.cache.reads')).toEqual([
      { attributes: { 'breakwater.cache.result': 'stale' }, value: 1 },
    ]);
    expect(await sdk.points('breakwater.lock.acquisitions')).toEqual([
      { attributes: { 'breakwater.lock.result': 'timeout' }, value: 1 },
    ]);
  });

  it('is not told to an SDK that is not there', () => {
    sdk.stop();
    const { kv } = client();
    expect(() => kv.measure.cacheRead('hit')).not.toThrow();
  });
});
