import { describe, expect, it } from 'vitest';
import { cachedHandler, page, told } from '../../support/cached-handler.ts';
import { eventually } from '../../support/eventually.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const FRESH = { headers: { 'cache-control': 'max-age=60' } };

/** A body that the test writes. */
function written() {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const seen = { cancelled: false };
  const body = new ReadableStream<Uint8Array>({
    start(own) {
      controller = own;
    },
    cancel() {
      seen.cancelled = true;
    },
  });
  return {
    body,
    seen,
    write: (text: string) => controller?.enqueue(bytes(text)),
    end: () => controller?.close(),
    fail: () => controller?.error(new Error('gone')),
  };
}

describe('a body that arrives in parts', () => {
  it('is handed out as it arrives; others wait for the whole', async () => {
    const source = written();
    const { get, asked, cache } = cachedHandler(() => new Response(source.body, FRESH));
    const first = await get();
    const reader = first.body?.getReader();
    source.write('one ');
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('one ');
    const second = get();
    await eventually(() => cache.stats().coalesced === 1);
    expect(await Promise.race([second, 'waiting'])).toBe('waiting');
    source.write('two');
    source.end();
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('two');
    expect(await told(second)).toBe('200 breakwater; fwd=miss; collapsed one two');
    expect(asked).toHaveLength(1);
  });

  it('has the time that it took counted: it is as old as its head, and not stored past its end', async () => {
    for (const [maxAge, expected] of [
      [60, { age: '1', told: '200 breakwater; hit; ttl=58 whole' }],
      [1, { age: null, told: '200 breakwater; fwd=miss other' }],
    ] as const) {
      const source = written();
      const { get, clock, answerBy, settled } = cachedHandler(
        () => new Response(source.body, { headers: { 'cache-control': `max-age=${maxAge}` } }),
      );
      const first = await get();
      clock.advance(1_500);
      source.write('whole');
      source.end();
      await first.text();
      await settled();
      answerBy(() => new Response('other'));
      const second = await get();
      expect({ age: second.headers.get('age'), told: (await told(second)).replace(/; stored.*lifetime/, '') }).toEqual(
        expected,
      );
    }
  });

  it('is stored though its caller leaves, or never reads it', async () => {
    for (const leave of [(response: Response) => response.body?.cancel(), () => undefined]) {
      const source = written();
      const { get, settled } = cachedHandler(() => new Response(source.body, FRESH));
      await leave(await get());
      source.write('whole');
      source.end();
      await settled();
      expect(await told(get())).toMatch(/hit.* whole$/);
    }
  });

  it('tells the platform of what outlives the response', async () => {
    const told: Promise<unknown>[] = [];
    const source = written();
    const { get } = cachedHandler(() => new Response(source.body, FRESH), {
      honourRequestDirectives: true,
      waitUntil: (promise) => told.push(promise),
    });
    await get();
    expect(told).toHaveLength(1);
    expect(await Promise.race([told[0], Promise.resolve('running')])).toBe('running');
    source.end();
    await told[0];
    await get('/a', { 'cache-control': 'no-cache' }).catch(() => undefined);
    expect(told).toHaveLength(2);
  });

  it('is not stored where it breaks off; who waited asks the handler', async () => {
    const source = written();
    const { get, cache, settled } = cachedHandler((request, call) =>
      call === 1 ? new Response(source.body, FRESH) : page()(request, call),
    );
    const first = await get();
    const second = get();
    source.write('half');
    await eventually(() => cache.stats().coalesced === 1);
    source.fail();
    await expect(first.text()).rejects.toThrow('gone');
    expect(await told(second)).toBe('200 breakwater; fwd=miss page 2');
    await settled();
    // The other one has stored nothing either: it asked for itself.
    expect(await told(get())).toBe('200 breakwater; fwd=miss page 3');
  });

  it('is not stored where it is not as long as announced', async () => {
    const { get, settled } = cachedHandler(
      (_request, call) =>
        new Response(`page ${call}`, { headers: { ...FRESH.headers, 'content-length': call === 1 ? '7' : '6' } }),
    );
    expect(await told(get())).toMatch(/page 1$/);
    await settled();
    expect(await told(get())).toMatch(/fwd=miss page 2$/);
    await settled();
    expect(await told(get())).toMatch(/hit.* page 2$/);
  });

  it('is not stored where it takes too long; who waited asks the handler', async () => {
    const source = written();
    const { get, cache, clock } = cachedHandler(
      (request, call) => (call === 1 ? new Response(source.body, FRESH) : page()(request, call)),
      {
        bodyTimeoutMs: 500,
      },
    );
    const first = await get();
    const second = get();
    await eventually(() => cache.stats().coalesced === 1);
    await clock.run(499);
    expect(await Promise.race([second, 'waiting'])).toBe('waiting');
    await clock.run(1);
    expect(await told(second)).toMatch(/page 2$/);
    source.write('slow');
    source.end();
    expect(await first.text()).toBe('slow');
  });
});

describe('a body that is too large', () => {
  it('is handed out whole, and not stored: one byte decides', async () => {
    for (const [size, status] of [
      [10, 'hit'],
      [11, 'fwd=miss'],
    ] as const) {
      const text = 'x'.repeat(size);
      const { get, settled } = cachedHandler(() => new Response(new Blob([text]).stream(), FRESH), {
        maxBodyBytes: 10,
      });
      expect(await (await get()).text()).toBe(text);
      await settled();
      expect(await told(get())).toContain(status);
    }
  });

  it('is not stored where the cache has no room for it', async () => {
    const { get, settled } = cachedHandler(() => new Response('x'.repeat(2_000), FRESH), {}, { maxValueBytes: 1_000 });
    expect(await (await get()).text()).toHaveLength(2_000);
    await settled();
    expect(await told(get())).toContain('fwd=miss');
  });

  it('comes back byte by byte where it is just small enough', async () => {
    const body = Uint8Array.from({ length: 2 ** 20 }, (_, at) => at % 251);
    const { get, settled } = cachedHandler(() => new Response(body, FRESH), {}, { maxValueBytes: 2 ** 21 });
    await (await get()).arrayBuffer();
    await settled();
    const response = await get();
    expect(response.headers.get('cache-status')).toContain('hit');
    expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true);
  });
});

describe('a body without an end', () => {
  it('hangs nobody, and takes no more memory than its bound', async () => {
    let pulled = 0;
    let cancelled = 0;
    const endless = () =>
      new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            pulled += 1;
            controller.enqueue(new Uint8Array(1_024));
          },
          cancel() {
            cancelled += 1;
          },
        },
        { highWaterMark: 0 },
      );
    const { get, settled } = cachedHandler(() => new Response(endless(), FRESH), { maxBodyBytes: 10 * 1_024 });
    const [first, second] = await Promise.all([get(), get()]);
    await settled();
    // The bound and one chunk, of both where the second came after the first had been given up.
    expect([11, 22]).toContain(pulled);
    for (const response of [first, second]) {
      const reader = response.body?.getReader();
      for (let at = 0; at < 100; at += 1) expect((await reader?.read())?.value).toHaveLength(1_024);
      await reader?.cancel();
    }
    expect(pulled).toBeLessThanOrEqual(2 * 101);
    expect(cancelled).toBe(2);
  });

  it('hangs nobody though nothing comes', async () => {
    const { get, cache, clock } = cachedHandler(() => new Response(new ReadableStream(), FRESH));
    const first = await get();
    const second = get();
    await eventually(() => cache.stats().coalesced === 1);
    await clock.run(2_000);
    expect([first.status, (await second).status]).toEqual([200, 200]);
  });

  it('of events is not looked at', async () => {
    const source = written();
    const { get } = cachedHandler(
      () => new Response(source.body, { headers: { ...FRESH.headers, 'content-type': 'text/event-stream' } }),
    );
    const [first, second] = await Promise.all([get(), get()]);
    expect([first.headers.get('cache-status'), second.status]).toEqual([
      'breakwater; fwd=miss; stored=?0; detail=event-stream',
      200,
    ]);
  });
});

describe('a handler that answers with one response again and again', () => {
  it('is handed on as it is', async () => {
    const response = new Response('once', FRESH);
    const { get, settled } = cachedHandler(() => response);
    expect(await told(get())).toMatch(/once$/);
    await settled();
    expect(await told(get())).toMatch(/hit.* once$/);
    expect(await get('/b')).toBe(response);
  });
});
