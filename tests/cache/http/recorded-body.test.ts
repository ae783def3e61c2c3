import { describe, expect, it } from 'vitest';
import { recordBody } from '../../../lib/cache/http/recorded-body.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const textOf = (chunk: Uint8Array | undefined) => chunk && new TextDecoder().decode(chunk);

/** A body that yields what the test pushes, and counts what is taken of it. */
function pushed() {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const seen = { cancelled: false };
  const stream = new ReadableStream<Uint8Array>({
    start(own) {
      controller = own;
    },
    cancel() {
      seen.cancelled = true;
    },
  });
  return {
    stream,
    seen,
    push: (text: string) => controller?.enqueue(bytes(text)),
    end: () => controller?.close(),
    fail: (error: Error) => controller?.error(error),
  };
}

/** A body without an end, whose chunks are made as they are asked for. */
function endless(chunk = bytes('12345678')) {
  const seen = { pulled: 0, cancelled: false };
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        seen.pulled += 1;
        controller.enqueue(chunk.slice());
      },
      cancel() {
        seen.cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, seen };
}

const settled = async () => {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
};
function recording(stream: ReadableStream<Uint8Array>, maxBytes = 8) {
  const clock = manualClock();
  return { clock, ...recordBody(stream, { maxBytes, timeoutMs: 1_000, clock }) };
}

describe('a body that is recorded', () => {
  it('is handed on chunk by chunk as it comes, and is there as a whole at its end', async () => {
    const source = pushed();
    const { stream, bytes: whole, clock } = recording(source.stream);
    const reader = stream.getReader();
    source.push('1234');
    expect(textOf((await reader.read()).value)).toBe('1234');
    source.push('5678');
    expect(textOf((await reader.read()).value)).toBe('5678');
    source.end();
    expect((await reader.read()).done).toBe(true);
    expect(textOf(await whole)).toBe('12345678');
    expect(clock.pending()).toBe(0);
  });

  it('is whole without anybody reading, and can be read afterwards', async () => {
    const source = pushed();
    const { stream, bytes: whole } = recording(source.stream);
    for (const text of ['12', '34', '56']) source.push(text);
    source.end();
    expect(textOf(await whole)).toBe('123456');
    expect(await new Response(stream).text()).toBe('123456');
  });

  it('may be empty', async () => {
    const source = pushed();
    const { stream, bytes: whole } = recording(source.stream);
    source.end();
    expect(await whole).toEqual(new Uint8Array());
    expect(await new Response(stream).text()).toBe('');
  });

  it('is whole with its last byte, and not with one more; the reader gets all of it', async () => {
    for (const [text, recorded] of [
      ['12345678', '12345678'],
      ['123456789', undefined],
    ] as const) {
      const source = pushed();
      const { stream, bytes: whole, clock } = recording(source.stream);
      source.push(text.slice(0, 4));
      source.push(text.slice(4));
      source.end();
      expect(textOf(await whole)).toBe(recorded);
      expect(await new Response(stream).text()).toBe(text);
      expect(clock.pending()).toBe(0);
    }
  });

  it('is kept as it was where its chunks are Buffers, of which more than they show is in their memory', async () => {
    const memory = Buffer.from('..1234..');
    const { stream, bytes: whole } = recording(
      new ReadableStream({
        start(controller) {
          controller.enqueue(memory.subarray(2, 6));
          controller.close();
        },
      }),
    );
    const reader = stream.getReader();
    expect(textOf((await reader.read()).value)).toBe('1234');
    memory.fill(0);
    expect(textOf(await whole)).toBe('1234');
  });

  it('is kept as it was, whatever its reader does to what it is given', async () => {
    const source = pushed();
    const { stream, bytes: whole } = recording(source.stream);
    const reader = stream.getReader();
    source.push('1234');
    (await reader.read()).value?.fill(0);
    source.end();
    expect(textOf(await whole)).toBe('1234');
  });

  it('is not whole where it breaks off, and breaks off for its reader', async () => {
    const source = pushed();
    const { stream, bytes: whole, clock } = recording(source.stream);
    const reader = stream.getReader();
    source.push('1234');
    await reader.read();
    source.fail(new Error('gone'));
    await expect(reader.read()).rejects.toThrow('gone');
    expect(await whole).toBeUndefined();
    expect(clock.pending()).toBe(0);
  });

  it('is given up after its time; the reader gets the rest whenever it comes', async () => {
    const source = pushed();
    const { stream, bytes: whole, clock } = recording(source.stream);
    let isOver = false;
    void whole.then(() => {
      isOver = true;
    });
    source.push('1234');
    await clock.run(999);
    expect(isOver).toBe(false);
    await clock.run(1);
    expect(isOver).toBe(true);
    expect(await whole).toBeUndefined();
    expect(source.seen.cancelled).toBe(false);
    source.push('5678');
    source.end();
    expect(await new Response(stream).text()).toBe('12345678');
  });

  it('goes on when its reader leaves', async () => {
    const source = pushed();
    const { stream, bytes: whole } = recording(source.stream);
    source.push('12');
    await stream.cancel();
    source.push('34');
    source.end();
    expect(textOf(await whole)).toBe('1234');
    expect(source.seen.cancelled).toBe(false);
  });

  it('ends its source when neither a reader nor the recording wants it', async () => {
    const tooLarge = endless();
    const first = recording(tooLarge.stream);
    await first.stream.cancel();
    expect(await first.bytes).toBeUndefined();
    expect(tooLarge.seen.cancelled).toBe(true);

    const tooSlow = pushed();
    const second = recording(tooSlow.stream);
    await second.stream.cancel();
    await second.clock.run(1_000);
    expect(await second.bytes).toBeUndefined();
    expect(tooSlow.seen.cancelled).toBe(true);
  });

  it('ends its source when its reader leaves after the recording', async () => {
    const source = endless();
    const { stream, bytes: whole } = recording(source.stream);
    await whole;
    expect(source.seen.cancelled).toBe(false);
    await stream.cancel();
    expect(source.seen.cancelled).toBe(true);
  });
});

describe('a body without an end', () => {
  it('is read no further than the bound and one chunk, until somebody reads it', async () => {
    const { stream: source, seen } = endless();
    const { stream, bytes: whole } = recording(source, 80);
    expect(await whole).toBeUndefined();
    await settled();
    expect(seen.pulled).toBe(11);
    const reader = stream.getReader();
    for (let at = 0; at < 1_000; at += 1) expect(textOf((await reader.read()).value)).toBe('12345678');
    await settled();
    expect(seen.pulled).toBeLessThanOrEqual(1_001);
  });

  it('ends the recording though it has no bytes', async () => {
    const { stream: source, seen } = endless(new Uint8Array());
    expect(await recording(source).bytes).toBeUndefined();
    expect(seen.pulled).toBe(16_385);
  });

  it('is handed on though its chunks are none', async () => {
    const text = new ReadableStream<string>({ pull: (controller) => controller.enqueue('text') }, { highWaterMark: 0 });
    const { stream, bytes: whole } = recording(text as unknown as ReadableStream<Uint8Array>);
    expect(await whole).toBeUndefined();
    expect((await stream.getReader().read()).value).toBe('text');
  });
});
