import { deflateRawSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Compression } from '../../../lib/cache/payload/compression.ts';
import { allowNoUnhandledRejection } from '../../support/unhandled-rejections.ts';

const Native = DecompressionStream;
const NOTHING_AND_A_BYTE = [0x03, 0x00, 0x00];

beforeEach(() => vi.resetModules());
afterEach(() => vi.unstubAllGlobals());

/** As a process finds it that has just started. */
const found = async (): Promise<Compression | undefined> =>
  (await import('../../../lib/cache/payload/platform-compression.ts')).platformCompression();

const given = async (): Promise<Compression> => {
  const compression = await found();
  if (compression === undefined) throw new Error('This platform has no compression');
  return compression;
};

/** The platform's own inflater, watched. It ignores or refuses bytes behind the end as told, whatever the platform does. */
const watchedInflater = (refusesRest: boolean) => {
  const seen = { streams: 0, bytes: 0, cancelled: 0 };
  function Watched(): unknown {
    seen.streams += 1;
    const before = new TransformStream<Uint8Array<ArrayBuffer>, BufferSource>({
      transform(chunk, controller) {
        const isProbe = chunk.join() === NOTHING_AND_A_BYTE.join();
        if (isProbe && refusesRest) throw new TypeError('junk');
        controller.enqueue(isProbe ? chunk.subarray(0, 2) : chunk);
      },
    });
    const inflated = before.readable.pipeThrough(new Native('deflate-raw')).getReader();
    const readable = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { done, value } = await inflated.read();
        if (done) return controller.close();
        seen.bytes += value.length;
        controller.enqueue(value);
      },
      cancel(reason) {
        seen.cancelled += 1;
        return inflated.cancel(reason);
      },
    });
    return { writable: before.writable, readable };
  }
  vi.stubGlobal('DecompressionStream', Watched);
  return seen;
};

function boom(): never {
  throw new Error('not supported in the Edge Runtime');
}

describe('the compression of the platform', () => {
  allowNoUnhandledRejection();

  it('is looked for once, and not before it is asked for', async () => {
    const seen = watchedInflater(true);
    const { platformCompression } = await import('../../../lib/cache/payload/platform-compression.ts');
    expect(seen.streams).toBe(0);
    const first = platformCompression();
    expect(first).toBeDefined();
    expect(platformCompression()).toBe(first);
    expect(seen.streams).toBe(1);
  });

  it.each(['CompressionStream', 'DecompressionStream'])('is none where there is no %s', async (name) => {
    vi.stubGlobal(name, undefined);
    expect(await found()).toBeUndefined();
  });

  it.each(['CompressionStream', 'DecompressionStream'])('is none where %s throws when it is called', async (name) => {
    vi.stubGlobal(name, boom);
    expect(await found()).toBeUndefined();
  });

  it('is none where the platform knows other formats only', async () => {
    vi.stubGlobal(
      'CompressionStream',
      class {
        constructor(format: string) {
          if (format === 'deflate-raw') throw new TypeError('format');
        }
      },
    );
    expect(await found()).toBeUndefined();
  });

  it('goes on being none where there was none, without trying again', async () => {
    const stub = vi.fn(boom);
    vi.stubGlobal('CompressionStream', stub);
    const { platformCompression } = await import('../../../lib/cache/payload/platform-compression.ts');
    expect([platformCompression(), platformCompression()]).toEqual([undefined, undefined]);
    expect(stub).toHaveBeenCalledTimes(1);
  });

  it('inflates little more of a bomb than the bound, and stops', async () => {
    const bomb = deflateRawSync(new Uint8Array(10_000_000));
    const seen = watchedInflater(true);
    await expect((await given()).inflate(bomb, 65_536)).rejects.toThrow(RangeError);
    expect(seen.cancelled).toBe(1);
    expect(seen.bytes).toBeGreaterThan(65_536);
    expect(seen.bytes).toBeLessThan(500_000);
  });

  it('inflates twice only where the platform ignores bytes behind the end, and finds that out once', async () => {
    const bytes = deflateRawSync(Uint8Array.of(1, 2, 3));
    for (const [refusesRest, streams] of [
      [true, 1 + 1 + 3],
      [false, 1 + 1 + 3 * 2],
    ] as const) {
      vi.resetModules();
      const seen = watchedInflater(refusesRest);
      const compression = await given();
      for (let time = 0; time < 3; time += 1) {
        expect(await compression.inflate(bytes, 10)).toEqual(Uint8Array.of(1, 2, 3));
      }
      expect(seen.streams).toBe(streams);
    }
  });
});
