import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ExecuteOptions } from '../../lib/client/call.ts';
import { createKv, type KvOptions } from '../../lib/client/kv-client.ts';
import type { Clock } from '../../lib/clock.ts';
import { isKvError, StoreError } from '../../lib/errors.ts';
import type { BreakwaterEvent } from '../../lib/events.ts';
import type { Command, Reply } from '../../lib/store/store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { type PendingRequest, scriptedStore } from '../../lib/testing/scripted-store.ts';
import { allowNoUnhandledRejection } from '../support/unhandled-rejections.ts';

const HOUR_MS = 3_600_000;
const away = new StoreError('network', 'refused', { mayHaveRun: false });

function client(options: Partial<KvOptions> = {}, wrap: (clock: Clock) => Clock = (clock) => clock) {
  const clock = manualClock();
  clock.advance(HOUR_MS);
  const store = scriptedStore();
  const events: BreakwaterEvent[] = [];
  const kv = createKv({ store, clock: wrap(clock), onEvent: (event) => events.push(event), ...options });
  const seen: string[] = [];
  const execute = (commands: readonly Command[], callOptions?: ExecuteOptions) => {
    const promise = kv.execute(commands, callOptions);
    const name = commands[0]?.join(' ');
    promise.then(
      (results) =>
        seen.push(`${name}: ${JSON.stringify(results.map((one) => (one instanceof Error ? told(one) : one)))}`),
      (error: unknown) => seen.push(`${name}! ${told(error)}`),
    );
    promise.catch(() => {});
    return promise;
  };
  const wire = () => store.sent.map(({ commands }) => commands.map((command) => command.join(' ')).join(', '));
  const request = (index: number): PendingRequest => {
    const found = store.sent.at(index);
    if (!found) throw new Error(`there is no request ${index}`);
    return found;
  };
  const state = () => {
    const { state: name, epoch, consecutiveFailures, probeSuccesses, totals } = kv.circuit.state();
    return { name, epoch, consecutiveFailures, probeSuccesses, ...totals };
  };
  /** Five failures in a row, and nothing left of them. */
  const trip = async () => {
    store.respond(() => away);
    for (let index = 0; index < 5; index += 1) await kv.command(['GET', 'trip']).catch(() => {});
    store.respond(undefined);
    (store.sent as PendingRequest[]).splice(0);
  };
  return { clock, store, events, kv, seen, execute, wire, request, state, trip };
}

function told(error: unknown): string {
  if (!isKvError(error)) return String(error);
  if (error.code === 'COMMAND') return error.replyCode;
  if (error.code === 'CIRCUIT_OPEN') return `CIRCUIT_OPEN ${error.retryAfterMs}`;
  if (error.code === 'CONFIG') return `CONFIG ${error.setting}`;
  return `${error.code === 'STORE' ? error.kind : error.code} ${error.mayHaveRun}`;
}

const CLOSED = {
  name: 'CLOSED',
  epoch: 0,
  consecutiveFailures: 0,
  probeSuccesses: 0,
  successes: 0,
  failures: 0,
  neutral: 0,
  ignored: 0,
  refused: 0,
  opened: 0,
};

allowNoUnhandledRejection();

describe('a client on a working store', () => {
  it('sends what is issued in one tick as one request, which is one success', async () => {
    const { clock, seen, execute, wire, request, state } = client();
    void execute([['GET', 'a']]);
    void execute([['SET', 'b', 1]]);
    void execute([['INCR', 'c']]);
    expect(wire()).toEqual([]);
    await clock.run(0);
    expect(wire()).toEqual(['GET a, SET b 1, INCR c']);
    expect(clock.pending()).toBe(1);
    request(0).answer(['A', 'OK', 5]);
    await clock.run(0);
    expect(seen.sort()).toEqual(['GET a: ["A"]', 'INCR c: [5]', 'SET b 1: ["OK"]']);
    expect(state()).toEqual({ ...CLOSED, successes: 1 });
    expect(clock.pending()).toBe(0);
  });

  it('rejects the one command that Redis refuses, and takes the answer for a success', async () => {
    const { clock, kv, seen, execute, request, state } = client();
    void execute([['GET', 'a']]);
    void execute([
      ['LPUSH', 'a', 'x'],
      ['GET', 'b'],
    ]);
    const alone = kv.command(['INCR', 'a']);
    await clock.run(0);
    request(0).answer([
      'A',
      { error: 'WRONGTYPE Operation against a key' },
      null,
      { error: 'ERR value is not an integer' },
    ]);
    await expect(alone).rejects.toMatchObject({ code: 'COMMAND', replyCode: 'ERR' });
    expect(seen.sort()).toEqual(['GET a: ["A"]', 'LPUSH a x: ["WRONGTYPE",null]']);
    expect(state()).toEqual({ ...CLOSED, successes: 1 });
  });

  it('sends a transaction alone, behind what was issued before it and before what comes after', async () => {
    const { clock, seen, execute, wire, request } = client();
    void execute([['GET', 'a']]);
    void execute(
      [
        ['SET', 'b', 1],
        ['INCR', 'b'],
      ],
      { atomic: true },
    );
    void execute([['SET', 'b', 3]]);
    void execute([['GET', 'b']]);
    await clock.run(0);
    expect(wire()).toEqual(['GET a', 'SET b 1, INCR b', 'SET b 3, GET b']);
    expect([request(0).atomic, request(1).atomic, request(2).atomic]).toEqual([false, true, false]);
    request(1).answer(['OK', 2]);
    await clock.run(0);
    expect(seen).toEqual(['SET b 1: ["OK",2]']);
  });

  it('asks nothing for no commands', async () => {
    const { kv, store, state } = client();
    expect(await kv.execute([])).toEqual([]);
    expect(store.sent).toHaveLength(0);
    expect(state()).toEqual(CLOSED);
  });

  it('refuses everything once it is closed, without a sample', async () => {
    const { kv, store, seen, execute, state } = client();
    await kv.close();
    await expect(execute([['SET', 'a', 1]])).rejects.toMatchObject({ kind: 'local', mayHaveRun: false });
    await expect(execute([['GET', 'a']])).rejects.toMatchObject({ kind: 'local' });
    expect(seen).toHaveLength(2);
    expect(store.sent).toHaveLength(0);
    expect(state()).toEqual(CLOSED);
  });
});

describe('a client on a store that fails', () => {
  it('counts one failure for five commands in one lost request', async () => {
    const { clock, execute, request, state, seen } = client();
    for (let index = 0; index < 5; index += 1) void execute([['SET', `${index}`, 1]]);
    await clock.run(0);
    request(0).fail(away);
    await clock.run(0);
    expect(state()).toEqual({ ...CLOSED, consecutiveFailures: 1, failures: 1 });
    expect(seen).toHaveLength(5);
  });

  it.each([
    [
      'throws at once',
      () => {
        throw away;
      },
    ],
    ['rejects', () => Promise.reject(away)],
  ] as const)('counts a store that %s', async (_, fail) => {
    const { store } = client();
    const clock = manualClock();
    const kv = createKv({ store: { ...store, execute: fail }, clock });
    for (let failures = 1; failures <= 5; failures += 1) {
      expect(kv.circuit.state()).toMatchObject({ state: 'CLOSED', consecutiveFailures: failures - 1 });
      await expect(kv.command(['GET', 'a'])).rejects.toBe(away);
      expect(clock.pending()).toBe(0);
    }
    expect(kv.circuit.state()).toMatchObject({ state: 'OPEN', lastFailure: { kind: 'network' } });
  });

  it('counts a store that throws what is not of our make, and keeps its text out of the message', async () => {
    const clock = manualClock();
    const cause = new Error('secret-token refused');
    const store = { ...scriptedStore(), execute: () => Promise.reject(cause) };
    const kv = createKv({ store, clock });
    const error = await kv.command(['GET', 'a']).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'STORE', kind: 'protocol', message: 'The store failed', cause });
    expect(kv.circuit.state()).toMatchObject({ consecutiveFailures: 1 });
  });

  it('knows an error of ours by its code, whichever copy of the class made it', async () => {
    const clock = manualClock();
    const copied = Object.assign(new Error('refused'), { code: 'STORE', kind: 'network', mayHaveRun: false });
    const kv = createKv({ store: { ...scriptedStore(), execute: () => Promise.reject(copied) }, clock });
    for (let index = 0; index < 5; index += 1) await expect(kv.command(['SET', 'a', 1])).rejects.toBe(copied);
    expect(kv.circuit.state()).toMatchObject({ state: 'OPEN', lastFailure: { kind: 'network' } });
  });

  it.each([
    ['too few', ['A']],
    ['too many', ['A', 'B', 'C']],
    ['none', []],
  ])('gives nobody a reply of %s, and counts one failure', async (_, replies) => {
    const { clock, seen, execute, request, state } = client();
    void execute([['GET', 'a']]);
    void execute([['SET', 'b', 1]]);
    await clock.run(0);
    request(0).answer(replies);
    await clock.run(0);
    expect(seen.sort()).toEqual(['GET a! protocol true', 'SET b 1! protocol true']);
    expect(state()).toEqual({ ...CLOSED, consecutiveFailures: 1, failures: 1 });
  });

  it('takes an answer that is no list for a failure', async () => {
    const { clock, seen, execute, request, state } = client();
    void execute([['GET', 'a']]);
    await clock.run(0);
    request(0).answer(undefined as unknown as readonly Reply[]);
    await clock.run(0);
    expect(seen).toEqual(['GET a! protocol true']);
    expect(state()).toMatchObject({ failures: 1 });
  });

  it('rejects at its deadline, not before, though the store ignores the signal, and drops the late answer', async () => {
    const { clock, seen, execute, request, state } = client();
    void execute([['SET', 'a', 1]]);
    void execute([['GET', 'b']]);
    await clock.run(999);
    expect(seen).toEqual([]);
    expect(request(0).signal?.aborted).toBe(false);
    await clock.run(1);
    expect(seen.sort()).toEqual(['GET b! DEADLINE false', 'SET a 1! DEADLINE true']);
    expect(request(0).signal?.aborted).toBe(true);
    const failed = { ...CLOSED, consecutiveFailures: 1, failures: 1 };
    expect(state()).toEqual(failed);
    request(0).answer(['OK', 'B']);
    await clock.run(0);
    expect(seen).toHaveLength(2);
    expect(state()).toEqual(failed);
    expect(clock.pending()).toBe(0);
  });

  it('opens at the fifth black hole in a row, also when each holds a single read, on a clock that ticks', async () => {
    let drift = 0;
    const { clock, store, execute, state } = client({}, (inner) => ({
      now: inner.now,
      monotonic: () => {
        drift += 0.001;
        return inner.monotonic() + drift;
      },
      after: (ms, run) => inner.after(Math.trunc(ms), run),
    }));
    for (let failures = 1; failures <= 5; failures += 1) {
      void execute([['GET', 'a']]);
      void execute([['GET', 'a']]);
      await clock.run(1_002);
      expect(state()).toMatchObject({ failures, neutral: 0 });
    }
    expect(state()).toEqual({ ...CLOSED, name: 'OPEN', epoch: 1, failures: 5, opened: 1 });
    void execute([['GET', 'a']]);
    await clock.run(0);
    expect(store.sent).toHaveLength(5);
  });

  it('counts the failure of a flight whose leader gave up', async () => {
    const { clock, execute, state } = client();
    const controller = new AbortController();
    void execute([['GET', 'a']], { signal: controller.signal });
    void execute([['GET', 'a']]);
    controller.abort('gone');
    await clock.run(1_000);
    expect(state()).toEqual({ ...CLOSED, consecutiveFailures: 1, failures: 1 });
    expect(clock.pending()).toBe(0);
  });

  it('tells the listener about refused credentials, counts nothing and goes on asking', async () => {
    const { clock, events, seen, execute, request, state } = client();
    void execute([
      ['GET', 'a'],
      ['GET', 'b'],
    ]);
    await clock.run(0);
    request(0).answer(['A', { error: 'NOPERM this user has no permissions to access the key "secret"' }]);
    await clock.run(0);
    void execute([['SET', 'a', 1]]);
    await clock.run(0);
    request(1).fail(new StoreError('auth', 'The endpoint refused the token', { mayHaveRun: false }));
    await clock.run(0);
    expect(seen).toEqual(['GET a: ["A","auth true"]', 'SET a 1! auth false']);
    expect(events).toEqual([
      { type: 'config', at: clock.now(), problem: 'Redis cannot serve: NOPERM' },
      { type: 'config', at: clock.now(), problem: 'The endpoint refused the token' },
    ]);
    expect(state()).toEqual({ ...CLOSED, neutral: 2 });
  });

  it('tells the listener about refused credentials also where the rest of the request tells of an outage', async () => {
    const { clock, events, execute, request, state } = client();
    void execute([
      ['GET', 'a'],
      ['SET', 'b', 1],
    ]);
    await clock.run(0);
    request(0).answer([{ error: 'NOPERM x' }, { error: 'OOM x' }]);
    await clock.run(0);
    expect(events).toEqual([{ type: 'config', at: clock.now(), problem: 'Redis cannot serve: NOPERM' }]);
    expect(state()).toEqual({ ...CLOSED, consecutiveFailures: 1, failures: 1 });
  });

  it('tells the listener about a used-up quota, which is a failure', async () => {
    const { clock, events, execute, request, state } = client();
    void execute([['GET', 'a']]);
    await clock.run(0);
    request(0).answer([{ error: 'ERR max requests limit exceeded. Limit: 10000' }]);
    await clock.run(0);
    expect(events).toEqual([{ type: 'quota', at: clock.now() }]);
    expect(state()).toEqual({ ...CLOSED, consecutiveFailures: 1, failures: 1 });
  });

  it('stays open for as long as the server asks', async () => {
    const { clock, store, kv } = client();
    store.respond(() => new StoreError('http', 'status 429', { status: 429, retryAfterMs: 25_000 }));
    for (let index = 0; index < 5; index += 1) await kv.command(['GET', 'a']).catch(() => {});
    expect(kv.circuit.state()).toMatchObject({ state: 'OPEN', retryAfterMs: 25_000, openedAt: clock.now() });
  });
});

describe('an open circuit', () => {
  it('answers at once, without I/O and without a timer', async () => {
    const { clock, store, execute, seen, state, trip } = client();
    await trip();
    void execute([['GET', 'a']]);
    void execute([['SET', 'b', 1]], { atomic: true, timeoutMs: 5 });
    void execute([['GET', 'a']]);
    await clock.run(0);
    expect(seen).toHaveLength(3);
    expect(seen).toEqual(expect.arrayContaining(['GET a! CIRCUIT_OPEN 10000', 'SET b 1! CIRCUIT_OPEN 10000']));
    expect(store.sent).toHaveLength(0);
    expect(clock.pending()).toBe(0);
    // The two reads were one.
    expect(state()).toEqual({ ...CLOSED, name: 'OPEN', epoch: 1, failures: 5, opened: 1, refused: 2 });
  });

  it('has been so to the end of its time: of a hundred calls then, one is sent and 99 are told at once', async () => {
    const { clock, execute, seen, wire, request, state, trip } = client();
    await trip();
    await clock.run(9_999);
    void execute([['SET', 'early', 1]]);
    await clock.run(0);
    expect(wire()).toEqual([]);
    await clock.run(1);
    seen.splice(0);
    for (let index = 0; index < 100; index += 1) void execute([['SET', `${index}`, 1]]);
    await clock.run(0);
    expect(wire()).toEqual(['SET 0 1']);
    expect(seen).toHaveLength(99);
    expect(new Set(seen.map((line) => line.replace(/^SET \d+ 1/, '')))).toEqual(new Set(['! CIRCUIT_OPEN 1500']));
    request(0).answer(['OK']);
    await clock.run(0);
    expect(wire()).toEqual(['SET 0 1']);
    expect(seen.at(-1)).toBe('SET 0 1: ["OK"]');
    expect(state()).toMatchObject({ name: 'HALF_OPEN', epoch: 2, probeSuccesses: 1, refused: 100 });
    expect(clock.pending()).toBe(0);
  });

  it('ends with two good probes, and requests share again', async () => {
    const { clock, events, execute, wire, request, state, trip } = client();
    await trip();
    clock.advance(10_000);
    for (const key of ['a', 'b']) {
      void execute([['GET', key]]);
      await clock.run(0);
      request(-1).answer([null]);
      await clock.run(0);
    }
    expect(state()).toMatchObject({ name: 'CLOSED', epoch: 3, successes: 2 });
    for (const key of ['c', 'd', 'e']) void execute([['GET', key]]);
    await clock.run(0);
    expect(wire()).toEqual(['GET a', 'GET b', 'GET c, GET d, GET e']);
    expect(events.map((event) => event.type === 'circuit' && `${event.from} ${event.to}`)).toEqual([
      'CLOSED OPEN',
      'OPEN HALF_OPEN',
      'HALF_OPEN CLOSED',
    ]);
  });

  it('lasts its full time again when a good probe is followed by one that runs into its deadline', async () => {
    const { clock, execute, request, kv, trip } = client();
    await trip();
    clock.advance(10_000);
    void execute([['GET', 'a']]);
    await clock.run(0);
    request(-1).answer([null]);
    await clock.run(0);
    void execute([['GET', 'b']]);
    await clock.run(1_000);
    expect(kv.circuit.state()).toMatchObject({ state: 'OPEN', epoch: 3, openedAt: clock.now(), retryAfterMs: 10_000 });
    expect(clock.pending()).toBe(0);
  });

  it('is not closed or prolonged by what comes back from before', async () => {
    const { clock, store, execute, kv, state } = client({ batch: { maxInFlight: 100 } });
    for (let index = 0; index < 7; index += 1) {
      void execute([['SET', `${index}`, 1]]);
      await clock.run(0);
    }
    for (const request of store.sent.slice(0, 5)) request.fail(away);
    await clock.run(500);
    expect(kv.circuit.state()).toMatchObject({ state: 'OPEN', epoch: 1, retryAfterMs: 9_500 });
    store.sent[5]?.answer(['OK']);
    store.sent[6]?.fail(away);
    await clock.run(0);
    expect(kv.circuit.state()).toMatchObject({ state: 'OPEN', epoch: 1, retryAfterMs: 9_500 });
    expect(state()).toEqual({ ...CLOSED, name: 'OPEN', epoch: 1, failures: 5, opened: 1, ignored: 2 });
  });

  it('refuses what had gathered before it opened', async () => {
    const { clock, store, execute, seen } = client({ batch: { maxInFlight: 1 }, breaker: { failureThreshold: 1 } });
    void execute([['SET', 'a', 1]]);
    await clock.run(0);
    void execute([['SET', 'b', 1]]);
    void execute([['SET', 'c', 1]]);
    await clock.run(0);
    store.sent[0]?.fail(away);
    await clock.run(0);
    expect(seen).toEqual(['SET a 1! network false', 'SET b 1! CIRCUIT_OPEN 10000', 'SET c 1! CIRCUIT_OPEN 10000']);
    expect(store.sent).toHaveLength(1);
    expect(clock.pending()).toBe(0);
  });
});

describe('a caller that gives up', () => {
  it('moves no counter while the circuit is closed', async () => {
    const { clock, execute, request, seen, state } = client();
    for (let index = 0; index < 20; index += 1) {
      const controller = new AbortController();
      void execute([['SET', 'a', 1]], { signal: controller.signal });
      await clock.run(0);
      controller.abort('gone');
      await clock.run(0);
      expect(request(-1).signal?.aborted).toBe(true);
    }
    expect(seen).toEqual(Array.from({ length: 20 }, () => 'SET a 1! gone'));
    expect(state()).toEqual({ ...CLOSED, neutral: 20 });
    expect(clock.pending()).toBe(0);
  });

  it('as the probe moves no counter and gives its place to the next', async () => {
    const { clock, execute, wire, request, state, trip } = client();
    await trip();
    clock.advance(10_000);
    for (let index = 0; index < 5; index += 1) {
      const controller = new AbortController();
      void execute([['SET', `${index}`, 1]], { signal: controller.signal });
      await clock.run(0);
      controller.abort('gone');
      await clock.run(0);
    }
    expect(wire()).toEqual(['SET 0 1', 'SET 1 1', 'SET 2 1', 'SET 3 1', 'SET 4 1']);
    expect(state()).toMatchObject({ name: 'HALF_OPEN', epoch: 2, neutral: 5, failures: 5, refused: 0 });
    void execute([['SET', 'x', 1]]);
    await clock.run(0);
    request(-1).answer(['OK']);
    await clock.run(0);
    expect(state()).toMatchObject({ name: 'HALF_OPEN', probeSuccesses: 1 });
    expect(clock.pending()).toBe(0);
  });

  it('by its own shorter deadline says nothing about the store', async () => {
    const { clock, execute, seen, state } = client();
    for (let index = 0; index < 10; index += 1) {
      void execute([['SET', 'a', 1]], { timeoutMs: 50 });
      void execute([['GET', `${index}`]], { timeoutMs: 50 });
      await clock.run(49);
      expect(seen).toHaveLength(2 * index);
      await clock.run(1);
    }
    expect(seen.slice(0, 2).sort()).toEqual(['GET 0! DEADLINE false', 'SET a 1! DEADLINE true']);
    expect(state()).toEqual({ ...CLOSED, neutral: 10 });
    expect(clock.pending()).toBe(0);
  });

  it('by its own shorter deadline is told that a call with one write in it may have run', async () => {
    const { clock, execute, seen } = client();
    void execute(
      [
        ['GET', 'a'],
        ['INCR', 'a'],
      ],
      { timeoutMs: 50 },
    );
    await clock.run(50);
    expect(seen).toEqual(['GET a! DEADLINE true']);
  });

  it('by its own shorter deadline before its write has left is told that it has not run, and it never does', async () => {
    const { clock, execute, request, seen, wire } = client({ batch: { maxInFlight: 1 } });
    void execute([['GET', 'a']]);
    await clock.run(0);
    void execute([['SET', 'b', 1]], { timeoutMs: 50 });
    await clock.run(50);
    expect(seen).toEqual(['SET b 1! DEADLINE false']);
    request(0).answer([null]);
    await clock.run(0);
    expect(wire()).toEqual(['GET a']);
    expect(clock.pending()).toBe(0);
  });

  it('has no longer deadline than the client, whatever it asks for', async () => {
    const { clock, execute, seen } = client();
    void execute([['GET', 'a']], { timeoutMs: 5_000 });
    void execute([['SET', 'b', 1]], { timeoutMs: 5_000 });
    await clock.run(1_000);
    expect(seen.sort()).toEqual(['GET a! DEADLINE false', 'SET b 1! DEADLINE true']);
  });

  it('by one signal for many calls is not kept in mind by those that are over', async () => {
    const { clock, kv, store, execute, trip } = client();
    const { signal } = new AbortController();
    const all = async () => {
      void execute([['GET', 'a']], { signal });
      void execute([['GET', 'a']], { signal });
      void execute([['SET', 'a', 1]], { signal, timeoutMs: 50 });
      void execute([['SET', 'b', 1]], { signal, atomic: true });
      await clock.run(1_000);
    };
    await all();
    store.respond((commands) => commands.map(() => 'OK'));
    await all();
    await trip();
    await all();
    clock.advance(10_000);
    await all();
    expect(kv.circuit.state()).toMatchObject({ state: 'OPEN', epoch: 3 });
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    expect(clock.pending()).toBe(0);
  });

  it('before it calls is not heard of', async () => {
    const { kv, store, state } = client();
    const signal = AbortSignal.abort('before');
    await expect(kv.command(['GET', 'a'], { signal })).rejects.toBe('before');
    await expect(kv.command(['SET', 'a', 1], { signal })).rejects.toBe('before');
    await expect(kv.execute([['SET', 'a', 1]], { signal, atomic: true })).rejects.toBe('before');
    expect(store.sent).toHaveLength(0);
    expect(state()).toEqual(CLOSED);
  });
});

describe('time', () => {
  it('that the process slept through makes no failure of a deadline that rings late', async () => {
    const { clock, execute, seen, state } = client();
    void execute([['SET', 'a', 1]]);
    await clock.run(500);
    clock.suspend(HOUR_MS);
    await clock.run(500);
    expect(seen).toEqual(['SET a 1! DEADLINE true']);
    expect(state()).toEqual({ ...CLOSED, neutral: 1 });
  });

  it.each([HOUR_MS, -HOUR_MS])('that jumps by %d ms does not keep a request from its deadline', async (ms) => {
    const { clock, execute, seen } = client();
    void execute([['SET', 'a', 1]]);
    await clock.run(500);
    clock.jumpWall(ms);
    await clock.run(499);
    expect(seen).toEqual([]);
    await clock.run(1);
    expect(seen).toEqual(['SET a 1! DEADLINE true']);
  });
});

describe('identical reads', () => {
  it('share a command and a sample, and get values of their own', async () => {
    const { clock, kv, request, wire, state } = client();
    const all = Array.from({ length: 10 }, () => kv.command(['LRANGE', 'l', 0, -1]));
    await clock.run(0);
    expect(wire()).toEqual(['LRANGE l 0 -1']);
    request(0).answer([['x', ['y']]]);
    const values = await Promise.all(all);
    (values[0] as string[]).push('scribble');
    ((values[1] as string[][])[1] as string[]).push('scribble');
    for (const value of values.slice(2)) expect(value).toEqual(['x', ['y']]);
    expect(values[0]).toEqual(['x', ['y'], 'scribble']);
    expect(state()).toEqual({ ...CLOSED, successes: 1 });
    expect(clock.pending()).toBe(0);
  });

  it('are those that were asked for, whatever a caller does to its own commands later', async () => {
    const { clock, kv, execute, seen, request, wire } = client();
    const reused: [string, string] = ['GET', 'a'];
    const list: Command[] = [reused];
    void execute(list);
    reused[1] = 'b';
    list.push(['GET', 'c']);
    void execute(list);
    list.length = 0;
    const other = kv.command(['GET', 'a']);
    await clock.run(0);
    expect(wire()).toEqual(['GET a, GET b, GET c']);
    request(0).answer(['of a', 'of b', 'of c']);
    expect(await other).toBe('of a');
    expect(seen.toSorted()).toEqual(['GET a: ["of a"]', 'GET b: ["of b","of c"]']);
  });

  it('do not share when it is turned off', async () => {
    const { clock, execute, wire } = client({ coalesce: false });
    void execute([['GET', 'a']]);
    void execute([['GET', 'a']]);
    await clock.run(0);
    expect(wire()).toEqual(['GET a, GET a']);
  });

  it('do not share what changes something, or depends on more than its keys', async () => {
    const { clock, execute, wire } = client();
    for (let index = 0; index < 2; index += 1) {
      for (const command of [['INCR', 'a'], ['PING'], ['TIME'], ['GETDEL', 'b'], ['RANDOMKEY']] as Command[]) {
        void execute([command]);
      }
    }
    await clock.run(0);
    expect(wire()).toEqual(['INCR a, PING, TIME, GETDEL b, RANDOMKEY, INCR a, PING, TIME, GETDEL b, RANDOMKEY']);
  });

  it('each get an error of their own when Redis refuses the command', async () => {
    const { clock, kv, request } = client();
    const all = [kv.command(['GET', 'a']), kv.command(['GET', 'a'])].map((promise) =>
      promise.catch((error: unknown) => error),
    );
    await clock.run(0);
    request(0).answer([{ error: 'WRONGTYPE Operation against a key holding the wrong kind of value' }]);
    const [first, second] = await Promise.all(all);
    expect(first).toMatchObject({ code: 'COMMAND', replyCode: 'WRONGTYPE' });
    expect(second).toMatchObject({ code: 'COMMAND', replyCode: 'WRONGTYPE' });
    expect(first).not.toBe(second);
  });

  it.each([
    ['a write of their key', [['SET', 'a', 1]]],
    [
      'a deletion among others',
      [
        ['GET', 'b'],
        ['DEL', 'x', 'a'],
      ],
    ],
    ['a script that names their key', [['EVALSHA', 'abc', 1, 'a']]],
    ['FLUSHALL', [['FLUSHALL']]],
    ['a command that names nothing, and may write anything', [['WIPE']]],
    ['FLUSHDB in whatever way', [['flushdb', 'ASYNC']]],
  ] as [string, Command[]][])('do not join one that left before %s', async (_, write) => {
    const { clock, execute, wire } = client();
    void execute([['GET', 'a']]);
    void execute(write);
    void execute([['GET', 'a']]);
    void execute([['GET', 'a']]);
    await clock.run(0);
    expect(wire()).toEqual([`GET a, ${write.map((one) => one.join(' ')).join(', ')}, GET a`]);
  });

  it('do not join one that left while the write was under way and may have been answered before it', async () => {
    const { clock, execute, seen, wire, request } = client();
    void execute([['SET', 'a', 'new']]);
    await clock.run(0);
    void execute([['GET', 'a']]);
    await clock.run(0);
    request(0).answer(['OK']);
    await clock.run(0);
    void execute([['GET', 'a']]);
    await clock.run(0);
    expect(wire()).toEqual(['SET a new', 'GET a', 'GET a']);
    request(2).answer(['new']);
    request(1).answer(['old']);
    await clock.run(0);
    expect(seen).toEqual(['SET a new: ["OK"]', 'GET a: ["new"]', 'GET a: ["old"]']);
  });

  it('go on sharing through writes of other keys', async () => {
    const { clock, execute, wire } = client();
    void execute([['GET', 'a']]);
    void execute([['SET', 'b', 'c']]);
    void execute([['GET', 'a']]);
    await clock.run(0);
    expect(wire()).toEqual(['GET a, SET b c']);
  });

  it('end their request when the last of them gives up, which counts nothing', async () => {
    const { clock, execute, seen, request, state } = client();
    const controllers = [new AbortController(), new AbortController()];
    for (const { signal } of controllers) void execute([['GET', 'a']], { signal });
    await clock.run(0);
    controllers[0]?.abort('first');
    await clock.run(0);
    expect(request(0).signal?.aborted).toBe(false);
    controllers[1]?.abort('second');
    await clock.run(0);
    expect(request(0).signal?.aborted).toBe(true);
    expect(seen).toEqual(['GET a! first', 'GET a! second']);
    expect(state()).toEqual({ ...CLOSED, neutral: 1 });
    expect(clock.pending()).toBe(0);
  });
});

describe('a listener', () => {
  it('that throws costs nobody anything, and is reported', async () => {
    const reported: unknown[] = [];
    const broken = new Error('broken listener');
    const onEvent = () => {
      throw broken;
    };
    const { trip, state } = client({ onEvent, onListenerError: (error) => reported.push(error) });
    await trip();
    expect(state()).toMatchObject({ name: 'OPEN', epoch: 1, failures: 5 });
    expect(reported).toEqual([broken]);
  });

  it('whose reporter throws as well costs nobody anything', async () => {
    const onEvent = () => {
      throw new Error('broken listener');
    };
    const onListenerError = () => {
      throw new Error('broken reporter');
    };
    const { clock, kv, execute, request, seen, state, trip } = client({ onEvent, onListenerError });
    await trip();
    clock.advance(10_000);
    for (let index = 0; index < 2; index += 1) {
      void execute([['SET', 'a', index]]);
      await clock.run(0);
      request(-1).answer(['OK']);
      await clock.run(0);
    }
    void execute([['GET', 'a']]);
    await clock.run(0);
    request(-1).answer([{ error: 'NOAUTH Authentication required.' }]);
    await clock.run(0);
    expect(seen).toEqual(['SET a 0: ["OK"]', 'SET a 1: ["OK"]', 'GET a: ["auth true"]']);
    expect(state()).toMatchObject({ name: 'CLOSED', epoch: 3, successes: 2, neutral: 1 });
    expect(() => kv.notify({ type: 'keys-lost', at: 0 })).not.toThrow();
  });

  it('that asks the same client is refused by the circuit that it hears about', async () => {
    const seen: unknown[] = [];
    const { trip, clock, kv, store } = client({
      onEvent: () => void kv.command(['GET', 'x']).catch((error: unknown) => seen.push(told(error))),
    });
    await trip();
    await clock.run(0);
    expect(seen).toEqual(['CIRCUIT_OPEN 10000']);
    expect(store.sent).toHaveLength(0);
  });
});

describe('the deadline of a client', () => {
  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31])('may not be %d', (requestTimeoutMs) => {
    expect(() => client({ requestTimeoutMs })).toThrow('requestTimeoutMs must be a number of milliseconds from 1');
  });

  it.each([1, 2 ** 31 - 1])('may be %d', (requestTimeoutMs) => {
    expect(client({ requestTimeoutMs }).kv.requestTimeoutMs).toBe(requestTimeoutMs);
  });

  it('moves the lease of a probe and the limit beyond which a request was frozen', async () => {
    const { clock, kv, execute, trip } = client({ requestTimeoutMs: 200 });
    await trip();
    clock.advance(10_000);
    void execute([['SET', 'a', 1]]);
    expect(await kv.command(['SET', 'b', 1]).catch(told)).toBe('CIRCUIT_OPEN 700');
    clock.suspend(1_401);
    await clock.run(200);
    expect(kv.circuit.state()).toMatchObject({ state: 'HALF_OPEN', totals: { neutral: 1 } });
  });
});

describe('whatever callers and store do, in whatever order', () => {
  type Step =
    | {
        readonly do: 'call';
        readonly key: number;
        readonly write: boolean;
        readonly timeoutMs: number;
        readonly atomic: boolean;
      }
    | { readonly do: 'abort'; readonly which: number }
    | { readonly do: 'answer'; readonly which: number; readonly how: 'well' | 'short' | 'fail' | 'outage' }
    | { readonly do: 'turns'; readonly count: number }
    | { readonly do: 'wait'; readonly ms: number };

  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('call' as const),
        key: fc.nat(2),
        write: fc.boolean(),
        timeoutMs: fc.constantFrom(1_000, 1_000, 30),
        atomic: fc.constantFrom(false, false, false, true),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('abort' as const), which: fc.nat(6) }) },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('answer' as const),
        which: fc.nat(4),
        how: fc.constantFrom('well' as const, 'well' as const, 'short' as const, 'fail' as const, 'outage' as const),
      }),
    },
    // Few enough to stop between two awaits of a call.
    { weight: 5, arbitrary: fc.record({ do: fc.constant('turns' as const), count: fc.integer({ min: 1, max: 12 }) }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 29, 30, 999, 1_000, 10_000) }),
    },
  );

  const answerTo = ([name, ...args]: Command): Reply => `${name} ${args.join(' ')}`;

  it('every call ends with its own answer or an error by its deadline, and nothing is left behind', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }), async (steps) => {
        const { clock, store, kv, state } = client({ batch: { maxInFlight: 2, maxCommands: 3 } });
        const calls: { readonly controller: AbortController; settledAt: number; readonly endsBy: number }[] = [];
        const wrong: unknown[] = [];
        let serial = 0;
        for (const one of steps) {
          if (one.do === 'call') {
            const controller = new AbortController();
            const command: Command = one.write ? ['SET', `k${one.key}`, `${serial}`] : ['GET', `k${one.key}`];
            serial += 1;
            const call = {
              controller,
              settledAt: Number.POSITIVE_INFINITY,
              endsBy: clock.monotonic() + one.timeoutMs,
            };
            calls.push(call);
            const { timeoutMs, atomic } = one;
            kv.execute([command], { signal: controller.signal, timeoutMs, atomic: atomic && one.write }).then(
              ([value]) => {
                call.settledAt = clock.monotonic();
                if (!(value instanceof Error) && value !== answerTo(command)) wrong.push([command, value]);
              },
              (error: unknown) => {
                call.settledAt = clock.monotonic();
                const own = error === 'gone' || isKvError(error);
                if (!own) wrong.push(error);
                if (!one.write && isKvError(error) && error.code === 'DEADLINE' && error.mayHaveRun) wrong.push(error);
                const left = store.sent.some(({ commands }) => commands.map(String).includes(String(command)));
                if (isKvError(error) && error.code === 'DEADLINE' && error.mayHaveRun && !left) wrong.push(error);
              },
            );
          } else if (one.do === 'abort') calls.at(-1 - one.which)?.controller.abort('gone');
          else if (one.do === 'answer') {
            const request = store.sent.at(-1 - one.which);
            const replies = request?.commands.map(answerTo) ?? [];
            if (one.how === 'well') request?.answer(replies);
            else if (one.how === 'short') request?.answer(replies.slice(1));
            else if (one.how === 'fail') request?.fail(away);
            else request?.answer(replies.map(() => ({ error: 'LOADING Redis is loading the dataset in memory' })));
          } else if (one.do === 'turns') for (let turn = 0; turn < one.count; turn += 1) await Promise.resolve();
          else await clock.run(one.ms);
        }
        await clock.run(3_000);
        expect(wrong).toEqual([]);
        expect(calls.filter(({ settledAt, endsBy }) => settledAt > endsBy)).toEqual([]);
        expect(clock.pending()).toBe(0);
        const { successes, failures, neutral, ignored } = state();
        expect(successes + failures + neutral + ignored).toBe(store.sent.length);
        for (const { commands } of store.sent) expect(commands.length).toBeLessThanOrEqual(3);
        const written = store.sent.flatMap(({ commands }) => commands).filter(([name]) => name === 'SET');
        expect(new Set(written.map(String)).size).toBe(written.length);
      }),
      { numRuns: 400, verbose: 1 },
    );
  });
});
