import type { Clock } from '../../clock.ts';

export interface RecordingBounds {
  readonly maxBytes: number;
  /** How long the whole body may take. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

export interface RecordedBody {
  /** Every chunk as it comes, however the recording ends. */
  readonly stream: ReadableStream<Uint8Array>;
  /** All of it; `undefined` where it was too much, took too long or broke off. Never rejects. */
  readonly bytes: Promise<Uint8Array | undefined>;
}

/** Empty chunks cost no bytes, and there may be any number of them. */
const MAX_CHUNKS = 16_384;

/**
 * Hands a body on and keeps a copy of it. While it records it reads ahead of who reads the stream, so that a slow client
 * keeps nobody waiting, and goes on without them when they leave. Once a bound is exceeded it reads only what is read of
 * it, and ends the source with its reader. Takes at most twice `maxBytes`, and
 * two chunks.
 */
export function recordBody(source: ReadableStream<Uint8Array>, bounds: RecordingBounds): RecordedBody {
  const { maxBytes, timeoutMs, clock } = bounds;
  const reader = source.getReader();
  let kept: Uint8Array[] | undefined = [];
  let size = 0;
  let isRead = true;
  let conclude: (bytes: Uint8Array | undefined) => void = () => undefined;
  const bytes = new Promise<Uint8Array | undefined>((resolve) => {
    conclude = resolve;
  });
  const end = (whole: Uint8Array | undefined) => {
    stopTimer();
    kept = undefined;
    conclude(whole);
  };
  const giveUp = () => {
    end(undefined);
    if (!isRead) void reader.cancel().catch(() => undefined);
  };
  const stopTimer = clock.after(timeoutMs, giveUp);

  const keep = (chunk: Uint8Array) => {
    if (!kept) return;
    // Who reads the stream may hand its memory on to somebody else: what is kept is a copy.
    if (!ArrayBuffer.isView(chunk) || size + chunk.byteLength > maxBytes || kept.length === MAX_CHUNKS) return giveUp();
    size += chunk.byteLength;
    kept.push(copyOf(chunk));
  };

  /** Hands on one chunk. */
  const step = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
    try {
      const { done, value } = await reader.read();
      if (done) {
        end(kept && joined(kept, size));
        if (isRead) controller.close();
        isRead = false;
        return;
      }
      keep(value);
      if (isRead) controller.enqueue(value);
    } catch (error) {
      end(undefined);
      if (isRead) controller.error(error);
      isRead = false;
    }
  };
  const record = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
    while (kept) await step(controller);
  };

  const stream = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        void record(controller);
      },
      pull: step,
      cancel(reason) {
        isRead = false;
        return kept ? undefined : reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, bytes };
}

/** Not by its own `slice`: that of a Buffer is a view. */
function copyOf({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.slice(byteOffset, byteOffset + byteLength));
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}
