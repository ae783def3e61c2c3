import { describe, expect, it } from 'vitest';
import { bodyProblem, readBody } from '../../lib/guard/body.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

const clock = manualClock();
const read = (request: Request, maxBytes = 8) => readBody(request, { maxBytes, timeoutMs: 1_000, clock });
const post = (body: BodyInit | null, headers: Record<string, string> = {}) =>
  new Request('https://example.test', { method: 'POST', body, headers, ...({ duplex: 'half' } as RequestInit) });

/** A body that sends its chunks, and then ends, fails or goes on for ever; and whether anybody still reads. */
function streamed(chunks: readonly Uint8Array[], end: 'close' | 'error' | 'hang' = 'close') {
  const seen = { pulled: 0, cancelled: false };
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const chunk = chunks[seen.pulled];
        seen.pulled += 1;
        if (chunk) controller.enqueue(chunk);
        else if (end === 'close') controller.close();
        else if (end === 'error') controller.error(new Error('gone'));
        else return new Promise(() => undefined);
      },
      cancel() {
        seen.cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { request: post(body), seen };
}

const bytes = (text: string) => new TextEncoder().encode(text);

describe('the body of a request', () => {
  it('is its text, up to the last byte that it may have', async () => {
    expect(await read(post('12345678'))).toEqual({ ok: true, text: '12345678' });
    expect(await read(post('é€'))).toEqual({ ok: true, text: 'é€' });
    expect(await read(post('éééé'), 8)).toEqual({ ok: true, text: 'éééé' });
  });

  it('is empty where there is none', async () => {
    expect(await read(post(null))).toEqual({ ok: true, text: '' });
    expect(await read(new Request('https://example.test'))).toEqual({ ok: true, text: '' });
  });

  it('is put together again where a character came in two', async () => {
    const [first, ...rest] = [...bytes('€')];
    const { request } = streamed([Uint8Array.of(first ?? 0), Uint8Array.from(rest)]);
    expect(await read(request)).toEqual({ ok: true, text: '€' });
  });

  it('is counted in bytes, as they arrive, whatever the client says of its length', async () => {
    expect(await read(post('123456789'))).toEqual({ ok: false, reason: 'too-large' });
    expect(await read(post('ééééé'))).toEqual({ ok: false, reason: 'too-large' });
    const { request, seen } = streamed([bytes('1234'), bytes('5678'), bytes('9'), bytes('0')]);
    request.headers.set('content-length', '4');
    expect(await read(request)).toEqual({ ok: false, reason: 'too-large' });
    expect(seen).toEqual({ pulled: 3, cancelled: true });
  });

  it('is not begun where the client announces too much', async () => {
    const { request, seen } = streamed([bytes('1')]);
    request.headers.set('content-length', '9');
    expect(await read(request)).toEqual({ ok: false, reason: 'too-large' });
    expect(seen.pulled).toBe(0);
  });

  it('is waited for until its time is over, and no longer', async () => {
    const { request, seen } = streamed([bytes('12')], 'hang');
    const reading = read(request);
    clock.advance(999);
    expect(await Promise.race([reading, Promise.resolve('waiting')])).toBe('waiting');
    clock.advance(1);
    expect(await reading).toEqual({ ok: false, reason: 'late' });
    expect(seen.cancelled).toBe(true);
  });

  it('leaves no timer behind', async () => {
    await read(post('1'));
    await read(post('123456789'));
    await read(streamed([], 'error').request);
    expect(clock.pending()).toBe(0);
  });

  it.each([
    ['that is no UTF-8', post(Uint8Array.of(0xff, 0xfe))],
    ['that ends within a character', post(Uint8Array.of(0xe2, 0x82))],
    ['of a client that goes away', streamed([bytes('1')], 'error').request],
  ])('is unreadable, and nothing is thrown: one %s', async (_what, request) => {
    expect(await read(request)).toEqual({ ok: false, reason: 'unreadable' });
  });

  it.each([
    ['too-large', 413],
    ['late', 408],
    ['unreadable', 400],
  ] as const)('is answered where it is %s with %d', (reason, status) => {
    const response = bodyProblem({ ok: false, reason }, { maxBytes: 8 });
    expect([response.status, response.headers.get('content-type')]).toEqual([status, 'application/problem+json']);
  });
});
