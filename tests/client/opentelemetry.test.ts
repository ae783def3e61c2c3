import * as otel from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KvOptions } from '../../lib/client/kv-client.ts';
import { openTelemetry } from '../../lib/client/opentelemetry.ts';
import { defineScript, runScript } from '../../lib/client/script.ts';
import type { Command, Store } from '../../lib/store/store.ts';
import { scriptedStore } from '../../lib/testing/scripted-store.ts';
import { startSdk, told } from '../support/opentelemetry-sdk.ts';
import { scriptedClient } from '../support/scripted-client.ts';

let sdk = startSdk();
sdk.stop();
beforeEach(() => {
  sdk = startSdk();
});
afterEach(() => sdk.stop());

const client = (options: Partial<KvOptions> = {}) => {
  const setup = scriptedClient({ telemetry: openTelemetry(otel), ...options });
  setup.store.respond((commands) => commands.map(() => 'OK'));
  return setup;
};

const { CLIENT, INTERNAL } = otel.SpanKind;
const { ERROR, UNSET } = otel.SpanStatusCode;
const nameOf = async (commands: readonly Command[], atomic = false) => {
  await client().kv.execute(commands, { atomic });
  return sdk.spans().at(-1)?.name;
};

describe('the span of an operation', () => {
  it('is named after its command, and says nothing of its arguments', async () => {
    await client().kv.get('key');
    expect(sdk.spans().map(told)).toEqual([
      {
        name: 'GET',
        kind: INTERNAL,
        attributes: { 'db.system.name': 'redis', 'db.operation.name': 'GET' },
        status: { code: UNSET },
        events: [],
      },
    ]);
    expect(sdk.spans()[0]?.instrumentationScope.name).toBe('breakwater');
  });

  it('is a call to another process, unless the store is memory', async () => {
    for (const [kind, expected] of [
      ['upstash', CLIENT],
      ['redis', CLIENT],
      ['memory', INTERNAL],
    ] as const) {
      const scripted = scriptedStore();
      scripted.respond(() => ['OK']);
      const store: Store = { ...scripted, kind };
      await client({ store }).kv.command(['PING']);
      expect(sdk.spans().at(-1)?.kind, kind).toBe(expected);
    }
  });

  it.each<[Command[], boolean, string]>([
    [[['get', 'a']], false, 'GET'],
    [[['JSON.GET', 'a']], false, 'JSON.GET'],
    [[['EVALSHA_RO', 'a']], false, 'EVALSHA_RO'],
    [[['GEORADIUSBYMEMBER_RO', 'a']], false, 'GEORADIUSBYMEMBER_RO'],
    [
      [
        ['GET', 'a'],
        ['get', 'b'],
      ],
      false,
      'PIPELINE GET',
    ],
    [
      [
        ['GET', 'a'],
        ['SET', 'b', 1],
      ],
      false,
      'PIPELINE',
    ],
    [
      [
        ['INCR', 'a'],
        ['INCR', 'b'],
      ],
      true,
      'MULTI INCR',
    ],
    [
      [
        ['INCR', 'a'],
        ['DECR', 'b'],
      ],
      true,
      'MULTI',
    ],
    [[['INCR', 'a']], true, 'MULTI INCR'],
    [[['user:42', 'a']], false, '_OTHER'],
    [[['A'.repeat(21), 'a']], false, '_OTHER'],
  ])('of %j, atomic %s, is called %s', async (commands, atomic, expected) => {
    expect(await nameOf(commands, atomic)).toBe(expected);
    expect(sdk.spans().at(-1)?.attributes).toEqual({
      'db.system.name': 'redis',
      'db.operation.name': expected,
      ...(commands.length > 1 && { 'db.operation.batch.size': commands.length }),
    });
  });

  it('has a name of its own for 256 commands, and one for all further ones', async () => {
    const { kv } = client();
    const letters = [...'ABCDEFGHIJKLMNOPQ'];
    const names = letters.flatMap((first) => letters.map((second) => first + second)).slice(0, 257);
    for (const name of names) await kv.command([name]);
    expect(sdk.spans().map(({ name }) => name)).toEqual([...names.slice(0, 256), '_OTHER']);
    await kv.command(['AA']);
    expect(sdk.spans().at(-1)?.name).toBe('AA');
  });

  it('has the attributes that the application gives it, but not in the place of its own', async () => {
    const telemetry = openTelemetry(otel, { attributes: { 'server.address': 'host', 'db.system.name': 'other' } });
    await client({ telemetry }).kv.command(['PING']);
    expect(sdk.spans()[0]?.attributes).toEqual({
      'server.address': 'host',
      'db.system.name': 'redis',
      'db.operation.name': 'PING',
    });
  });

  it('tells of EVALSHA and of the EVAL that Redis asks for, and that asking is no error', async () => {
    const script = defineScript({ name: 'answer', lua: 'return 42', memory: () => 42 });
    const { kv, store } = client();
    store.respond(([command]) => [command?.[0] === 'EVALSHA' ? { error: 'NOSCRIPT No matching script.' } : 42]);
    expect(await runScript(kv, { script, keys: [], args: [] })).toBe(42);
    expect(sdk.spans().map(({ attributes, status }) => [attributes, status.code])).toEqual([
      [{ 'db.system.name': 'redis', 'db.operation.name': 'EVALSHA', 'db.response.status_code': 'NOSCRIPT' }, UNSET],
      [{ 'db.system.name': 'redis', 'db.operation.name': 'EVAL' }, UNSET],
    ]);
  });
});

describe('an operation that fails', () => {
  const failure = () => {
    const span = sdk.spans().at(-1);
    const {
      'db.system.name': _,
      'db.operation.name': __,
      'db.operation.batch.size': ___,
      ...rest
    } = span?.attributes ?? {};
    expect(span?.events).toEqual([]);
    expect(span?.status.message).toBeUndefined();
    return [span?.status.code, rest];
  };

  it.each([
    ['WRONGTYPE Operation against a key', ERROR, { 'db.response.status_code': 'WRONGTYPE', 'error.type': 'WRONGTYPE' }],
    ['ERR syntax error', ERROR, { 'db.response.status_code': 'ERR', 'error.type': 'ERR' }],
    ['LOADING', ERROR, { 'db.response.status_code': 'LOADING', 'error.type': 'STORE.unavailable' }],
    ['NOAUTH Authentication required.', ERROR, { 'db.response.status_code': 'NOAUTH', 'error.type': 'STORE.auth' }],
    ['USER_42 is what a script said', ERROR, { 'error.type': '_OTHER' }],
  ])('with %s says so in a few fixed words', async (error, code, attributes) => {
    const { kv, store } = client();
    store.respond(() => [{ error }]);
    await expect(kv.command(['GET', 'key'])).rejects.toThrow();
    expect(failure()).toEqual([code, attributes]);
  });

  it('in one of its commands has the code of the first, which NOSCRIPT is not', async () => {
    const { kv, store } = client();
    store.respond(() => ['OK', { error: 'NOSCRIPT' }, { error: 'WRONGTYPE' }, { error: 'ERR' }]);
    await kv.execute([
      ['GET', 'a'],
      ['EVALSHA', 'b'],
      ['GET', 'c'],
      ['GET', 'd'],
    ]);
    expect(failure()).toEqual([ERROR, { 'db.response.status_code': 'WRONGTYPE', 'error.type': 'WRONGTYPE' }]);
  });

  it('because the circuit is open has the code of the refusal', async () => {
    const { kv, trip } = client();
    await trip();
    expect(failure()).toEqual([ERROR, { 'error.type': 'STORE.network' }]);
    await expect(kv.command(['PING'])).rejects.toThrow();
    expect(failure()).toEqual([ERROR, { 'error.type': 'CIRCUIT_OPEN' }]);
  });

  it('at its deadline ends then', async () => {
    const { kv, store, clock } = client();
    store.respond(undefined);
    const answer = expect(kv.command(['PING'])).rejects.toThrow('No answer');
    await clock.run(999);
    expect(sdk.spans()).toEqual([]);
    await clock.run(1);
    await answer;
    expect(failure()).toEqual([ERROR, { 'error.type': 'DEADLINE' }]);
  });

  it('is no error when its own caller gave up', async () => {
    const { kv, store } = client();
    store.respond(undefined);
    const controller = new AbortController();
    const answer = kv.command(['PING'], { signal: controller.signal });
    controller.abort(new Error('enough of key-42'));
    await expect(answer).rejects.toThrow('enough');
    expect(failure()).toEqual([UNSET, { 'breakwater.aborted': true }]);
  });
});
