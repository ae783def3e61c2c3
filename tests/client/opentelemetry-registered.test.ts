import * as otel from '@opentelemetry/api';
import { afterEach, describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { registeredOpenTelemetry } from '../../lib/client/opentelemetry.ts';
import { readSettings } from '../../lib/config.ts';
import { createDefaults } from '../../lib/default-client.ts';
import { scriptedStore } from '../../lib/testing/scripted-store.ts';
import { startSdk } from '../support/opentelemetry-sdk.ts';

const API = Symbol.for('opentelemetry.js.api.1');
const home = globalThis as { [API]?: unknown };

afterEach(() => {
  delete home[API];
});

/** A global whose every use is seen. */
const watched = () => {
  const uses: PropertyKey[] = [];
  home[API] = new Proxy(
    {},
    { get: (_target, name) => void uses.push(name), has: (_target, name) => uses.push(name) > 0 },
  );
  return uses;
};

const working = (options: Partial<Parameters<typeof createKv>[0]> = {}) => {
  const store = scriptedStore();
  store.respond((commands) => commands.map(() => 'OK'));
  return createKv({ store, ...options });
};

describe('the SDK that this process has registered', () => {
  it('is told of the calls of the default client, without a setting', async () => {
    const sdk = startSdk();
    const { kv } = createDefaults(readSettings({}));
    await kv.set('key', 1);
    await kv.get('key');
    expect(sdk.spans().map(({ name }) => name)).toEqual(['SET', 'GET']);
    expect(await sdk.points('breakwater.client.requests')).toEqual([
      { attributes: { 'breakwater.request.outcome': 'success' }, value: 2 },
    ]);
    sdk.stop();
  });

  it('is found when it is started after the client, and missed when it is stopped', async () => {
    const kv = working({ telemetry: registeredOpenTelemetry() });
    await kv.command(['PING']);
    const sdk = startSdk();
    await kv.command(['TIME']);
    sdk.stop();
    await kv.command(['ECHO', 'a']);
    expect(sdk.spans().map(({ name }) => name)).toEqual(['TIME']);
  });

  it('may have traces alone, or metrics alone', async () => {
    const errors: unknown[] = [];
    const onListenerError = (error: unknown) => errors.push(error);
    const use = async () => {
      const kv = working({ telemetry: registeredOpenTelemetry(), onListenerError });
      await Promise.all([kv.command(['PING']), kv.get('a'), kv.get('a')]);
      kv.circuit.force('FORCED_OPEN');
      await kv.close();
    };
    await use();
    const traces = startSdk();
    otel.metrics.disable();
    otel.context.disable();
    await use();
    expect(traces.spans().map(({ name }) => name)).toEqual(['PING', 'GET', 'GET']);
    expect(await traces.metrics()).toEqual([]);
    traces.stop();
    const metrics = startSdk();
    otel.trace.disable();
    await use();
    expect(metrics.spans()).toEqual([]);
    expect(await metrics.points('db.client.operation.duration')).toHaveLength(2);
    metrics.stop();
    expect(errors).toEqual([]);
  });

  it('is not asked for by a client without telemetry', async () => {
    const uses = watched();
    const kv = working();
    await Promise.all([kv.get('a'), kv.get('a'), kv.command(['INCR', 'b'])]);
    kv.circuit.force('FORCED_OPEN');
    await expect(kv.get('a')).rejects.toThrow();
    await kv.close();
    expect(uses).toEqual([]);
  });

  it('may be something else under that name: calls go on, and it is seen', async () => {
    const errors: unknown[] = [];
    const kv = working({ telemetry: registeredOpenTelemetry(), onListenerError: (error) => errors.push(error) });
    for (const other of ['text', 42, null, {}, { trace: {} }, { trace: null, metrics: { getMeter: 1 } }]) {
      home[API] = other;
      expect(await kv.command(['PING'])).toBe('OK');
    }
    expect(errors.length).toBeGreaterThan(0);
  });
});
