import type { Clock } from '../../lib/clock.ts';
import { problem } from '../../lib/guard/problem.ts';
import type { Leave } from './admission.ts';
import type { Look, Sampler } from './sampler.ts';

export interface EventStreamOptions {
  readonly sampler: Sampler;
  readonly leave: Leave;
  readonly clock: Clock;
}

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  // Neither kept nor packed on the way: a compressor waits for more than a look.
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
  // A server that stops waits for connections that are kept, and nobody asks anything else on this one.
  connection: 'close',
};

/** Who reads no more than this in one go is left: a page shows what is, not what was. */
const MAX_UNREAD_BYTES = 4 * 1024 * 1024;
/** How long to wait before connecting again. */
const RETRY_MS = 2_000;
/** So that neither side, nor a proxy between them, takes it for dead where there is nothing to see. */
const HEARTBEAT = ': no look\n\n';
/** How often it is asked whether the leave still holds. */
const LEAVE_MS = 5_000;

/**
 * Looks as server-sent events, as `ConsoleEvents` has them, until the client goes or its leave ends. 503 when too many
 * watch. `Last-Event-ID` leaves out of the history what the client has.
 */
export function streamLooks(request: Request, { sampler, leave, clock }: EventStreamOptions): Response {
  if (request.method === 'HEAD') return new Response(null, { headers: HEADERS });
  const encoder = new TextEncoder();
  let stop = (): void => undefined;
  let isFull = false;

  const start = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    let askedAt = clock.monotonic();
    const end = (): void => {
      stop();
      try {
        controller.close();
      } catch {
        // The client has closed it.
      }
    };
    const send = (text: string): void => {
      if ((controller.desiredSize ?? 0) > 0) {
        controller.enqueue(encoder.encode(text));
        return;
      }
      stop();
      // What it has not read is dropped. The name is that by which Next knows a response that was given up from a defect.
      controller.error(new DOMException('The client reads too slowly.', 'AbortError'));
    };
    const renew = async (): Promise<void> => {
      askedAt = clock.monotonic();
      if (!(await leave.holds().catch(() => false))) end();
    };
    const see = (look: Look | undefined): void => {
      send(look ? snapshotEvent(look) : HEARTBEAT);
      if (clock.monotonic() - askedAt >= LEAVE_MS) void renew();
    };
    const watch = sampler.watch({ see, end });
    if (!watch) {
      isFull = true;
      return;
    }
    request.signal.addEventListener('abort', end);
    stop = () => {
      watch.stop();
      request.signal.removeEventListener('abort', end);
    };
    // Gone while it was asked for its key: nothing would tell of that any more.
    if (request.signal.aborted) end();
    else send(`retry: ${RETRY_MS}\nevent: history\ndata: ${watch.history(lastEventId(request.headers))}\n\n`);
  };

  const body = new ReadableStream<Uint8Array>(
    { start, cancel: () => stop() },
    new ByteLengthQueuingStrategy({ highWaterMark: MAX_UNREAD_BYTES }),
  );
  return isFull ? tooMany() : new Response(body, { headers: HEADERS });
}

function snapshotEvent({ id, json }: Look): string {
  return `id: ${id}\nevent: snapshot\ndata: ${json}\n\n`;
}

function lastEventId(headers: Headers): number {
  const id = headers.get('last-event-id') ?? '';
  return /^\d{1,15}$/.test(id) ? Number(id) : 0;
}

function tooMany(): Response {
  const response = problem(503, 'console-busy', 'Too many watch the console of this process already.');
  response.headers.set('retry-after', '10');
  return response;
}
