import { boundedBytes } from './bounded-bytes.ts';
import type { Compression } from './compression.ts';

/**
 * The compression of the platform, `undefined` where it has none: Node, Deno, Cloudflare and browsers have one, the Edge
 * runtime of Next has not; `fflateCompression` of `breakwater/cache/fflate` works everywhere. Looked for once.
 */
export function platformCompression(): Compression | undefined {
  found ??= { compression: isAvailable() ? createPlatformCompression() : undefined };
  return found.compression;
}

let found: { readonly compression: Compression | undefined } | undefined;

/** By making both streams: in the Edge sandbox of Next their names stand for functions that throw when called. */
function isAvailable(): boolean {
  try {
    open('Compression');
    open('Decompression');
    return true;
  } catch {
    return false;
  }
}

function createPlatformCompression(): Compression {
  let ignoresRest: Promise<boolean> | undefined;
  const inflate = (bytes: Uint8Array, maxBytes: number) => through(open('Decompression'), bytes, maxBytes);
  const inflates = (bytes: Uint8Array, maxBytes: number): Promise<boolean> =>
    inflate(bytes, maxBytes).then(
      () => true,
      () => false,
    );
  return {
    deflate: (bytes) => through(open('Compression'), bytes, Number.POSITIVE_INFINITY),
    async inflate(bytes, maxBytes) {
      const inflated = await inflate(bytes, maxBytes);
      // Bytes behind the end are an error by the standard, but older Nodes ignore them. There, no whole may come of all
      // bytes but the last.
      ignoresRest ??= inflates(NOTHING_AND_A_BYTE, 0);
      if ((await ignoresRest) && (await inflates(bytes.subarray(0, -1), maxBytes))) {
        throw new TypeError('There are bytes behind the end');
      }
      return inflated;
    },
  };
}

const NOTHING_AND_A_BYTE = Uint8Array.of(0x03, 0x00, 0x00);

interface ByteStream {
  readonly writable: WritableStream<Uint8Array>;
  readonly readable: ReadableStream<Uint8Array>;
}

/** By a name made at run time: of the plain name, webpack warns for Edge bundles wherever it sees it. */
function open(direction: 'Compression' | 'Decompression'): ByteStream {
  const name: string = `${direction}Stream`;
  const Stream: new (format: 'deflate-raw') => ByteStream = Reflect.get(globalThis, name);
  return new Stream('deflate-raw');
}

async function through({ writable, readable }: ByteStream, bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  const writer = writable.getWriter();
  // What fails here fails at the readable end too, and is heard there.
  writer.write(bytes).catch(() => undefined);
  writer.close().catch(() => undefined);
  const reader = readable.getReader();
  const output = boundedBytes(maxBytes);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return output.whole();
      output.add(value);
    }
  } catch (error) {
    // Stops the stream where the output is too large.
    reader.cancel().catch(() => undefined);
    throw error;
  }
}
