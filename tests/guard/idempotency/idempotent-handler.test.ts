import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createKv, type KvClient } from '../../../lib/client/kv-client.ts';
import { CommandError } from '../../../lib/errors.ts';
import type { IdempotencyOptions } from '../../../lib/guard/idempotency/idempotency-options.ts';
import { idempotentHandler } from '../../../lib/guard/idempotency/idempotent-handler.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Store } from '../../../lib/store/store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { eventually } from '../../support/eventually.ts';
import { onEveryKv } from '../../support/every-kv.ts';
import { AWAY } from '../../support/scripted-client.ts';
import { type WatchedStore, watchedStore } from '../../support/watched-store.ts';

type Options = Partial<IdempotencyOptions>;

const post = (body: BodyInit | null = 'pay', headers: Record<string, string> = {}, path = '/pay') =>
  new Request(`https://example.test${path}`, {
    ...{ method: 'POST', body, headers: { 'idempotency-key': 'k', 'x-user': 'u', ...headers } },
    ...({ duplex: 'half' } as RequestInit),
  });

/** By what the test says: a real one would be verified. */
const scope = (request: Request) => request.headers.get('x-user') ?? '';

type Respond = (request: Request) => Response | Promise<Response>;

/** A handler that counts, and answers with the number of its run. */
function counting(kv: KvClient, options: Options = {}, respond?: Respond) {
  const state = { runs: 0 };
  const handle = idempotentHandler(
    (request: Request) => {
      state.runs += 1;
      return respond?.(request) ?? Response.json({ run: state.runs }, { status: 201, headers: { location: '/1' } });
    },
    { scope, ...options },
    () => kv,
  );
  return { state, handle };
}

const rig = (options: Options = {}, respond?: Respond) => {
  const clock = manualClock();
  clock.advance(3_600_000);
  const store = failingOnce(watchedStore(memoryStore({ clock })));
  const kv = createKv({ store, clock });
  return { clock, store, kv, ...counting(kv, options, respond) };
};

/** A store that counts its answers, and whose next request fails, or is never answered, when it is told so. */
function failingOnce(store: WatchedStore) {
  let instead: (() => Promise<never>) | undefined;
  let answers = 0;
  const execute: Store['execute'] = async (commands, options) => {
    const answer = instead;
    instead = undefined;
    if (answer) return answer();
    const replies = await store.execute(commands, options);
    answers += 1;
    return replies;
  };
  const failOnce = (error: Error) => {
    instead = () => Promise.reject(error);
  };
  const loseOnce = () => {
    instead = () => new Promise(() => undefined);
  };
  return { ...store, execute, failOnce, loseOnce, answers: () => answers };
}

const isReplay = (response: Response) => response.headers.get('idempotency-replayed') === 'true';

async function told(response: Response) {
  const { status, code } = (await response.json()) as { status: number; code: string };
  expect(response.status).toBe(status);
  return `${status} ${code}`;
}

onEveryKv('50 equal requests at the same time', (makeKv) => {
  it('run once in all processes, and are all answered with that one response, or with 409 and then with it', async () => {
    const processes = Array.from({ length: 3 }, () => counting(makeKv()));
    const ask = async (index: number): Promise<Response> => {
      for (;;) {
        const response = await processes[index % 3]?.handle(post());
        if (response?.status !== 409) return response ?? Response.error();
        expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    };
    const responses = await Promise.all(Array.from({ length: 50 }, (_, index) => ask(index)));
    expect(processes.reduce((sum, { state }) => sum + state.runs, 0)).toBe(1);
    expect(responses.filter(isReplay)).toHaveLength(49);
    for (const response of responses) {
      expect([response.status, response.headers.get('location'), await response.text()]).toEqual([
        ...[201, '/1', '{"run":1}'],
      ]);
    }
  });
});

describe('an idempotent handler', () => {
  it('replays status, body and chosen headers, marked as such; never a cookie', async () => {
    const headers = { 'content-type': 'text/plain', etag: '"1"', 'set-cookie': 'a=b', 'x-own': 'o', 'x-other': 'p' };
    const { handle, state } = rig(
      { headers: ['Content-Type', 'X-Own'] },
      () => new Response('é\u0000', { status: 202, headers }),
    );
    const first = await handle(post());
    expect(first.headers.getSetCookie()).toEqual(['a=b']);
    expect([isReplay(first), await first.text()]).toEqual([false, 'é\u0000']);
    const replayed = await handle(post());
    expect(replayed.status).toBe(202);
    expect(Object.fromEntries(replayed.headers)).toEqual({
      ...{ 'content-type': 'text/plain', 'x-own': 'o', 'idempotency-replayed': 'true' },
    });
    expect(await replayed.text()).toBe('é\u0000');
    expect(state.runs).toBe(1);
  });

  it.each([
    ['no body', () => new Response(null, { status: 204 }), ''],
    ['bytes that are no text', () => new Response(Uint8Array.of(0xff, 0x00, 0xfe)), '\ufffd\u0000\ufffd'],
    ['an empty body', () => new Response(''), ''],
    ['a redirect', () => Response.redirect('https://example.test/done', 303), ''],
  ])('replays a response with %s', async (_, respond, text) => {
    const { handle, state } = rig({}, respond);
    const [first, second] = [await handle(post()), await handle(post())];
    expect([second.status, isReplay(second), await second.text()]).toEqual([first.status, true, text]);
    expect(second.headers.get('location')).toBe(first.headers.get('location'));
    expect(state.runs).toBe(1);
  });

  it('says of a replayed body how it is encoded', async () => {
    const zipped = Uint8Array.from(gzipSync('text'));
    const { handle } = rig({}, () => new Response(zipped, { headers: { 'content-encoding': 'gzip' } }));
    await handle(post());
    const replayed = await handle(post());
    expect([isReplay(replayed), replayed.headers.get('content-encoding')]).toEqual([true, 'gzip']);
    expect(gunzipSync(new Uint8Array(await replayed.arrayBuffer())).toString()).toBe('text');
  });

  it.each([
    [401, 'www-authenticate', 'Bearer'],
    [405, 'allow', 'GET'],
  ])('replays with %i the header that has to come with it', async (status, name, value) => {
    const { handle } = rig({}, () => new Response(null, { status, headers: { [name]: value } }));
    await handle(post());
    const replayed = await handle(post());
    expect([isReplay(replayed), replayed.status, replayed.headers.get(name)]).toEqual([true, status, value]);
  });

  it('hands the request on as it came, body and all', async () => {
    const bodies: string[] = [];
    const { handle } = rig({}, async (request) => {
      bodies.push(await request.text());
      return new Response('ok');
    });
    await handle(post('some text'));
    const streamed = new ReadableStream({
      start(controller) {
        for (const part of ['in ', 'parts']) controller.enqueue(new TextEncoder().encode(part));
        controller.close();
      },
    });
    await handle(post(streamed, { 'idempotency-key': 'l' }));
    await handle(post(null, { 'idempotency-key': 'm' }));
    expect(bodies).toEqual(['some text', 'in parts', '']);
  });

  it('takes two requests to Redis for what runs and one for what is replayed', async () => {
    const { handle, store } = rig();
    await handle(post());
    const requestsOf = async (request: Request) => {
      const before = store.requests.length;
      await handle(request);
      return store.requests.slice(before).map((commands) => commands.map(([name]) => name));
    };
    expect(await requestsOf(post('x', { 'idempotency-key': 'new' }))).toEqual([['EVALSHA'], ['EVALSHA']]);
    expect(await requestsOf(post())).toEqual([['EVALSHA']]);
  });

  it('answers 400 without a key, or with one that is none, and asks Redis for nothing', async () => {
    const { handle, state, store } = rig();
    const without = post();
    without.headers.delete('idempotency-key');
    expect(await told(await handle(without))).toBe('400 idempotency-key-missing');
    expect(await told(await handle(post('x', { 'idempotency-key': 'a b' })))).toBe('400 idempotency-key-malformed');
    expect([state.runs, store.requests.length]).toEqual([0, 0]);
  });

  it('lets through what has no key where none is required, and methods that are not its own', async () => {
    const { handle, state, store } = rig({ required: false });
    for (let run = 0; run < 2; run += 1) {
      const without = post();
      without.headers.delete('idempotency-key');
      await handle(without);
      await handle(new Request('https://example.test/pay', { headers: { 'idempotency-key': 'k' } }));
    }
    expect([state.runs, store.requests.length]).toEqual([4, 0]);
    expect(await told(await handle(post('x', { 'idempotency-key': '"' })))).toBe('400 idempotency-key-malformed');
  });

  it('answers 409 with when to come again while the first request runs', async () => {
    let finish: (response: Response) => void = () => undefined;
    const { handle, state } = rig({}, () => new Promise<Response>((resolve) => (finish = resolve)));
    const first = handle(post());
    await eventually(() => state.runs === 1);
    const second = await handle(post());
    expect(['1', '2']).toContain(second.headers.get('retry-after'));
    expect(await told(second)).toBe('409 idempotency-in-progress');
    finish(new Response('done'));
    expect(await (await first).text()).toBe('done');
    expect(await (await handle(post())).text()).toBe('done');
  });

  it.each([
    ['body', post('other')],
    ['path', post('pay', {}, '/other')],
    ['query', post('pay', {}, '/pay?a=b')],
    ['method', new Request('https://example.test/pay', { method: 'PATCH', body: 'pay', headers: post().headers })],
  ])('answers 422 where the key is used again with another %s', async (_, other) => {
    const { handle, state } = rig();
    await handle(post());
    expect(await told(await handle(other))).toBe('422 idempotency-key-reused');
    expect(state.runs).toBe(1);
  });

  it('tells requests apart as it is told to', async () => {
    const { handle, state } = rig({ fingerprint: (request, body) => `${request.method}${body.byteLength}` });
    await handle(post('abc'));
    expect(isReplay(await handle(post('xyz')))).toBe(true);
    expect((await handle(post('abcd'))).status).toBe(422);
    expect(state.runs).toBe(1);
  });

  it('never answers one caller with what another was answered', async () => {
    const { handle, state } = rig();
    await handle(post());
    const other = await handle(post('pay', { 'x-user': 'v' }));
    expect([isReplay(other), state.runs]).toEqual([false, 2]);
    // Neither by a key that looks like a scope and a key.
    await handle(post('pay', { 'x-user': 'u', 'idempotency-key': 'v:k' }));
    await handle(post('pay', { 'x-user': 'u:v', 'idempotency-key': 'k' }));
    expect(state.runs).toBe(4);
  });

  it('does not run where nobody says who is asking', async () => {
    const { handle, state } = rig();
    await expect(handle(post('pay', { 'x-user': '' }))).rejects.toMatchObject({ code: 'CONFIG', setting: 'scope' });
    expect(state.runs).toBe(0);
  });

  it('runs again after 5xx, 429 or an exception, which is thrown on', async () => {
    const outcomes = [new Response('no', { status: 500 }), new Response('no', { status: 429 }), new Error('defect')];
    const { handle, state } = rig({}, () => {
      const outcome = outcomes.shift() ?? new Response('done');
      if (outcome instanceof Error) throw outcome;
      return outcome;
    });
    expect((await handle(post())).status).toBe(500);
    expect((await handle(post())).status).toBe(429);
    await expect(handle(post())).rejects.toThrow('defect');
    expect(await (await handle(post())).text()).toBe('done');
    expect(isReplay(await handle(post()))).toBe(true);
    expect(state.runs).toBe(4);
  });

  it('replays what it is told is no failure', async () => {
    const { handle, state } = rig(
      { isFailure: ({ status }) => status === 418 },
      () => new Response('x', { status: 503 }),
    );
    await handle(post());
    const again = await handle(post());
    expect([again.status, isReplay(again), state.runs]).toEqual([503, true, 1]);
  });

  it('bounds the body of a request before it runs', async () => {
    const { handle, state, store } = rig({ maxBodyBytes: 4 });
    expect((await handle(post('12345'))).status).toBe(413);
    expect([state.runs, store.requests.length]).toEqual([0, 0]);
    expect((await handle(post('1234'))).status).toBe(201);
  });

  it('does not wait longer for a body than it says', async () => {
    const { handle, clock } = rig({ bodyTimeoutMs: 500 });
    const answer = handle(post(new ReadableStream({ pull: () => new Promise(() => undefined) })));
    await eventually(() => clock.pending() > 0);
    clock.advance(500);
    expect(await told(await answer)).toBe('408 body-late');
  });

  it('hands out a response that is too large to keep, and tells a retry that it has run', async () => {
    const { handle, state } = rig({ maxResponseBytes: 4 }, () => new Response('12345'));
    expect(await (await handle(post())).text()).toBe('12345');
    expect(await told(await handle(post()))).toBe('409 idempotency-response-not-kept');
    expect(state.runs).toBe(1);
  });

  it('says the same of a response with headers too long to keep, and of one that is damaged', async () => {
    const { handle, kv } = rig({}, () => new Response('x', { headers: { etag: 'x'.repeat(16_384) } }));
    await handle(post());
    expect(await told(await handle(post()))).toBe('409 idempotency-response-not-kept');
    for (const damaged of [
      '',
      '{',
      '{"status":99,"headers":[],"body":null}',
      '{"status":200,"headers":[["a b","c"]],"body":null}',
      '{"status":204,"headers":[],"body":{"text":""}}',
    ]) {
      await kv.command(['HSET', 'dedup:{work:idempotent:u%3Ak}', 'result', damaged]);
      expect(await told(await handle(post()))).toBe('409 idempotency-response-not-kept');
    }
  });

  it('keeps others off for as long as it runs, and frees what a crash left behind', async () => {
    let finish: (response: Response) => void = () => undefined;
    const { handle, clock, store, state } = rig(
      { processingMs: 3_000, maxProcessingMs: 9_000 },
      () => new Promise<Response>((resolve) => (finish = resolve)),
    );
    const first = handle(post());
    await eventually(() => state.runs === 1);
    for (let second = 1; second <= 6; second += 1) {
      const before = store.requests.length;
      clock.advance(1_000);
      await eventually(() => store.requests.length > before);
      await eventually(() => clock.pending() === (second < 6 ? 1 : 0));
    }
    expect((await handle(post())).status).toBe(409);
    // It has taken all the time that it may.
    clock.advance(3_001);
    const second = handle(post());
    await eventually(() => state.runs === 2);
    finish(new Response('second'));
    expect(await (await second).text()).toBe('second');
    void first;
  });

  /** The request of a handler that never ends, while it runs, and a clock that goes on with so many answers. */
  const endless = async (options: Options) => {
    const { handle, clock, store, state } = rig(options, () => new Promise<Response>(() => undefined));
    const other = async () => (await Promise.race([handle(post()), eventually(() => state.runs === 2)]))?.status;
    void handle(post());
    await eventually(() => state.runs === 1);
    const pass = async (ms: number, answers: number) => {
      const before = store.answers();
      await clock.run(ms);
      await eventually(() => store.answers() >= before + answers);
      expect(store.answers()).toBe(before + answers);
    };
    // The server has to be told the script the first time.
    await pass(1_000, 2);
    return { store, pass, other };
  };

  it('keeps others off all the time that it may take, also where its steps do not divide that', async () => {
    const { pass, other } = await endless({ processingMs: 3_000, maxProcessingMs: 4_500 });
    await pass(500, 1);
    await pass(3_000, 0);
    expect(await other()).toBe(409);
    await pass(1, 0);
    expect(await other()).toBeUndefined();
  });

  it('keeps others off though one of its requests to do so is lost without an answer', async () => {
    const { store, pass, other } = await endless({ processingMs: 3_000 });
    store.loseOnce();
    for (let second = 0; second < 4; second += 1) await pass(1_000, second === 0 ? 0 : 1);
    expect(await other()).toBe(409);
  });

  it('extends nothing once it has answered', async () => {
    const { handle, clock } = rig();
    await handle(post());
    expect(clock.pending()).toBe(0);
  });
});

describe('an idempotent handler while Redis is away', () => {
  it('does not run: 503, with when to come again', async () => {
    const { handle, store, state } = rig();
    store.takeAway(AWAY);
    const response = await handle(post());
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(await told(response)).toBe('503 idempotency-unavailable');
    expect(state.runs).toBe(0);
  });

  it('hands out the response of what has run before it went away, and a retry waits for the claim to lapse', async () => {
    const { handle, store, state, clock } = rig({ processingMs: 3_000 }, () => {
      store.takeAway(AWAY);
      return new Response('done');
    });
    expect(await (await handle(post())).text()).toBe('done');
    store.giveBack();
    expect((await handle(post())).status).toBe(409);
    clock.advance(3_001);
    await handle(post());
    expect(state.runs).toBe(2);
  });

  it('replays what has run also where one request to keep it was lost', async () => {
    const { handle, store, state } = rig({}, () => {
      store.failOnce(AWAY);
      return new Response('done');
    });
    expect(await (await handle(post())).text()).toBe('done');
    const replayed = await handle(post());
    expect([isReplay(replayed), await replayed.text(), state.runs]).toEqual([true, 'done', 1]);
  });

  it('tells a retry that it has run where Redis refuses to keep the response', async () => {
    const { handle, store, state } = rig({}, () => {
      store.failOnce(new CommandError('ERR', 'max request size exceeded'));
      return new Response('done');
    });
    expect(await (await handle(post())).text()).toBe('done');
    expect(await told(await handle(post()))).toBe('409 idempotency-response-not-kept');
    expect(state.runs).toBe(1);
  });

  it('throws what the handler throws, whatever becomes of the claim', async () => {
    const { handle, store } = rig({}, () => {
      store.takeAway(AWAY);
      throw new Error('defect');
    });
    await expect(handle(post())).rejects.toThrow('defect');
  });
});

describe('an idempotent handler', () => {
  it.each<[string, Options]>([
    ['scope', { scope: undefined as never }],
    ['processingMs', { processingMs: 999 }],
    ['maxProcessingMs', { processingMs: 2_000, maxProcessingMs: 1_999 }],
    ['retentionMs', { retentionMs: 1 }],
    ['bodyTimeoutMs', { bodyTimeoutMs: 0 }],
    ['maxBodyBytes', { maxBodyBytes: -1 }],
    ['maxResponseBytes', { maxResponseBytes: 1.5 }],
    ['headers', { headers: ['Set-Cookie'] }],
    ['headers', { headers: ['x own'] }],
    ['headers', { headers: ['set-cookie '] }],
    ['headers', { headers: [''] }],
  ])('is not made with a wrong %s', (setting, wrong) => {
    expect(() => rig(wrong)).toThrow(expect.objectContaining({ code: 'CONFIG', setting }));
  });
});
