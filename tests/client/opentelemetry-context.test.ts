import * as otel from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KvOptions } from '../../lib/client/kv-client.ts';
import { openTelemetry } from '../../lib/client/opentelemetry.ts';
import { StoreError } from '../../lib/errors.ts';
import type { Reply, Store } from '../../lib/store/store.ts';
import { startSdk } from '../support/opentelemetry-sdk.ts';
import { scriptedClient } from '../support/scripted-client.ts';

let sdk = startSdk();
sdk.stop();
beforeEach(() => {
  sdk = startSdk();
});
afterEach(() => sdk.stop());

// Asked for each time: a tracer of the API stays with the first SDK that it has met.
const tracer = () => otel.trace.getTracer('application');

/** A store that makes a span of each request, as an instrumented `fetch` does, and answers when the test says. */
const tracedClient = (options: Partial<KvOptions> = {}) => {
  const setup = scriptedClient();
  const store: Store = {
    ...setup.store,
    execute: (commands, execution) =>
      tracer().startActiveSpan(`POST ${commands.map(([name]) => name).join('+')}`, async (span) => {
        try {
          return await setup.store.execute(commands, execution);
        } finally {
          span.end();
        }
      }),
  };
  const telemetry = openTelemetry(otel);
  const client = scriptedClient({ store, clock: setup.clock, telemetry, ...options });
  const answer = async (index: number, ...replies: Reply[]) => {
    await setup.clock.run(0);
    setup.store.sent.at(index)?.answer(replies);
    await setup.clock.run(0);
  };
  return { kv: client.kv, clock: setup.clock, sent: setup.store.sent, respond: setup.store.respond, answer };
};

/** Runs `work` in a span of that name. */
const inSpan = <T>(name: string, work: () => Promise<T>): Promise<T> =>
  tracer().startActiveSpan(name, async (span) => {
    try {
      return await work();
    } finally {
      span.end();
    }
  });

/** The ended spans as `child < parent`, sorted. */
const family = () => {
  const names = new Map(sdk.spans().map((span) => [span.spanContext().spanId, span.name]));
  return sdk
    .spans()
    .map(({ name, parentSpanContext }) =>
      parentSpanContext ? `${name} < ${names.get(parentSpanContext.spanId)}` : name,
    )
    .sort();
};

describe('spans', () => {
  it('stand below what was active at the call, and above the request', async () => {
    const { kv, respond } = tracedClient();
    respond(() => ['OK']);
    await inSpan('page', () => kv.get('key'));
    expect(family()).toEqual(['GET < page', 'POST GET < GET', 'page']);
    expect(new Set(sdk.spans().map((span) => span.spanContext().traceId)).size).toBe(1);
  });

  it('leave what was active at the call active behind it', async () => {
    const { kv, respond } = tracedClient();
    respond(() => ['OK']);
    const after = await inSpan('page', async () => {
      const before = otel.trace.getActiveSpan();
      await kv.get('key');
      return otel.trace.getActiveSpan() === before;
    });
    expect(after).toBe(true);
  });

  it('are one for each caller of a shared request, which stands below the first', async () => {
    const { kv, answer } = tracedClient();
    const calls = [inSpan('one', () => kv.command(['INCR', 'a'])), inSpan('two', () => kv.command(['DECR', 'b']))];
    await answer(0, 1, 2);
    await Promise.all(calls);
    expect(family()).toEqual(['DECR < two', 'INCR < one', 'POST INCR+DECR < INCR', 'one', 'two']);
  });

  it('put a request that waited for another below its own caller, not below the other', async () => {
    const { kv, sent, answer } = tracedClient({ batch: { maxInFlight: 1 } });
    const calls = [inSpan('one', () => kv.command(['INCR', 'a']))];
    await Promise.resolve();
    calls.push(inSpan('two', () => kv.command(['DECR', 'b'])));
    await answer(0, 1);
    expect(sent).toHaveLength(2);
    await answer(1, 2);
    await Promise.all(calls);
    expect(family()).toEqual(['DECR < two', 'INCR < one', 'POST DECR < DECR', 'POST INCR < INCR', 'one', 'two']);
  });

  it('put a transaction that waited below its own caller', async () => {
    const { kv, answer } = tracedClient({ batch: { maxInFlight: 1 } });
    const calls: Promise<unknown>[] = [inSpan('one', () => kv.command(['INCR', 'a']))];
    await Promise.resolve();
    calls.push(inSpan('two', () => kv.execute([['DECR', 'b']], { atomic: true })));
    await answer(0, 1);
    await answer(1, 2);
    await Promise.all(calls);
    expect(family()).toContain('POST DECR < MULTI DECR');
  });

  it('are one for a follower too, without a request', async () => {
    const { kv, answer } = tracedClient();
    const calls = [inSpan('one', () => kv.get('key')), inSpan('two', () => kv.get('key'))];
    await answer(0, '1');
    await Promise.all(calls);
    expect(family()).toEqual(['GET < one', 'GET < two', 'POST GET < GET', 'one', 'two']);
    const [request] = sdk.spans().filter(({ name }) => name.startsWith('POST'));
    const [leader] = sdk.spans().filter((span) => span.spanContext().spanId === request?.parentSpanContext?.spanId);
    const [one] = sdk.spans().filter(({ name }) => name === 'one');
    expect(leader?.parentSpanContext?.spanId).toBe(one?.spanContext().spanId);
  });

  it('are one for a read that is sent twice, above both requests', async () => {
    const { kv, sent, clock, answer } = tracedClient({ retry: { reads: true } });
    const call = inSpan('page', () => kv.get('key'));
    await clock.run(0);
    sent[0]?.fail(new StoreError('network', 'reset'));
    await clock.run(0);
    await answer(1, '1');
    expect(await call).toBe(1);
    expect(family()).toEqual(['GET < page', 'POST GET < GET', 'POST GET < GET', 'page']);
    expect(sdk.spans().find(({ name }) => name === 'GET')?.status.code).toBe(otel.SpanStatusCode.UNSET);
  });

  it('stand above the request of a probe too', async () => {
    const { kv, clock, respond } = tracedClient({ breaker: { failureThreshold: 1 } });
    respond(() => new StoreError('network', 'refused'));
    await kv.command(['PING']).catch(() => {});
    respond(() => ['PONG']);
    clock.advance(10_000);
    await inSpan('page', () => kv.command(['TIME']));
    expect(family()).toContain('POST TIME < TIME');
  });

  it('of a client that is told without a context manager are roots', async () => {
    otel.context.disable();
    const { kv, respond } = tracedClient();
    respond(() => ['OK']);
    await inSpan('page', () => kv.get('key'));
    expect(family()).toEqual(['GET', 'POST GET', 'page']);
  });
});
