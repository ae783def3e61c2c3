import { describe, expect, it } from 'vitest';
import { StoreError } from '../../lib/errors.ts';
import { memoryStore } from '../../lib/store/memory/index.ts';
import type { Reply } from '../../lib/store/store.ts';
import { AWAY, scriptedClient } from '../support/scripted-client.ts';

const DAY_MS = 86_400_000;

describe('a retry of reads', () => {
  it('is off unless asked for', async () => {
    const { clock, wire, execute, request } = scriptedClient();
    execute([['GET', 'a']]);
    await clock.run(0);
    request(0).fail(AWAY);
    await clock.run(0);
    expect(wire()).toEqual(['GET a']);
  });

  it('sends a failed read once more, as a request and a sample of its own', async () => {
    const { clock, kv, seen, wire, execute, request } = scriptedClient({ retry: { reads: true } });
    execute([['GET', 'a']]);
    execute([['GET', 'a']]);
    await clock.run(0);
    request(0).fail(AWAY);
    await clock.run(0);
    expect(wire()).toEqual(['GET a', 'GET a']);
    request(1).answer(['A']);
    await clock.run(0);
    expect(seen).toEqual(['GET a: ["A"]', 'GET a: ["A"]']);
    expect(kv.circuit.state()).toMatchObject({ consecutiveFailures: 0, totals: { failures: 1, successes: 1 } });
    expect(clock.pending()).toBe(0);
  });

  it.each([1_000, 500])('is not made for a caller who leaves just then, of %d ms', async (timeoutMs) => {
    for (let turns = 0; turns < 20; turns += 1) {
      const { clock, kv, store, request } = scriptedClient({ retry: { reads: true }, coalesce: false });
      const controller = new AbortController();
      let left: unknown;
      kv.command(['GET', 'a'], { signal: controller.signal, timeoutMs }).catch((reason: unknown) => {
        left = reason;
      });
      await clock.run(1);
      request(0).fail(AWAY);
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      controller.abort('left');
      await clock.run(0);
      expect(left).toBe('left');
      expect(store.sent.slice(1).every(({ signal }) => signal?.aborted)).toBe(true);
      expect(clock.pending()).toBe(0);
    }
  });

  it('ends with the second failure', async () => {
    const { clock, kv, store, seen, execute } = scriptedClient({ retry: { reads: true } });
    store.respond(() => AWAY);
    execute([
      ['GET', 'a'],
      ['GET', 'b'],
    ]);
    await clock.run(0);
    expect(store.sent).toHaveLength(2);
    expect(seen).toEqual(['GET a! network false']);
    expect(kv.circuit.state().totals.failures).toBe(2);
  });

  it.each([
    ['a write', [['SET', 'a', 1]], false],
    [
      'a batch with a write in it',
      [
        ['GET', 'a'],
        ['INCR', 'b'],
      ],
      false,
    ],
    [
      'a transaction',
      [
        ['GET', 'a'],
        ['GET', 'b'],
      ],
      true,
    ],
  ] as const)('is never made of %s', async (_, commands, atomic) => {
    const { clock, store, execute } = scriptedClient({ retry: { reads: true } });
    store.respond(() => AWAY);
    execute(commands, { atomic });
    await clock.run(0);
    expect(store.sent).toHaveLength(1);
  });

  it.each([
    ['refused credentials', new StoreError('auth', 'no')],
    ['a used-up quota', new StoreError('quota', 'no')],
    ['a request to come back later', new StoreError('http', '503', { status: 503, retryAfterMs: 1 })],
    ['too many requests', new StoreError('http', '429', { status: 429 })],
    ['a refusal of our own', new StoreError('local', 'closed')],
  ])('is not made after %s', async (_, error) => {
    const { clock, store, execute } = scriptedClient({ retry: { reads: true } });
    store.respond(() => error);
    execute([['GET', 'a']]);
    await clock.run(0);
    expect(store.sent).toHaveLength(1);
  });

  it('has what is left of the deadline, not a new one', async () => {
    const { clock, seen, execute, request } = scriptedClient({ retry: { reads: true } });
    execute([['GET', 'a']]);
    await clock.run(700);
    request(0).fail(AWAY);
    await clock.run(299);
    expect(seen).toEqual([]);
    await clock.run(1);
    expect(seen).toEqual(['GET a! DEADLINE false']);
    await clock.run(5_000);
    expect(clock.pending()).toBe(0);
  });

  it('leaves a call that reads several keys no more time than it asked for', async () => {
    const { clock, seen, execute, request } = scriptedClient({ retry: { reads: true } });
    execute(
      [
        ['GET', 'a'],
        ['GET', 'b'],
      ],
      { timeoutMs: 200 },
    );
    await clock.run(150);
    request(0).fail(AWAY);
    await clock.run(49);
    expect(seen).toEqual([]);
    await clock.run(1);
    expect(seen).toEqual(['GET a! DEADLINE false']);
  });

  it('asks the breaker: the failure that opens the circuit is not followed by another', async () => {
    const { clock, store, seen, execute } = scriptedClient({
      retry: { reads: true },
      breaker: { failureThreshold: 1 },
    });
    store.respond(() => AWAY);
    execute([['GET', 'a']]);
    await clock.run(0);
    expect(store.sent).toHaveLength(1);
    expect(seen).toEqual(['GET a! CIRCUIT_OPEN 10000']);
  });

  it('is paid for: ten tokens are two retries, and five good reads earn another', async () => {
    const { clock, store, kv } = scriptedClient({
      retry: { reads: true, capacity: 10, cost: 5 },
      breaker: { failureThreshold: 1_000 },
    });
    const sentFor = async (reply: readonly Reply[] | Error) => {
      const before = store.sent.length;
      store.respond(() => reply);
      await kv.command(['GET', 'a']).catch(() => {});
      await clock.run(0);
      return store.sent.length - before;
    };
    for (const expected of [2, 2, 1, 1]) expect(await sentFor(AWAY)).toBe(expected);
    for (let read = 0; read < 5; read += 1) expect(await sentFor(['A'])).toBe(1);
    for (const expected of [2, 1]) expect(await sentFor(AWAY)).toBe(expected);
    for (let read = 0; read < 100; read += 1) await sentFor(['A']);
    for (const expected of [2, 2, 1]) expect(await sentFor(AWAY)).toBe(expected);
  });

  it.each(['capacity', 'cost'])('wants a %s of at least 1', (option) => {
    expect(() => scriptedClient({ retry: { reads: true, [option]: 0 } })).toThrow(`retry.${option}`);
  });
});

describe('a slow request', () => {
  it('is told of, with its length and its commands, but no keys', async () => {
    const { clock, events, execute, request } = scriptedClient();
    execute([['get', 'secret-key']]);
    execute([['SET', 'secret-key', 'secret-value']]);
    execute([['secret-7', 'x']]);
    await clock.run(100);
    request(0).answer([null, 'OK', null]);
    await clock.run(0);
    expect(events).toEqual([{ type: 'slow', at: clock.now(), durationMs: 100, commands: 3, names: ['GET', 'SET'] }]);
  });

  it('that is never answered is a failure, and not slow on top of it', async () => {
    const { clock, events, execute } = scriptedClient();
    execute([['GET', 'a']]);
    await clock.run(1_000);
    expect(events).toEqual([]);
  });

  it.each([
    [undefined, 99],
    [250, 249],
    [false, 999],
  ] as const)('begins at %s ms', async (slowMs, ms) => {
    const { clock, events, execute, request } = scriptedClient({ slowMs });
    execute([['GET', 'a']]);
    await clock.run(ms);
    request(0).answer([null]);
    await clock.run(0);
    expect(events).toEqual([]);
  });

  it.each([0, -1, Number.NaN])('may not begin at %d ms', (slowMs) => {
    expect(() => scriptedClient({ slowMs })).toThrow('slowMs must be');
  });
});

describe('a plan', () => {
  const plan = { commandsPerDay: 10 };
  const ping = Array.from({ length: 3 }, () => ['PING'] as const);

  it('is told of once at 80 % and once at 100 % of a day, and again the next day', async () => {
    const { clock, store, kv, events } = scriptedClient({ plan });
    store.respond((commands) => commands.map(() => 'PONG'));
    const used = async (times: number) => {
      events.splice(0);
      for (let time = 0; time < times; time += 1) await kv.execute(ping);
      return events.map((event) => event.type === 'plan' && [event.share, event.used, event.limit]);
    };
    expect(await used(2)).toEqual([]);
    expect(await used(1)).toEqual([[0.8, 9, 10]]);
    expect(await used(1)).toEqual([[1, 12, 10]]);
    expect(await used(10)).toEqual([]);
    clock.advance(DAY_MS - (clock.now() % DAY_MS) - 1);
    expect(await used(3)).toEqual([]);
    clock.advance(1);
    expect(await used(3)).toEqual([[0.8, 9, 10]]);
  });

  it('counts what left, answered or not, and nothing that was refused here', async () => {
    const { clock, kv, events, trip } = scriptedClient({ plan: { commandsPerDay: 5 } });
    await trip();
    expect(events.filter(({ type }) => type === 'plan')).toHaveLength(2);
    events.splice(0);
    clock.advance(DAY_MS);
    kv.circuit.force('FORCED_OPEN');
    for (let call = 0; call < 10; call += 1) await kv.command(['GET', 'a']).catch(() => {});
    expect(events.map(({ type }) => type)).toEqual(['circuit', 'circuit']);
  });

  it('is told of whenever the bytes that Redis holds have risen over 80 % or 100 %', async () => {
    const { store, kv, events } = scriptedClient({ plan: { maxBytes: 1_000 } });
    const held = async (bytes: number) => {
      events.splice(0);
      store.respond(() => [`# Memory\r\nused_memory:${bytes}\r\nused_memory_human:1K\r\n`]);
      expect(await kv.planUsage()).toEqual({ commandsToday: undefined, bytes });
      return events.map((event) => event.type === 'plan' && [event.resource, event.share, event.used, event.limit]);
    };
    expect(await held(799)).toEqual([]);
    expect(await held(800)).toEqual([['bytes', 0.8, 800, 1_000]]);
    expect(await held(999)).toEqual([]);
    expect(await held(500)).toEqual([]);
    expect(await held(1_000)).toEqual([
      ['bytes', 0.8, 1_000, 1_000],
      ['bytes', 1, 1_000, 1_000],
    ]);
    await held(500);
    store.respond(() => ['# Memory\r\n']);
    expect(await kv.planUsage()).toEqual({ commandsToday: undefined, bytes: undefined });
    expect(await held(800)).toEqual([['bytes', 0.8, 800, 1_000]]);
  });

  it('says what is used, and nothing where Redis does not tell', async () => {
    const { store, kv } = scriptedClient({ plan: { commandsPerDay: 10 } });
    store.respond(() => ['# Memory\r\n']);
    expect(await kv.planUsage()).toEqual({ commandsToday: 1, bytes: undefined });
    expect(await scriptedClient({ store: memoryStore() }).kv.planUsage()).toEqual({
      commandsToday: undefined,
      bytes: 0,
    });
    expect(store.sent[0]?.commands).toEqual([['INFO', 'memory']]);
  });

  it.each([0, 1.5, Number.NaN])('of %d commands or bytes is refused', (amount) => {
    expect(() => scriptedClient({ plan: { commandsPerDay: amount } })).toThrow('plan.commandsPerDay');
    expect(() => scriptedClient({ plan: { maxBytes: amount } })).toThrow('plan.maxBytes');
  });

  it('of nothing is refused', () => {
    expect(() => scriptedClient({ plan: {} })).toThrow('plan must name');
  });
});

describe('a transaction', () => {
  it('does not overtake a write that waits for its turn, nor is it overtaken', async () => {
    const { clock, seen, wire, execute, request } = scriptedClient({ batch: { maxInFlight: 1 } });
    execute([['SET', 'a', 1]]);
    await clock.run(0);
    execute([['SET', 'a', 2]]);
    execute([['INCR', 'a']], { atomic: true });
    execute([['INCR', 'a']], { atomic: true });
    execute([['SET', 'a', 3]]);
    for (let index = 0; index < 5; index += 1) {
      await clock.run(0);
      expect(wire()).toHaveLength(index + 1);
      request(index).answer([index]);
    }
    await clock.run(0);
    expect(wire()).toEqual(['SET a 1', 'SET a 2', 'INCR a', 'INCR a', 'SET a 3']);
    expect(seen).toEqual(['SET a 1: [0]', 'SET a 2: [1]', 'INCR a: [2]', 'INCR a: [3]', 'SET a 3: [4]']);
  });
});

describe('an error inside an array', () => {
  it('is one of ours, without the text of Redis, and an outage there counts as one', async () => {
    const { clock, kv, request } = scriptedClient();
    const asked = kv.command(['EVAL', 'return', 0]);
    await clock.run(0);
    request(0).answer([['fine', { error: "ERR no such thing as 'secret'" }, [{ error: 'READONLY secret' }]]]);
    const value = await asked;
    expect(value).toMatchObject(['fine', { code: 'COMMAND', replyCode: 'ERR' }, [{ kind: 'unavailable' }]]);
    const [, first, nested] = value as [string, Error, Error[]];
    expect(`${first} ${first.message} ${nested[0]?.message} ${JSON.stringify(value)}`).not.toContain('secret');
    expect(kv.circuit.state()).toMatchObject({ lastFailure: { kind: 'unavailable' } });
  });
});

describe('what a client says of itself', () => {
  it.each([
    ['isolate', true],
    [false, true],
    ['request', false],
  ] as const)(
    'with coalesce %j is whether promises may be shared by calls of different requests: %s',
    (coalesce, shares) => {
      expect(scriptedClient({ coalesce }).kv.sharesPromises).toBe(shares);
    },
  );

  it('is the namespace before its keys: none unless it was given one', async () => {
    const { clock, kv, wire } = scriptedClient();
    expect(kv.namespace).toBe('');
    void kv.set('a', 1).catch(() => {});
    await clock.run(0);
    expect(wire()).toEqual(['SET a 1']);
    expect(scriptedClient({ namespace: 'app:' }).kv.namespace).toBe('app:');
  });
});

describe('a scope', () => {
  const get = [['GET', 'a']] as const;

  it('shares reads and requests within itself, and with nobody else', async () => {
    const { clock, kv, wire, seen, execute, store } = scriptedClient({ coalesce: 'request' });
    const [one, two] = [kv.scope(), kv.scope()];
    for (const on of [one, one, two, kv, kv]) execute(get, {}, on);
    execute([['SET', 'b', 1]], {}, one);
    execute([['SET', 'c', 1]], {}, two);
    await clock.run(0);
    expect(wire().sort()).toEqual(['GET a', 'GET a', 'GET a, SET b 1', 'GET a, SET c 1']);
    for (const { commands, answer } of store.sent) answer(commands.map(([name]) => name));
    await clock.run(0);
    expect(seen).toHaveLength(7);
    expect(kv.circuit.state().totals.successes).toBe(4);
  });

  it('of a client that shares in all of its process still shares with nobody', async () => {
    const { clock, kv, wire, execute } = scriptedClient();
    const scope = kv.scope();
    for (const on of [kv, kv, scope, scope, scope.scope()]) execute(get, {}, on);
    await clock.run(0);
    expect(wire()).toEqual(['GET a', 'GET a', 'GET a']);
  });

  it('batches but does not share reads when those are never shared', async () => {
    const { clock, kv, wire, execute } = scriptedClient({ coalesce: false });
    const scope = kv.scope();
    execute(get, {}, scope);
    execute(get, {}, scope);
    await clock.run(0);
    expect(wire()).toEqual(['GET a, GET a']);
  });

  it('has the circuit of its client', async () => {
    const { kv, trip } = scriptedClient({ coalesce: 'request' });
    await trip();
    await expect(kv.scope().get('a')).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' });
    kv.scope().circuit.reset();
    expect(kv.circuit.state().state).toBe('CLOSED');
  });

  it('ends without its client, and with it', async () => {
    const { clock, kv, store } = scriptedClient();
    store.respond(() => ['1']);
    const [one, two] = [kv.scope(), kv.scope()];
    await one.close();
    await expect(one.get('a')).rejects.toMatchObject({ kind: 'local' });
    expect(await kv.get('a')).toBe(1);
    await kv.close();
    await expect(two.get('a')).rejects.toMatchObject({ kind: 'local' });
    expect(clock.pending()).toBe(0);
  });
});

describe('the circuit of a client', () => {
  it('can be forced and released', async () => {
    const { clock, kv, store, events, seen, execute } = scriptedClient();
    kv.circuit.force('FORCED_OPEN');
    execute([['GET', 'a']]);
    await clock.run(0);
    expect(seen).toEqual(['GET a! CIRCUIT_OPEN 10000']);
    kv.circuit.force('DISABLED');
    store.respond(() => AWAY);
    for (let call = 0; call < 10; call += 1) await kv.command(['GET', 'a']).catch(() => {});
    expect(store.sent).toHaveLength(10);
    kv.circuit.release();
    expect(kv.circuit.state()).toMatchObject({ state: 'CLOSED', mode: 'AUTO', totals: { failures: 0 } });
    expect(events.map((event) => event.type === 'circuit' && event.mode)).toEqual(['FORCED_OPEN', 'DISABLED', 'AUTO']);
  });

  it('goes on from another process, through JSON', async () => {
    const other = scriptedClient();
    await other.trip();
    const { kv } = scriptedClient();
    expect(kv.circuit.restore(JSON.parse(JSON.stringify(other.kv.circuit.state())))).toBe(true);
    await expect(kv.get('a')).rejects.toMatchObject({ code: 'CIRCUIT_OPEN', retryAfterMs: 10_000 });
  });
});
