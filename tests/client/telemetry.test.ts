import { describe, expect, it } from 'vitest';
import type { Instrumentation, Telemetry } from '../../lib/client/telemetry.ts';
import { scriptedClient } from '../support/scripted-client.ts';

/** Telemetry that writes down what it is told. */
const recording = (parts: Partial<Instrumentation> = {}) => {
  const heard: string[] = [];
  const telemetry: Telemetry = {
    instrument: ({ storeKind, circuitState }) => {
      heard.push(`instrument ${storeKind} ${circuitState()}`);
      const whole: Instrumentation = {
        active: true,
        operation(commands, atomic, work) {
          heard.push(`begin ${commands.map(([name]) => name)} ${atomic}`);
          work();
          return ({ durationMs, error, aborted }) =>
            heard.push(`end ${durationMs} ${error instanceof Error ? error.name : error} ${aborted}`);
        },
        request: (commands, outcome, failure) => heard.push(`request ${commands} ${outcome} ${failure}`),
        coalesced: () => heard.push('coalesced'),
        transition: ({ from, to }) => heard.push(`${from} to ${to}`),
        close: () => heard.push('close'),
      };
      return Object.defineProperties(whole, Object.getOwnPropertyDescriptors(parts));
    },
  };
  return { telemetry, heard };
};

/** A day in the life of a client: what its callers were told, and what was sent. */
const day = async (telemetry: Telemetry | undefined) => {
  const errors: unknown[] = [];
  const setup = scriptedClient({ telemetry, onListenerError: (error) => errors.push(error) });
  const { kv, clock, store, execute, seen, wire, request, trip, events } = setup;
  for (const key of ['a', 'a', 'b']) execute([['GET', key]]);
  execute([['INCR', 'c']], { atomic: true });
  await clock.run(0);
  request(0).answer(['1', '2']);
  request(1).answer([{ error: 'WRONGTYPE' }]);
  await clock.run(0);
  const controller = new AbortController();
  execute([['SET', 'd', 1]], { signal: controller.signal });
  execute([['SET', 'e', 1]]);
  await clock.run(0);
  controller.abort('left');
  await clock.run(1_000);
  await trip();
  execute([['PING']]);
  await clock.run(0);
  clock.advance(10_000);
  store.respond(() => ['PONG']);
  execute([['PING']], {}, kv.scope());
  await clock.run(0);
  const state = kv.circuit.state();
  await kv.close();
  return { told: { seen, wire: wire(), events, state }, errors };
};

describe('a client with telemetry', () => {
  it('tells it of all that it does', async () => {
    const { telemetry, heard } = recording();
    await day(telemetry);
    expect(heard).toEqual([
      'instrument memory CLOSED',
      'begin GET false',
      'begin GET false',
      'begin GET false',
      'begin INCR true',
      'request 2 success undefined',
      'request 1 success undefined',
      'coalesced',
      'end 0 undefined false',
      'end 0 undefined false',
      'end 0 undefined false',
      'end 0 CommandError false',
      'begin SET false',
      'begin SET false',
      'end 0 left true',
      'request 2 failure deadline',
      'end 1000 DeadlineError false',
      ...Array.from({ length: 3 }, () => [
        'begin GET false',
        'request 1 failure network',
        'end 0 StoreError false',
      ]).flat(),
      'begin GET false',
      'CLOSED to OPEN',
      'request 1 failure network',
      'end 0 StoreError false',
      'begin GET false',
      'request 0 refused undefined',
      'end 0 CircuitOpenError false',
      'begin PING false',
      'request 0 refused undefined',
      'end 0 CircuitOpenError false',
      'begin PING false',
      'OPEN to HALF_OPEN',
      'request 1 success undefined',
      'end 0 undefined false',
      'close',
    ]);
  });

  it('does as it would without', async () => {
    const without = await day(undefined);
    expect(without.told.seen.length).toBeGreaterThan(0);
    expect(await day(recording().telemetry)).toEqual(without);
  });

  it('tells nothing while it is inactive, but that it is closed', async () => {
    const { telemetry, heard } = recording({ active: false });
    expect(await day(telemetry)).toEqual(await day(undefined));
    expect(heard).toEqual(['instrument memory CLOSED', 'close']);
  });

  it('tells once that it is closed, however often it is', async () => {
    const { telemetry, heard } = recording();
    const { kv } = scriptedClient({ telemetry });
    await kv.close();
    await kv.close();
    expect(heard).toEqual(['instrument memory CLOSED', 'close']);
  });

  it('has an answer for telemetry that becomes active while it works', async () => {
    let active = false;
    const { telemetry, heard } = recording({
      get active() {
        return active;
      },
    });
    const { kv, store } = scriptedClient({ telemetry });
    store.respond(() => ['OK']);
    await kv.command(['PING']);
    active = true;
    await kv.command(['TIME']);
    expect(heard.slice(1)).toEqual(['begin TIME false', 'request 1 success undefined', 'end 0 undefined false']);
  });
});

describe('telemetry that is defective', () => {
  const fail = () => {
    throw new Error('defect');
  };
  const defects: readonly (readonly [string, Telemetry])[] = [
    ['throws when it is given a client', { instrument: fail }],
    [
      'throws when it is asked whether it is active',
      recording({
        get active(): boolean {
          return fail();
        },
      }).telemetry,
    ],
    ['throws at the begin, before the work', recording({ operation: fail }).telemetry],
    [
      'throws at the begin, after the work',
      recording({
        operation(_commands, _atomic, work) {
          work();
          return fail();
        },
      }).telemetry,
    ],
    [
      'throws at the end',
      recording({
        operation(_commands, _atomic, work) {
          work();
          return fail;
        },
      }).telemetry,
    ],
    ['throws where requests are sent', recording({ operation: (_c, _a, work) => void work(fail) }).telemetry],
    [
      'throws after requests were sent',
      recording({
        operation: (_c, _a, work) =>
          void work((send) => {
            send();
            send();
            fail();
          }),
      }).telemetry,
    ],
    [
      'throws at each other occasion',
      recording({ request: fail, coalesced: fail, transition: fail, close: fail }).telemetry,
    ],
  ];

  it.each(defects)('and %s changes nothing, and is reported', async (_what, telemetry) => {
    const { told, errors } = await day(telemetry);
    expect(told).toEqual((await day(undefined)).told);
    expect(errors.length).toBeGreaterThan(0);
    expect(new Set(errors.map(String))).toEqual(new Set(['Error: defect']));
  });

  it('and cannot say whether it is active is told nothing but that its client is closed', async () => {
    const { telemetry, heard } = recording({
      get active(): boolean {
        return fail();
      },
    });
    await day(telemetry);
    expect(heard).toEqual(['instrument memory CLOSED', 'close']);
  });

  it('and throws while its report throws too changes nothing', async () => {
    const { kv, store } = scriptedClient({
      telemetry: recording({ operation: fail, request: fail }).telemetry,
      onListenerError: fail,
    });
    store.respond(() => ['OK']);
    expect(await kv.command(['PING'])).toBe('OK');
  });

  it.each<[string, NonNullable<Instrumentation['operation']>]>([
    ['does not begin the work', () => undefined],
    ['begins the work twice', (_commands, _atomic, work) => void [work(), work()]],
    ['begins the work late', (_commands, _atomic, work) => void Promise.resolve().then(() => work())],
    ['does not send requests', (_commands, _atomic, work) => void work(() => {})],
    ['sends requests late', (_c, _a, work) => void work((send) => void Promise.resolve().then(send))],
  ])('and %s changes nothing: no command is sent twice', async (_what, operation) => {
    expect(await day(recording({ operation }).telemetry)).toEqual(await day(undefined));
  });
});
