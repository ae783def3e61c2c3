import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { StoreError } from '../../lib/errors.ts';
import type { Command, Reply } from '../../lib/store/store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { scriptedStore } from '../../lib/testing/scripted-store.ts';
import { GROWTH_CAP_MS, type Mode, type Rules } from '../support/breaker-model.ts';
import { ClientModel, type ModelCall, type ModelReply } from '../support/client-model.ts';
import { told } from '../support/scripted-client.ts';

type Step =
  | { readonly do: 'tick'; readonly calls: readonly { readonly kind: 'get' | 'set' | 'multi'; readonly key: number }[] }
  | { readonly do: 'reply'; readonly which: number; readonly reply: ModelReply }
  | { readonly do: 'abort'; readonly which: number }
  | { readonly do: 'advance' | 'jumpWall' | 'suspend'; readonly ms: number }
  | { readonly do: 'force'; readonly mode: Exclude<Mode, 'AUTO'> }
  | { readonly do: 'reset' }
  | { readonly do: 'release' };

const length = fc.constantFrom(1, 300, 999, 1_000, 1_500, 2_999, 3_001, 10_000, 25_000);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('tick' as const),
      calls: fc.array(
        fc.record({
          kind: fc.constantFrom('get' as const, 'get' as const, 'set' as const, 'multi' as const),
          key: fc.nat(1),
        }),
        { minLength: 1, maxLength: 4 },
      ),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('reply' as const),
      which: fc.nat(3),
      reply: fc.oneof(
        fc.constantFrom<ModelReply>('well', 'well', 'outage', 'denied'),
        fc.constantFrom(0, 0, 15_000).map((retryAfterMs) => ({ retryAfterMs })),
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('abort' as const), which: fc.nat(4) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: length }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('suspend' as const, 'jumpWall' as const), ms: length }) },
  { weight: 1, arbitrary: fc.constant({ do: 'jumpWall' as const, ms: -3_600_000 }) },
  {
    weight: 1,
    arbitrary: fc.oneof(
      fc.constantFrom<Step>({ do: 'reset' }, { do: 'release' }),
      fc.record({
        do: fc.constant('force' as const),
        mode: fc.constantFrom('FORCED_OPEN' as const, 'DISABLED' as const, 'METRICS_ONLY' as const),
      }),
    ),
  },
);

const rules: fc.Arbitrary<Rules> = fc.record({
  failures: fc.constantFrom(1, 2, 3),
  successes: fc.integer({ min: 1, max: 2 }),
  atOnce: fc.integer({ min: 1, max: 2 }),
  growth: fc.constantFrom(1, 2),
  slowMs: fc.constantFrom(undefined, 400),
  rate: fc.constantFrom(undefined, { calls: 4, share: 0.5 }),
});

const textOf = (command: Command) => command.join(' ');

async function perform(steps: readonly Step[], chosen: Rules): Promise<Set<string>> {
  const clock = manualClock();
  const store = scriptedStore();
  const model = new ClientModel(clock, chosen);
  const kv = createKv({
    store,
    clock,
    batch: { maxInFlight: 1_000 },
    breaker: {
      failureThreshold: chosen.failures,
      successThreshold: chosen.successes,
      halfOpenMaxConcurrent: chosen.atOnce,
      openBackoff: { factor: chosen.growth, maxMs: GROWTH_CAP_MS, jitter: 0 },
      slowCall: chosen.slowMs === undefined ? undefined : { ms: chosen.slowMs },
      failureRate: chosen.rate && { windowMs: 10_000, minimumCalls: chosen.rate.calls, threshold: chosen.rate.share },
    },
  });
  const calls: { readonly expected: ModelCall; readonly controller: AbortController; told: string | undefined }[] = [];
  const met = new Set<string>();
  let serial = 0;

  const issue = (kind: 'get' | 'set' | 'multi', key: number) => {
    const command: Command = kind === 'get' ? ['GET', `k${key}`] : ['SET', `k${key}`, serial++];
    const call: (typeof calls)[number] = {
      expected: {
        write: kind !== 'get',
        key: `k${key}`,
        atomic: kind === 'multi',
        command: textOf(command),
        told: undefined,
      },
      controller: new AbortController(),
      told: undefined,
    };
    calls.push(call);
    model.issue(call.expected);
    kv.execute([command], { signal: call.controller.signal, atomic: kind === 'multi' }).then(
      ([value]) => {
        call.told = value instanceof Error ? told(value) : `ok ${String(value)}`;
      },
      (error: unknown) => {
        call.told = told(error);
      },
    );
  };

  const advance = async (ms: number) => {
    const target = clock.monotonic() + ms;
    for (let next = model.nextDeadline(); next <= target; next = model.nextDeadline()) {
      await clock.run(next - clock.monotonic());
      model.expire();
    }
    await clock.run(target - clock.monotonic());
  };

  for (const one of steps) {
    if (one.do === 'tick') {
      for (const { kind, key } of one.calls) issue(kind, key);
      model.flush();
    } else if (one.do === 'reply') {
      const index = model.requests.length - 1 - one.which;
      const [expected, sent] = [model.requests[index], store.sent[index]];
      if (!expected || !sent) continue;
      model.reply(expected, one.reply);
      const { reply } = one;
      const answer = (make: (command: Command) => Reply) => sent.answer(sent.commands.map(make));
      if (reply === 'well') answer(textOf);
      else if (reply === 'outage') answer(() => ({ error: 'LOADING Redis is loading the dataset in memory' }));
      else if (reply === 'denied') answer(() => ({ error: 'NOPERM no' }));
      else sent.fail(new StoreError('network', 'reset', reply));
    } else if (one.do === 'abort') {
      const call = calls.at(-1 - one.which);
      if (!call) continue;
      model.abort(call.expected);
      call.controller.abort('gone');
    } else if (one.do === 'advance') await advance(one.ms);
    else if (one.do === 'force') {
      kv.circuit.force(one.mode);
      model.breaker.force(one.mode);
    } else if (one.do === 'reset' || one.do === 'release') {
      kv.circuit[one.do]();
      model.breaker[one.do]();
    } else clock[one.do](one.ms);
    await clock.run(0);
    const wire = store.sent.map(({ commands, atomic }) => [commands.map(textOf), atomic]);
    expect(wire).toEqual(
      model.requests.map(({ flights }) => [flights.map(({ call }) => call.command), flights[0]?.call.atomic]),
    );
    expect(calls.map((call) => call.told)).toEqual(calls.map(({ expected }) => expected.told));
    expect(kv.circuit.state()).toEqual(model.breaker.seen());
    met.add(model.breaker.name).add(model.breaker.mode);
  }
  await advance(3_000);
  expect(calls.filter((call) => call.told === undefined)).toEqual([]);
  expect(clock.pending()).toBe(0);
  return met;
}

it('does what its written rules say: the same on the wire, to each caller, and in the circuit', async () => {
  const met = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 16, size: 'max' }), rules, async (steps, chosen) => {
      for (const state of await perform(steps, chosen)) met.set(state, (met.get(state) ?? 0) + 1);
    }),
    { numRuns: 10_000, verbose: 1 },
  );
  for (const rare of ['OPEN', 'HALF_OPEN', 'FORCED_OPEN', 'DISABLED', 'METRICS_ONLY']) {
    expect(met.get(rare), rare).toBeGreaterThan(400);
  }
}, 120_000);
