import { type Clock, systemClock } from '../clock.ts';
import { problem } from './problem.ts';

export interface BodyBounds {
  /** Counted as they arrive: what a client says of the length is only ever held against it. */
  readonly maxBytes: number;
  /** How long the whole body may take. @default 10_000 */
  readonly timeoutMs?: number | undefined;
  readonly clock?: Clock | undefined;
}

/** `unreadable`: the client has gone away, or what it sent is no UTF-8 where text was wanted. */
export interface BodyFailure {
  readonly ok: false;
  readonly reason: 'too-large' | 'late' | 'unreadable';
}

export type BodyText = { readonly ok: true; readonly text: string } | BodyFailure;
export type BodyBytes = { readonly ok: true; readonly bytes: Uint8Array<ArrayBuffer> } | BodyFailure;

/** The body of a request as text, empty where there is none. Never throws for what a client sends, or does not. */
export async function readBody(request: Request, bounds: BodyBounds): Promise<BodyText> {
  const body = await readBodyBytes(request, bounds);
  if (!body.ok) return body;
  try {
    return { ok: true, text: new TextDecoder('utf-8', { fatal: true }).decode(body.bytes) };
  } catch {
    return { ok: false, reason: 'unreadable' };
  }
}

/** As {@link readBody}, whatever it means. */
export async function readBodyBytes(request: Request, bounds: BodyBounds): Promise<BodyBytes> {
  const { maxBytes, timeoutMs = 10_000, clock = systemClock } = bounds;
  if (Number(request.headers.get('content-length')) > maxBytes) return { ok: false, reason: 'too-large' };
  const reader = request.body?.getReader();
  if (!reader) return { ok: true, bytes: new Uint8Array() };
  const giveUp = () => void reader.cancel().catch(() => undefined);
  let isLate = false;
  // Ends the read that is under way at once, whatever becomes of the stream behind it.
  const stopTimer = clock.after(timeoutMs, () => {
    isLate = true;
    giveUp();
  });
  // Grows in steps, so that empty and tiny chunks cost nothing that lasts.
  let bytes = new Uint8Array(Math.min(maxBytes, FIRST_BYTES));
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (isLate) return { ok: false, reason: 'late' };
      if (done) return { ok: true, bytes: bytes.subarray(0, size) };
      if (size + value.byteLength > maxBytes) {
        giveUp();
        return { ok: false, reason: 'too-large' };
      }
      if (size + value.byteLength > bytes.length) {
        const larger = new Uint8Array(Math.min(maxBytes, 2 * (size + value.byteLength)));
        larger.set(bytes.subarray(0, size));
        bytes = larger;
      }
      bytes.set(value, size);
      size += value.byteLength;
    }
  } catch {
    giveUp();
    return { ok: false, reason: 'unreadable' };
  } finally {
    stopTimer();
  }
}

const FIRST_BYTES = 4_096;

/** The answer to a body that has not been read. */
export function bodyProblem({ reason }: BodyFailure, { maxBytes }: Pick<BodyBounds, 'maxBytes'>): Response {
  if (reason === 'too-large') return problem(413, 'content-too-large', `Send at most ${maxBytes} bytes.`);
  if (reason === 'late') return problem(408, 'body-late', 'The body took too long to arrive.');
  return problem(400, 'body-malformed', 'The body could not be read as UTF-8.');
}
