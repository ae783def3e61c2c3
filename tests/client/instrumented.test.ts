import { describe, expect, it } from 'vitest';
import type { Instrumentation, Telemetry } from '../../lib/client/telemetry.ts';
import { AWAY, scriptedClient } from '../support/scripted-client.ts';

const QUIET = { request() {}, coalesced() {}, transition() {}, close() {} };

/** Telemetry that writes down in `heard` what it is told. */
const told = (heard: string[], name: string, parts: Partial<Instrumentation> = {}): Telemetry => ({
  instrument: () => ({
    active: true,
    ...QUIET,
    request: (commands, outcome) => heard.push(`${name} ${commands} ${outcome}`),
    close: () => heard.push(`${name} close`),
    ...parts,
  }),
});

const tracing = (heard: string[], name: string): Partial<Instrumentation> => ({
  operation(_commands, _atomic, work) {
    heard.push(`${name} begin`);
    work((sending) => {
      heard.push(`${name} within`);
      sending();
    });
    return () => heard.push(`${name} end`);
  },
});

describe('a client with several telemetries', () => {
  it('tells each of them all that it wants to know', async () => {
    const heard: string[] = [];
    const counting = { waited: (durationMs: number) => void heard.push(`count waited ${durationMs}`) };
    const telemetry = [told(heard, 'count', counting), told(heard, 'trace', tracing(heard, 'trace'))];
    const { kv, store } = scriptedClient({ telemetry });
    store.respond(() => ['OK']);
    await kv.command(['SET', 'a', 1]);
    await kv.close();
    expect(heard).toEqual([
      ...['trace begin', 'trace within', 'count 1 success', 'trace 1 success'],
      ...['count waited 0', 'trace end', 'count close', 'trace close'],
    ]);
  });

  it('lets the operation of one stand within that of the one before', async () => {
    const heard: string[] = [];
    const telemetry = ['outer', 'inner'].map((name) => told(heard, name, tracing(heard, name)));
    const { kv, store } = scriptedClient({ telemetry });
    store.respond(() => ['OK']);
    expect(await kv.command(['SET', 'a', 1])).toBe('OK');
    expect(heard.filter((line) => !line.includes('success'))).toEqual([
      ...['outer begin', 'inner begin', 'outer within', 'inner within', 'inner end', 'outer end'],
    ]);
    expect(store.sent).toHaveLength(1);
  });

  it('goes on telling the others when one throws', async () => {
    const heard: string[] = [];
    const fail = (): never => {
      throw new Error('defect');
    };
    const errors: unknown[] = [];
    const defective = told([], 'defective', {
      request: fail,
      waited: fail,
      operation: fail,
      decision: fail,
      close: fail,
    });
    const { kv, store } = scriptedClient({
      telemetry: [defective, told(heard, 'sound', tracing(heard, 'sound'))],
      onListenerError: (error) => errors.push(error),
    });
    store.respond(() => ['OK']);
    expect(await kv.command(['SET', 'a', 1])).toBe('OK');
    kv.measure.decision({ outcome: 'allow', degraded: [] }, 1);
    await kv.close();
    expect(heard).toEqual(['sound begin', 'sound within', 'sound 1 success', 'sound end', 'sound close']);
    expect(errors.map(String)).toEqual(Array.from({ length: 5 }, () => 'Error: defect'));
  });

  it('does not run an operation for those who only want to know how long it took', async () => {
    const waits: number[] = [];
    const { kv, store, clock, request } = scriptedClient({
      telemetry: [
        told([], 'count', { waited: (durationMs) => void waits.push(durationMs) }),
        told([], 'off', { active: false, operation: () => expect.unreachable() }),
      ],
    });
    const asked = kv.command(['GET', 'a']);
    await clock.run(0);
    clock.advance(7);
    request(0).answer(['1']);
    expect(await asked).toBe('1');
    store.respond(() => AWAY);
    await expect(kv.command(['GET', 'a'])).rejects.toBe(AWAY);
    expect(waits).toEqual([7, 0]);
  });

  it('tells them what features tell, and nobody where there is none', () => {
    const heard: unknown[] = [];
    const { kv } = scriptedClient({
      telemetry: [
        told([], 'one', {
          cacheRead: (result) => void heard.push(result),
          lock: (result) => void heard.push(result),
          limit: ({ policy }, basis, account) => void heard.push([policy, basis, account]),
        }),
        told([], 'deaf'),
      ],
    });
    const check = { policy: 'ip', allowed: true, limit: 1, remaining: 0, retryAfterMs: undefined };
    for (const { measure } of [kv, kv.scope(), scriptedClient().kv]) {
      measure.cacheRead('hit');
      measure.lock('timeout');
      measure.limit(check, 'store', 'key_a');
    }
    const once = ['hit', 'timeout', ['ip', 'store', 'key_a']];
    expect(heard).toEqual([...once, ...once]);
  });
});
