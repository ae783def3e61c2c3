import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import type { BreakwaterEvent } from '../../lib/events.ts';
import { upstashStore } from '../../lib/store/upstash.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { type FaultyAnswer, type FaultyEndpoint, startFaultyEndpoint } from '../support/faulty-endpoint.ts';

let endpoint: FaultyEndpoint;
beforeAll(async () => {
  endpoint = await startFaultyEndpoint();
});
afterAll(() => endpoint.close());

const SECRET = 'body-that-nobody-may-see';

/** A client on an endpoint that answers so, by a clock that stands still. */
function asking(answer: FaultyAnswer) {
  endpoint.answer(answer);
  const clock = manualClock();
  const events: BreakwaterEvent[] = [];
  const store = upstashStore({ url: endpoint.url, token: 'secret', clock });
  const kv = createKv({ store, clock, onEvent: (event) => events.push(event) });
  const fail = async (): Promise<unknown> => {
    const before = endpoint.requests();
    const error = await kv.execute([['GET', 'a']]).then(
      (results) => (results[0] instanceof Error ? results[0] : expect.fail('an answer was taken for good')),
      (reason: unknown) => reason,
    );
    expect(endpoint.requests()).toBe(before + 1);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(SECRET);
    return error;
  };
  return { clock, kv, events, fail };
}

describe('what an endpoint answers', () => {
  it('fault 06 500, 502 HTML, 503, 504', async () => {
    for (const status of [500, 502, 503, 504]) {
      const { kv, fail } = asking({
        status,
        headers: { 'content-type': 'text/html' },
        body: `<html>${SECRET}</html>`,
      });
      for (let failures = 1; failures <= 5; failures += 1) {
        expect(await fail()).toMatchObject({ code: 'STORE', kind: 'http', status });
        expect(kv.circuit.state().totals.failures).toBe(failures);
      }
      expect(kv.circuit.state()).toMatchObject({ state: 'OPEN', lastFailure: { kind: 'http' } });
    }
  });

  it('fault 07 429 with Retry-After', async () => {
    for (const [retryAfter, openForMs] of [
      ['1', 10_000],
      ['30', 30_000],
      ['86400', 300_000],
      ['soon', 10_000],
    ] as const) {
      const { kv, fail } = asking({ status: 429, headers: { 'retry-after': retryAfter }, body: SECRET });
      for (let failures = 0; failures < 5; failures += 1) await fail();
      expect(kv.circuit.state()).toMatchObject({ state: 'OPEN', openForMs, retryAfterMs: openForMs });
    }
    const { clock, kv, fail } = asking({ status: 429, headers: { 'retry-after': '60' }, body: '' });
    await fail();
    endpoint.answer({ status: 500, body: '' });
    clock.advance(15_000);
    for (let failures = 0; failures < 4; failures += 1) await fail();
    expect(kv.circuit.state()).toMatchObject({ state: 'OPEN', openForMs: 45_000 });
  });

  it('fault 08 quota exhausted / database suspended', async () => {
    const answers: readonly FaultyAnswer[] = [
      { body: JSON.stringify([{ error: `ERR max requests limit exceeded. ${SECRET}` }]) },
      { body: JSON.stringify([{ error: `ERR database ${SECRET} has been suspended` }]) },
      { status: 400, body: JSON.stringify({ error: `ERR max daily request limit exceeded ${SECRET}` }) },
      { status: 400, body: JSON.stringify({ error: `this database ${SECRET} has been suspended` }) },
    ];
    for (const answer of answers) {
      const { kv, events, fail } = asking(answer);
      expect(await fail()).toMatchObject({ code: 'STORE', kind: 'quota' });
      expect(events).toMatchObject([{ type: 'quota' }]);
      expect(kv.circuit.state()).toMatchObject({ consecutiveFailures: 1, lastFailure: { kind: 'quota' } });
      expect(JSON.stringify(events)).not.toContain(SECRET);
    }
  });

  it('fault 09 200 with non-JSON, `{}`, `null`, `[]`, truncated JSON', async () => {
    const bodies = [SECRET, '{}', 'null', '[]', `[{"result":"${SECRET}`, '', '[{}]', '[null]', '[{"result":{}}]'];
    for (const body of bodies) {
      const { kv, fail } = asking({ body });
      expect(await fail(), body).toMatchObject({ code: 'STORE', kind: 'protocol' });
      expect(kv.circuit.state()).toMatchObject({ consecutiveFailures: 1, lastFailure: { kind: 'protocol' } });
    }
  });

  it('fault 10 reply array shorter or longer than the batch', async () => {
    for (const count of [0, 1, 2, 4]) {
      const { kv } = asking({ body: JSON.stringify(Array.from({ length: count }, () => ({ result: SECRET }))) });
      const calls = ['a', 'b', 'c'].map((key) => kv.get(key));
      for (const outcome of await Promise.allSettled(calls)) {
        expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'STORE', kind: 'protocol' } });
      }
      expect(kv.circuit.state()).toMatchObject({ consecutiveFailures: 1, totals: { failures: 1 } });
    }
  });
});
