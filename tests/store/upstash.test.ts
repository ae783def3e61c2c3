import { describe, expect, it } from 'vitest';
import { isKvError, type StoreError } from '../../lib/errors.ts';
import type { Command } from '../../lib/store/store.ts';
import { type UpstashStoreOptions, upstashStore } from '../../lib/store/upstash.ts';

const URL_OF_STORE = 'https://example.upstash.io';
const TOKEN = 'tokenTOKENtoken';
const SECRET_KEY = 'secret-key-of-a-user';
const GET: Command = ['GET', SECRET_KEY];

interface Sent {
  readonly url: string;
  readonly init: RequestInit;
}

type Answer = Response | Error | ((init: RequestInit) => Promise<Response>);

/** A store whose requests get the given answers in turn, the last one for ever. */
function answering(answers: readonly Answer[], options: Partial<UpstashStoreOptions> = {}) {
  const sent: Sent[] = [];
  const store = upstashStore({
    url: URL_OF_STORE,
    token: TOKEN,
    fetch: async (url, init) => {
      sent.push({ url, init });
      const answer = answers[Math.min(sent.length, answers.length) - 1];
      if (answer === undefined) throw new Error('no answer is scripted');
      if (answer instanceof Error) throw answer;
      return answer instanceof Response ? answer.clone() : answer(init);
    },
    ...options,
  });
  return { store, sent };
}

const json = (body: unknown, init: ResponseInit = {}): Response => new Response(JSON.stringify(body), init);

async function failureOf(answer: Answer, commands: readonly Command[] = [GET], atomic = false): Promise<StoreError> {
  const { store, sent } = answering([answer]);
  const error: unknown = await store.execute(commands, { atomic }).then(
    () => new Error('it was answered'),
    (reason: unknown) => reason,
  );
  if (!isKvError(error) || error.code !== 'STORE') throw error;
  expect(sent).toHaveLength(1);
  return error;
}

/** All that a log could show of it. */
function everythingIn(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    parts.push(at.message, at.stack ?? '', JSON.stringify(Object.entries(at)));
  }
  return parts.join('\n');
}

const header = (sent: Sent | undefined, name: string): string | null => new Headers(sent?.init.headers).get(name);

describe('a request of the upstash store', () => {
  it('is one POST of the batch to /pipeline with the token as bearer', async () => {
    const { store, sent } = answering([json([{ result: 'OK' }, { result: 3 }])]);
    expect(await store.execute([['SET', 'k', 'v', 'EX', 9], ['DBSIZE']])).toEqual(['OK', 3]);
    expect(sent).toHaveLength(1);
    expect(sent[0]?.url).toBe('https://example.upstash.io/pipeline');
    expect(sent[0]?.init).toMatchObject({
      method: 'POST',
      redirect: 'manual',
      body: '[["SET","k","v","EX","9"],["DBSIZE"]]',
    });
    expect(header(sent[0], 'authorization')).toBe(`Bearer ${TOKEN}`);
    expect(header(sent[0], 'content-type')).toBe('application/json');
  });

  it('goes to /multi-exec when it is atomic, below the path of the URL', async () => {
    const { store, sent } = answering([json([{ result: 'v' }])], { url: 'http://localhost:8079/redis/' });
    expect(await store.execute([GET], { atomic: true })).toEqual(['v']);
    expect(sent[0]?.url).toBe('http://localhost:8079/redis/multi-exec');
  });

  it('asks not to be cached where the platform knows how', async () => {
    const { store, sent } = answering([json([{ result: 'v' }])]);
    await store.execute([GET]);
    expect(sent[0]?.init.cache).toBe('no-store');
  });

  it('is not made for an empty batch', async () => {
    const { store, sent } = answering([json([])]);
    expect(await store.execute([])).toEqual([]);
    expect(sent).toEqual([]);
  });

  it('writes numbers that JSON cannot as their text', async () => {
    const { store, sent } = answering([json([{ result: 1 }])]);
    await store.execute([['ZADD', 'k', Number.POSITIVE_INFINITY, 'm']]);
    expect(sent[0]?.init.body).toBe('[["ZADD","k","Infinity","m"]]');
  });

  it('carries the sync token of the answer before, and none at first', async () => {
    const tokens = ['one', 'two', undefined];
    const answers = tokens.map((token) =>
      json([{ result: 'v' }], token === undefined ? {} : { headers: { 'upstash-sync-token': token } }),
    );
    const { store, sent } = answering(answers);
    for (let i = 0; i < 4; i += 1) await store.execute([GET]);
    expect(sent.map((request) => header(request, 'upstash-sync-token'))).toEqual([null, 'one', 'two', 'two']);
  });

  it('carries no sync token when own writes need not be read', async () => {
    const answer = json([{ result: 'v' }], { headers: { 'upstash-sync-token': 'one' } });
    const { store, sent } = answering([answer], { readYourWrites: false });
    await store.execute([GET]);
    await store.execute([GET]);
    expect(sent.map((request) => header(request, 'upstash-sync-token'))).toEqual([null, null]);
  });

  it('finds the fetch that is global when it is made', async () => {
    const store = upstashStore({ url: URL_OF_STORE, token: TOKEN });
    const original = globalThis.fetch;
    globalThis.fetch = async () => json([{ result: 'from a later fetch' }]);
    try {
      expect(await store.execute([GET])).toEqual(['from a later fetch']);
    } finally {
      globalThis.fetch = original;
    }
  });
});

describe('an answer of the endpoint', () => {
  it('may hold every type of reply', async () => {
    const { store } = answering([
      json([
        { result: null },
        { result: '' },
        { result: -1 },
        { result: ['a', [1, null, []]] },
        { error: 'WRONGTYPE x' },
      ]),
    ]);
    const commands = Array.from({ length: 5 }, () => GET);
    expect(await store.execute(commands)).toEqual([null, '', -1, ['a', [1, null, []]], { error: 'WRONGTYPE x' }]);
  });

  const malformed: readonly (readonly [what: string, body: string])[] = [
    ['an empty body', ''],
    ['HTML', `<html>${SECRET_KEY}</html>`],
    ['truncated JSON', `[{"result":"${SECRET_KEY}`],
    ['null', 'null'],
    ['an object', '{"result":"v"}'],
    ['an empty array', '[]'],
    ['one reply too many', '[{"result":"v"},{"result":"v"}]'],
    ['a bare reply', '["v"]'],
    ['null in place of a reply', '[null]'],
    ['an array in place of a reply', '[[]]'],
    ['a reply that is neither result nor error', '[{}]'],
    ['a reply that is both', '[{"result":null,"error":"ERR x"}]'],
    ['an error that is no text', '[{"error":{"message":"x"}}]'],
    ['an error that is null', '[{"error":null}]'],
    ['a boolean', '[{"result":true}]'],
    ['an object as result', '[{"result":{"a":1}}]'],
    ['a boolean deep inside', '[{"result":["a",["b",false]]}]'],
    ['arrays nested without end', `[{"result":${'['.repeat(5000)}${']'.repeat(5000)}}]`],
  ];
  for (const [what, body] of malformed) {
    it(`is refused as a breach of the protocol when it is ${what}`, async () => {
      const error = await failureOf(new Response(body));
      expect(error).toMatchObject({ kind: 'protocol', mayHaveRun: true });
      expect(everythingIn(error)).not.toContain(SECRET_KEY);
    });
  }

  it('keeps the cause of what is not JSON, without the body', async () => {
    expect((await failureOf(new Response('<html>'))).cause).toBeInstanceOf(SyntaxError);
  });

  it.each([401, 403])('of status %i is a matter of credentials, and nothing ran', async (status) => {
    const answer = json({ error: 'WRONGPASS invalid or missing auth token' }, { status });
    expect(await failureOf(answer)).toMatchObject({ kind: 'auth', status, mayHaveRun: false });
  });

  it.each([408, 429, 500, 502, 503, 504])('of status %i is a failure of HTTP, whatever it says', async (status) => {
    for (const body of ['<html>sorry</html>', '{"error":"ERR x"}', '[{"result":"v"}]', '']) {
      const error = await failureOf(new Response(body, { status }));
      expect(error).toMatchObject({ kind: 'http', status, retryAfterMs: undefined });
      expect(everythingIn(error)).not.toContain('sorry');
    }
  });

  const soon = 'Wed, 21 Oct 2015 07:28:30 GMT';
  const now = 'Wed, 21 Oct 2015 07:28:00 GMT';
  it.each([
    ['seconds', { 'retry-after': '7' }, 7000],
    ['zero seconds', { 'retry-after': '0' }, 0],
    ['a date, by the clock of the server', { 'retry-after': soon, date: now }, 30_000],
    ['a date that has passed', { 'retry-after': now, date: soon }, 0],
    ['too many seconds', { 'retry-after': '99999999' }, 3_600_000],
    ['nonsense', { 'retry-after': '-5' }, undefined],
    ['a word', { 'retry-after': 'soon' }, undefined],
  ])('tells how long to wait in %s', async (_, headers, retryAfterMs) => {
    const error = await failureOf(new Response('', { status: 429, headers: new Headers(Object.entries(headers)) }));
    expect(error.retryAfterMs).toBe(retryAfterMs);
  });

  it('with a date but without its own time is measured by the clock of the store', async () => {
    const answer = new Response('', { status: 503, headers: { 'retry-after': soon } });
    const { store } = answering([answer], {
      clock: { now: () => Date.parse(now), monotonic: () => 0, after: () => () => undefined },
    });
    await expect(store.execute([GET])).rejects.toMatchObject({ kind: 'http', retryAfterMs: 30_000 });
  });

  it.each([
    ['ERR max requests limit exceeded. Limit: 500000, Usage: 500099', 'quota'],
    ['ERR max daily request limit exceeded. Limit: 10000, Usage: 10000', 'quota'],
    ['ERR max monthly bandwidth exceeded', 'quota'],
    ['This database has been suspended', 'quota'],
    ['LOADING Redis is loading the dataset in memory', 'unavailable'],
    ['MASTERDOWN Link with MASTER is down', 'unavailable'],
    ['CLUSTERDOWN The cluster is down', 'unavailable'],
    ['TRYAGAIN Multiple keys request during rehashing of slot', 'unavailable'],
    ["READONLY You can't write against a read only replica.", 'unavailable'],
    ['MISCONF Redis is configured to save RDB snapshots', 'unavailable'],
    ['NOREPLICAS Not enough good replicas to write.', 'unavailable'],
    ["OOM command not allowed when used memory > 'maxmemory'.", 'unavailable'],
    ['BUSY Redis is busy running a script.', 'unavailable'],
    ['NOAUTH Authentication required.', 'auth'],
    ['WRONGPASS invalid password', 'auth'],
    ["NOPERM this user has no permissions to run the 'set' command", 'auth'],
    ['ERR failed to parse pipeline request', 'protocol'],
    ['BUSYKEY Target key name already exists.', 'protocol'],
  ])('of status 400 with %j is of kind %s, in and out of transactions', async (text, kind) => {
    const error = await failureOf(json({ error: `${text} ${SECRET_KEY}` }, { status: 400 }));
    expect(error).toMatchObject({ kind, status: 400 });
    expect(everythingIn(error)).not.toContain(SECRET_KEY);
    if (kind !== 'protocol') {
      expect(await failureOf(json({ error: text }, { status: 400 }), [GET], true)).toMatchObject({ kind });
    }
  });

  it('that discards a transaction is the reply to each of its commands', async () => {
    const discarded = { error: 'EXECABORT Transaction discarded because of previous errors.' };
    const { store } = answering([json(discarded, { status: 400 })]);
    expect(await store.execute([GET, ['NOSUCHCOMMAND']], { atomic: true })).toEqual([discarded, discarded]);
  });

  it('of status 404 or in HTML breaches the protocol', async () => {
    expect(await failureOf(json({ error: 'not here' }, { status: 404 }), [GET], true)).toMatchObject({
      kind: 'protocol',
      status: 404,
    });
    expect(await failureOf(new Response('<html>', { status: 400 }))).toMatchObject({ kind: 'protocol', status: 400 });
  });

  it('that redirects is not followed', async () => {
    const answer = new Response(null, { status: 307, headers: { location: 'https://elsewhere.example/' } });
    expect(await failureOf(answer)).toMatchObject({ kind: 'protocol', status: 307 });
  });
});

describe('a request that gets no answer', () => {
  const refused = (code: string): Error =>
    new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) });

  it.each(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN'])('because of %s has certainly not run', async (code) => {
    const answer = refused(code);
    const error = await failureOf(answer);
    expect(error).toMatchObject({ kind: 'network', mayHaveRun: false, status: undefined });
    expect(error.cause).toBe(answer);
  });

  it.each(['ECONNRESET', 'UND_ERR_SOCKET', 'UND_ERR_HEADERS_TIMEOUT'])('because of %s may have run', async (code) => {
    expect(await failureOf(refused(code))).toMatchObject({ kind: 'network', mayHaveRun: true });
  });

  it('because every one of several addresses refused has certainly not run', async () => {
    const both = (first: string, second: string): Error =>
      new TypeError('fetch failed', { cause: new AggregateError([refused(first), refused(second)]) });
    expect(await failureOf(both('ECONNREFUSED', 'ECONNREFUSED'))).toMatchObject({ mayHaveRun: false });
    expect(await failureOf(both('ECONNREFUSED', 'ETIMEDOUT'))).toMatchObject({ mayHaveRun: true });
  });

  it('because the body broke off may have run', async () => {
    const broken = new ReadableStream({ start: (controller) => controller.error(refused('ECONNREFUSED')) });
    expect(await failureOf(async () => new Response(broken))).toMatchObject({ kind: 'network', mayHaveRun: true });
  });

  it('names neither token nor command nor address in the error', async () => {
    const text = everythingIn(await failureOf(refused('ECONNRESET')));
    for (const secret of [TOKEN, SECRET_KEY, 'example.upstash.io']) expect(text).not.toContain(secret);
  });
});

describe('a caller of the upstash store', () => {
  it('who has given up already sends nothing', async () => {
    const { store, sent } = answering([json([{ result: 'v' }])]);
    const reason = new Error('left');
    await expect(store.execute([GET], { signal: AbortSignal.abort(reason) })).rejects.toMatchObject({
      kind: 'aborted',
      mayHaveRun: false,
      cause: reason,
    });
    expect(sent).toEqual([]);
  });

  it('who gives up while the headers are awaited is told at once, and the request is stopped', async () => {
    const caller = new AbortController();
    let stopped = false;
    const { store } = answering([
      (init) =>
        new Promise((_, reject) => {
          init.signal?.addEventListener('abort', () => {
            stopped = true;
            reject(init.signal?.reason);
          });
        }),
    ]);
    const answer = store.execute([GET], { signal: caller.signal });
    caller.abort();
    await expect(answer).rejects.toMatchObject({ kind: 'aborted', mayHaveRun: true });
    expect(stopped).toBe(true);
  });

  it('who gives up while the body stalls is told at once, though the body does not heed the signal', async () => {
    const caller = new AbortController();
    let reading = (): void => undefined;
    const isReading = new Promise<void>((resolve) => {
      reading = resolve;
    });
    const stalled = new ReadableStream({ pull: () => reading() }, { highWaterMark: 0 });
    const { store } = answering([async () => new Response(stalled)]);
    const answer = store.execute([GET], { signal: caller.signal });
    await isReading;
    caller.abort();
    await expect(answer).rejects.toMatchObject({ kind: 'aborted', mayHaveRun: true });
  });

  it('is refused after close without a request', async () => {
    const { store, sent } = answering([json([{ result: 'v' }])]);
    await store.close();
    await store.close();
    await expect(store.execute([GET])).rejects.toMatchObject({ kind: 'local', mayHaveRun: false });
    expect(sent).toEqual([]);
  });
});

describe('the options of the upstash store', () => {
  it.each(['', 'example.upstash.io', 'redis://example.com', 'ftp://example.com', 'https://', '"https://a.example"'])(
    'do not take %j as url',
    (url) => {
      expect(() => upstashStore({ url, token: TOKEN })).toThrow(
        expect.objectContaining({ code: 'CONFIG', setting: 'url', message: 'url must be an http or https URL' }),
      );
    },
  );
  it.each(['https://user:hunter2@a.example', 'https://a.example/?token=hunter2', 'https://a.example/#hunter2'])(
    'do not take a url with more than an address, nor quote it: %j',
    (url) => {
      expect(() => upstashStore({ url, token: TOKEN })).toThrow(
        expect.objectContaining({ setting: 'url', message: expect.not.stringContaining('hunter2') }),
      );
    },
  );
  it.each(['', ' ', 'hunter2\n', 'hunter2 x', 'hünter2', '\u0000'])(
    'do not take %j as token, nor quote it',
    (token) => {
      expect(() => upstashStore({ url: URL_OF_STORE, token })).toThrow(
        expect.objectContaining({ code: 'CONFIG', setting: 'token', message: expect.not.stringContaining('2') }),
      );
    },
  );
});
