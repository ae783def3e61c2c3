import type { FeedListener } from '../../app/_console/live/feed.ts';
import { type ManualClock, manualClock } from '../../lib/testing/manual-clock.ts';

/** What a feed asks, is answered by the test, and tells; its time is the test's. */
export interface FeedRig {
  readonly clock: ManualClock;
  readonly asked: { readonly path: string; readonly headers: Record<string, string>; readonly signal: AbortSignal }[];
  /** What was told, in order, in words. */
  readonly told: readonly string[];
  readonly fetch: typeof globalThis.fetch;
  readonly wait: (ms: number, stop: AbortSignal) => Promise<void>;
  readonly listener: FeedListener;
  /** What the next request is answered with: a response, or the error that it fails with. Without one it hangs. */
  answer(next: Response | Error): void;
}

export function feedRig(): FeedRig {
  const clock = manualClock();
  const asked: FeedRig['asked'] = [];
  const told: string[] = [];
  const answers: (Response | Error)[] = [];
  return {
    clock,
    asked,
    told,
    fetch: async (input, init) => {
      const signal = init?.signal ?? new AbortController().signal;
      asked.push({ path: String(input), headers: { ...(init?.headers as Record<string, string>) }, signal });
      const next = answers.shift();
      if (next instanceof Error) throw next;
      // As a browser does it: who gives a request up ends its body, too.
      if (next?.body) return new Response(next.body.pipeThrough(new TransformStream(), { signal }), next);
      if (next) return next;
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
    },
    wait: (ms, stop) =>
      new Promise((resolve) => {
        if (stop.aborted) return resolve();
        const cancel = clock.after(ms, resolve);
        stop.addEventListener('abort', () => {
          cancel();
          resolve();
        });
      }),
    listener: {
      history: (looks) => told.push(`history ${looks.map(({ at }) => at).join()}`),
      look: ({ at }) => told.push(`look ${at}`),
      connection: (connection) =>
        told.push([...Object.values(connection)].filter((part) => typeof part !== 'number').join(' ')),
    },
    answer: (next) => answers.push(next),
  };
}

/** A stream that a test writes. */
export interface WrittenStream {
  readonly response: Response;
  write(event: string, data: unknown): void;
  writeText(text: string): void;
  end(): void;
}

export function writtenStream(): WrittenStream {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const encoder = new TextEncoder();
  const writeText = (text: string) => void writer.write(encoder.encode(text)).catch(() => undefined);
  return {
    response: new Response(readable, { headers: { 'content-type': 'text/event-stream' } }),
    write: (event, data) => writeText(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`),
    writeText,
    end: () => void writer.close().catch(() => undefined),
  };
}
