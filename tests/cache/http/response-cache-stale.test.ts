import { describe, expect, it } from 'vitest';
import { cachedHandler, page, told } from '../../support/cached-handler.ts';
import { eventually } from '../../support/eventually.ts';

const CACHE = { swrMs: 30_000, staleIfErrorMs: 300_000 };
const broken = () => Promise.reject(new Error('broken'));
const failing = page({}, { status: 503 });

/** A stored page, so many seconds after it was stored. */
async function storedPage(ageS: number, cacheControl = 'max-age=60') {
  const rig = cachedHandler(page({ 'cache-control': cacheControl, etag: '"a"' }), {}, CACHE);
  await (await rig.get()).text();
  await rig.settled();
  rig.clock.advance(ageS * 1_000);
  return rig;
}

describe('a response past its end', () => {
  it('is served while a new one is made in the background, and then that is', async () => {
    const { get, settled } = await storedPage(65);
    const stale = await get();
    expect(stale.headers.get('age')).toBe('65');
    expect(await told(stale)).toBe('200 breakwater; hit; ttl=-5 page 1');
    await settled();
    expect(await told(get())).toBe('200 breakwater; hit; ttl=60 page 2');
  });

  it('stays when the new one cannot be stored, or fails; its body is let go', async () => {
    const { get, settled, answerBy, clock } = await storedPage(65);
    let cancelled = 0;
    const cancel = () => {
      cancelled += 1;
    };
    const body = () => new ReadableStream({ cancel });
    for (const [index, next] of [
      () => new Response(body(), { headers: { 'set-cookie': 'a=1' } }),
      () => new Response(body(), { status: 500 }),
    ].entries()) {
      answerBy(next);
      expect(await told(get())).toMatch(/hit.* page 1$/);
      await settled();
      expect(cancelled).toBe(index + 1);
      clock.advance(12_000);
    }
    answerBy(broken);
    expect(await told(get())).toMatch(/hit.* page 1$/);
    await settled();
  });

  it.each([
    ['answers with an error of the server', failing],
    ['throws', broken],
    [
      'throws at once',
      () => {
        throw new Error('broken');
      },
    ],
  ])('is served when it is too old for that, and the handler %s', async (_what, answer) => {
    const { get, answerBy, settled, asked } = await storedPage(120);
    answerBy(answer);
    expect(await told(get())).toBe('200 breakwater; hit; ttl=-60 page 1');
    expect(asked).toHaveLength(2);
    await settled();
    expect(await told(get('/a', { 'if-none-match': '"a"' }))).toBe('304 breakwater; hit; ttl=-60 ');
    expect(await told(get('/a', {}, 'HEAD'))).toBe('200 breakwater; hit; ttl=-60 ');
  });

  it('lets go of the error that it is served instead of', async () => {
    const { get, answerBy } = await storedPage(120);
    let isCancelled = false;
    const cancel = () => {
      isCancelled = true;
    };
    answerBy(() => new Response(new ReadableStream({ cancel }), { status: 500 }));
    expect(await told(get())).toMatch(/page 1$/);
    expect(isCancelled).toBe(true);
  });

  it('is not served when the handler has an answer that is none of its errors', async () => {
    const { get, answerBy } = await storedPage(120);
    answerBy(page({}, { status: 404 }));
    expect(await told(get())).toBe('404 breakwater; fwd=miss; stored=?0; detail=status page 2');
  });

  it('is served when the handler takes too long, whose answer is for the next one', async () => {
    const rig = await storedPage(120);
    const { get, answerBy, asked, clock, settled } = rig;
    let answer: (response: Response) => void = () => undefined;
    answerBy(() => new Promise((resolve) => (answer = resolve)));
    const response = get();
    await eventually(() => asked.length === 2);
    await clock.run(1_000);
    expect(await told(response)).toBe('200 breakwater; hit; ttl=-61 page 1');
    answer(new Response('late', { headers: { 'cache-control': 'max-age=60' } }));
    await settled();
    expect(await told(get())).toBe('200 breakwater; hit; ttl=60 late');
  });

  it('is gone at the end of all its times', async () => {
    const { get, answerBy } = await storedPage(360);
    answerBy(failing);
    expect(await told(get())).toBe('503 breakwater; fwd=miss page 2');
    answerBy(broken);
    await expect(get()).rejects.toThrow('broken');
  });
});

describe('a response that forbids it', () => {
  it.each(['max-age=60, must-revalidate', 'max-age=60, proxy-revalidate', 's-maxage=60'])(
    'is not served past its end, whatever the cache would do: %s',
    async (cacheControl) => {
      const { get, asked, settled } = await storedPage(65, cacheControl);
      expect(await told(get())).toBe('200 breakwater; fwd=stale page 2');
      await settled();
      expect(await told(get())).toBe('200 breakwater; hit; ttl=60 page 2');
      expect(asked).toHaveLength(2);
    },
  );

  it.each(['max-age=60, must-revalidate', 's-maxage=60', 'max-age=60, stale-while-revalidate=1'])(
    'has all who come at its end share one call of the handler: %s',
    async (cacheControl) => {
      const { get, answerBy, asked } = await storedPage(65, cacheControl);
      let answer: () => void = () => undefined;
      const slow = new Promise<void>((resolve) => {
        answer = resolve;
      });
      answerBy(async (request, call) => {
        await slow;
        return page({ 'cache-control': cacheControl })(request, call);
      });
      const pages = Array.from({ length: 20 }, async () => (await get()).text());
      await eventually(() => asked.length > 1);
      answer();
      expect(new Set(await Promise.all(pages))).toEqual(new Set(['page 2']));
      expect(asked).toHaveLength(2);
    },
  );

  it.each(['max-age=60, must-revalidate', 's-maxage=60'])(
    'is not served for an error either: %s',
    async (cacheControl) => {
      for (const ageS of [65, 120]) {
        const { get, answerBy } = await storedPage(ageS, cacheControl);
        answerBy(failing);
        expect(await told(get())).toMatch(/^503 breakwater; fwd=stale page/);
        expect(await told(get('/a', {}, 'HEAD'))).toMatch(/^503 breakwater; fwd=stale/);
        answerBy(broken);
        await expect(get()).rejects.toThrow('broken');
      }
    },
  );

  it('has who asks given the new one also where it cannot be stored, and the handler asked once', async () => {
    const { get, answerBy, asked, settled } = await storedPage(65, 'max-age=60, must-revalidate');
    answerBy(() => new Response('own', { headers: { 'set-cookie': 'a=1' } }));
    expect(await told(get())).toBe('200 breakwater; fwd=stale; stored=?0; detail=set-cookie own');
    await settled();
    expect(asked).toHaveLength(2);
  });

  it('is served until its very end', async () => {
    const { get, clock } = await storedPage(59, 'max-age=60, must-revalidate');
    clock.advance(999);
    expect(await told(get())).toBe('200 breakwater; hit; ttl=0 page 1');
  });
});

describe('a response that says for how long', () => {
  const CONTROL = 'max-age=60, stale-while-revalidate=5, stale-if-error=50';

  it('is served at once so long, and no longer', async () => {
    expect(await told((await storedPage(65, CONTROL)).get())).toBe('200 breakwater; hit; ttl=-5 page 1');
    expect(await told((await storedPage(66, CONTROL)).get())).toMatch(/^200 breakwater; fwd=stale page [23]$/);
  });

  it('is served for an error so long, and no longer', async () => {
    for (const [ageS, expected] of [
      [66, /^200 breakwater; hit; ttl=-6 page 1$/],
      [110, /^200 breakwater; hit; ttl=-50 page 1$/],
      [111, /^503 breakwater; fwd=stale page/],
    ] as const) {
      const { get, answerBy } = await storedPage(ageS, CONTROL);
      answerBy(failing);
      expect(await told(get())).toMatch(expected);
    }
  });

  it('has the error let go that it is served instead of', async () => {
    const { get, answerBy } = await storedPage(66, CONTROL);
    let cancelled = 0;
    const cancel = () => {
      cancelled += 1;
    };
    answerBy(() => new Response(new ReadableStream({ cancel }), { status: 500 }));
    expect(await told(get())).toMatch(/hit.* page 1$/);
    expect(cancelled).toBeGreaterThanOrEqual(1);
  });

  it('gets no more than the cache gives', async () => {
    const long = 'max-age=60, stale-while-revalidate=10000, stale-if-error=10000';
    expect(await told((await storedPage(90, long)).get())).toBe('200 breakwater; fwd=miss page 2');
    const { get, answerBy } = await storedPage(360, long);
    answerBy(failing);
    expect(await told(get())).toBe('503 breakwater; fwd=miss page 2');
  });
});
